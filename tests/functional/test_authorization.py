"""Hosts with an external service that admits requests, as clients see them: requests through a real
Envoy."""

import pytest

from backends import Backend
from certs import Authority
from extension_services import AuthorizationServer, extension
from objects import ingress, path, port, rule, service, slice_of, tls_secret

HOST = "web.example.com"
FRIEND = {"x-user": "friend"}


def to(*, at="/", **more):
    return {"conditions": [{"prefix": at}], "services": [{"name": "web", "port": 80}], **more}


def proxy(*routes, name="web", host=HOST, tls=True, **virtualhost):
    secure = {"tls": {"secretName": "cert"}} if tls else {}
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": host, **secure, **virtualhost}, "routes": list(routes)}}


def ask(name="auth", **more):
    return {"extensionRef": {"name": name}, **more}


def configuration(**spec):
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
            "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": spec}


@pytest.fixture
def secure(site, request):
    """A site with an application, and a certificate that the client trusts. Its parameter: which Envoy."""
    site.start(getattr(request, "param", "newest"))
    site.authority = Authority()
    site.client.__init__(site.address, ca=site.authority.text)
    site.web = site.backend("web")
    names = [HOST, "other.example.com", "open.example.com", "ingress.example.com"]
    site.write("app.yaml", service("web", port(80, target=site.web.port)),
               slice_of("web", site.web.port, site.address),
               tls_secret("cert", site.authority.issue(*names)))
    return site


@pytest.fixture
def auth(secure):
    with AuthorizationServer("auth", secure.address) as server:
        yield server


def get(site, at="/", host=HOST, tls=True, **headers):
    return site.get(host, at, tls=tls, headers=headers)


def status(site, at="/", host=HOST, tls=True, **headers):
    return get(site, at, host, tls, **headers).status


def problems(site, key):
    return [p["reason"] for p in site.pipeline.statuses()[key]["problems"] if p["severity"] == "error"]


@pytest.mark.parametrize("secure", ["newest", "oldest"], indirect=True)
def test_a_service_over_grpc_lets_through_denies_and_sets_headers(secure, auth):
    site = secure
    site.write("all.yaml", *auth.objects(), proxy(to(), authorization=ask()))
    assert status(site, **FRIEND) == 200
    assert site.web.asked[-1].headers["x-let-through-by"] == "auth"
    denied = get(site, "/secret")
    assert (denied.status, denied.body, denied.headers["x-denied-by"]) == (401, "who are you?", "auth")
    assert denied.backend is None
    context, request = auth.last()
    assert (context, request.path, request.host) == ({}, "/secret", HOST)
    # Requests that need no route of the host are answered without asking.
    before = len(auth.asked)
    assert status(site, tls=False) == 301
    assert site.get("other.example.com", tls=True, sni=HOST).status == 421
    assert len(auth.asked) == before


def test_routes_have_contexts_and_may_be_open(secure, auth):
    site = secure
    site.write("all.yaml", *auth.objects(),
               proxy(to(), to(at="/context", authPolicy={"context": {"b": "route", "c": "route"}}),
                     {"conditions": [{"prefix": "/moved"}], "requestRedirectPolicy": {"path": "/new"}},
                     {"conditions": [{"prefix": "/said"}], "directResponsePolicy": {"statusCode": 200}},
                     to(at="/gone") | {"services": [{"name": "gone", "port": 80}]},
                     to(at="/open", authPolicy={"disabled": True}, permitInsecure=True),
                     to(at="/insecure", permitInsecure=True),
                     authorization=ask(authPolicy={"context": {"a": "host", "b": "host"}})),
               proxy(to(), to(at="/asked", authPolicy={"disabled": False}), name="other", host="other.example.com",
                     authorization=ask(authPolicy={"disabled": True})))
    assert status(site, **FRIEND) == 200
    assert auth.last()[0] == {"a": "host", "b": "host"}
    assert status(site, "/context", **FRIEND) == 200
    assert auth.last()[0] == {"a": "host", "b": "route", "c": "route"}
    # Envoy's own answers are not for everybody, either.
    for at, answer in (("/moved", 302), ("/said", 200), ("/gone", 503)):
        assert (status(site, at), status(site, at, **FRIEND)) == (401, answer), at
    assert status(site, "/open") == 200
    assert status(site, host="other.example.com") == 200
    assert status(site, "/asked", host="other.example.com") == 401
    # Plain HTTP serves only routes that need no permission, whatever permitInsecure says.
    assert status(site, "/open", tls=False) == 200
    assert status(site, "/insecure", tls=False, **FRIEND) == 301


def test_a_body_is_shown_to_the_service_up_to_a_size(secure, auth):
    site = secure
    site.write("all.yaml", *auth.objects(),
               proxy(to(), authorization=ask(withRequestBody={"maxRequestBytes": 8})),
               proxy(to(), name="other", host="other.example.com", authorization=ask(
                   withRequestBody={"maxRequestBytes": 8, "allowPartialMessage": True, "packAsBytes": True})))

    def post(host, body):
        connection = site.client.connect(host, tls=True)
        connection.request("POST", "/", body, {"Host": host, **FRIEND})
        answer = connection.getresponse().status
        connection.close()
        return answer

    assert post(HOST, b"small") == 200
    assert auth.last()[1].body == "small"
    assert post(HOST, b"much too large") == 413
    assert post("other.example.com", b"\xff much too large") == 200
    assert auth.last()[1].raw_body == b"\xff much t"


def test_a_service_out_of_reach_refuses_unless_it_may_fail(secure, auth):
    site = secure
    site.write("all.yaml", *auth.objects(), proxy(to(), authorization=ask()),
               proxy(to(), name="open", host="open.example.com", authorization=ask(failOpen=True)))
    assert status(site, host="open.example.com") == 401
    auth.close()
    assert status(site, **FRIEND) == 403
    assert status(site, host="open.example.com") == 200
    auth.start()
    assert status(site, host="open.example.com") == 401


def test_a_slow_service_is_waited_for_as_long_as_is_said(secure, auth):
    site = secure
    answer, go_on = auth.Check, auth.lock
    asked = []

    def check(request, context):
        with go_on:
            asked.append(context)
            go_on.wait_for(lambda: not context.is_active(), 60)
        return answer(request, context)

    auth.close()
    auth.Check = check
    auth.start()
    site.write("all.yaml", *auth.objects(spec={"timeoutPolicy": {"response": "1s"}}),
               proxy(to(), authorization=ask()),
               proxy(to(), name="open", host="open.example.com",
                     authorization=ask(failOpen=True, responseTimeout="500ms")))
    assert status(site, **FRIEND) == 403
    assert status(site, host="open.example.com") == 200
    assert asked
    with go_on:
        go_on.notify_all()


def test_a_service_over_http_sees_and_sets_the_headers_that_it_may(secure):
    site = secure

    def reply(asked):
        if asked.headers.get("x-user") != "friend":
            return 403, [("x-denied", "yes")]
        return 200, [("x-who", "friend"), ("x-more", "no")]

    with Backend("down", site.address) as down:
        gone = down.port
    with Backend("auth", site.address, reply) as auth:
        site.write("all.yaml", service("auth", port(80, target=auth.port)), slice_of("auth", auth.port, site.address),
                   extension("auth", "auth", protocol="http/1.1"),
                   proxy(to(), authorization=ask(serviceType="http", httpSettings={
                       "pathPrefix": "/check",
                       "allowedAuthorizationHeaders": [{"prefix": "X-U"}],
                       "allowedUpstreamHeaders": [{"exact": "x-who"}]})),
                   service("down", port(80, target=gone)), slice_of("down", gone, site.address),
                   extension("down", "down", protocol="http/1.1"),
                   proxy(to(), name="other", host="other.example.com",
                         authorization=ask("down", serviceType="http")))
        assert status(site, "/page", **FRIEND, **{"x-other": "hidden"}) == 200
        seen = auth.asked[-1]
        assert (seen.path, seen.headers["host"], seen.headers["x-other"]) == ("/check/page", HOST, None)
        reached = site.web.asked[-1].headers
        assert (reached["x-who"], reached["x-more"]) == ("friend", None)
        denied = get(site)
        assert (denied.status, denied.backend) == (403, "auth")
        assert status(site, host="other.example.com", **FRIEND) == 403


def test_a_service_behind_tls_is_known_by_its_certificate(secure):
    site = secure
    good = site.authority.issue("auth.internal")
    validation = {"caSecret": "authority", "subjectName": "auth.internal"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "authority", "namespace": "default"},
              "stringData": {"ca.crt": site.authority.text}}
    with AuthorizationServer("auth", site.address, good) as auth:
        site.write("all.yaml", secret, *auth.objects(spec={"protocol": "h2", "validation": validation}),
                   proxy(to(), authorization=ask()))
        assert status(site, **FRIEND) == 200
        # Another name than is in its certificate is somebody else.
        site.write("all.yaml", secret, *auth.objects(spec={
            "protocol": "h2", "validation": {**validation, "subjectName": "other.internal"}}),
            proxy(to(), authorization=ask()))
        assert status(site, **FRIEND) == 403


def test_weights_decide_between_the_services_of_an_extension(secure):
    site = secure
    with AuthorizationServer("a", site.address) as a, AuthorizationServer("b", site.address) as b:
        weighted = [{"name": "a", "port": 80, "weight": 0}, {"name": "b", "port": 80, "weight": 5}]
        site.write("services.yaml", *a.objects(created=False), *b.objects(created=False))
        patient = {"timeoutPolicy": {"response": "20s"}}
        site.write("all.yaml", extension("auth", *weighted, **patient), proxy(to(), authorization=ask()))
        assert [status(site, **FRIEND) for _ in range(6)] == [200] * 6
        assert (len(a.asked), len(b.asked)) == (0, 6)
        weighted[0]["weight"], weighted[1]["weight"] = 9, 1
        site.write("all.yaml", extension("auth", *weighted, **patient), proxy(to(), authorization=ask()))
        assert [status(site, **FRIEND) for _ in range(40)] == [200] * 40
        assert len(a.asked) > len(b.asked) - 6


def test_an_extension_that_comes_goes_and_changes_takes_no_connection_with_it(secure, auth):
    site = secure
    site.write("proxy.yaml", proxy(to(), to(at="/open", authPolicy={"disabled": True}),
                                   authorization=ask(failOpen=True)),
               proxy(to(), name="other", host="other.example.com"))
    # The service does not exist yet: only open routes are served, failOpen or not.
    assert status(site, **FRIEND) == 403
    assert status(site, "/open") == 200
    assert problems(site, "HTTPProxy default/web") == ["AuthError/ExtensionServiceNotFound"]
    connection = site.client.connect("other.example.com", tls=True)
    site.write("auth.yaml", *auth.objects())
    assert status(site, **FRIEND) == 200
    assert status(site) == 401
    assert problems(site, "HTTPProxy default/web") == []
    # Another server under the same name: the filters that ask it do not change.
    held = site.client.connect(HOST, tls=True)
    with AuthorizationServer("second", site.address) as second:
        site.write("auth.yaml", *second.objects(name="auth"))
        assert site.client.on(held, HOST, headers=FRIEND).status == 200
        assert len(second.asked) == 1
        # A service in error counts as missing.
        site.write("auth.yaml", *second.objects(name="auth", spec={"timeoutPolicy": {"response": "soon"}}))
        assert status(site, **FRIEND) == 403
        assert problems(site, "ExtensionService default/auth") == ["SpecError/TimeoutPolicyNotValid"]
        site.write("auth.yaml", *second.objects(name="auth"))
        assert status(site, **FRIEND) == 200
    site.remove("auth.yaml")
    assert status(site, **FRIEND) == 403
    assert status(site, "/open") == 200
    assert site.client.on(connection, "other.example.com").status == 200
    held.close()
    connection.close()


@pytest.mark.parametrize("form", ["chains", "shared"])
def test_the_configurations_service_is_asked_for_all_hosts_without_their_own(secure, auth, form):
    site = secure
    everywhere = configuration(portolan={"tls": {"hosts": form}}, globalExtAuth={
        "extensionRef": {"namespace": "default", "name": "auth"}, "authPolicy": {"context": {"from": "all"}}})
    hosts = [proxy(to(), to(at="/open", authPolicy={"disabled": True}), host="plain.example.com", name="plain", tls=False),
             proxy(to(), to(at="/insecure", permitInsecure=True)),
             proxy(to(), name="open", host="open.example.com", authorization={"authPolicy": {"disabled": True}}),
             ingress("ingress", rule("ingress.example.com", path("web")), tls=[("cert", "ingress.example.com")])]
    with AuthorizationServer("own", site.address) as own:
        site.write("all.yaml", everywhere, *auth.objects(), *own.objects(), *hosts,
                   proxy(to(), name="own", host="other.example.com", authorization=ask("own")))
        for host, tls in (("plain.example.com", False), (HOST, True), ("ingress.example.com", True),
                          ("ingress.example.com", False)):
            assert status(site, host=host, tls=tls) == 401, host
            assert status(site, host=host, tls=tls, **FRIEND) == 200, host
            assert auth.last()[0] == {"from": "all"}
        assert status(site, "/open", host="plain.example.com", tls=False) == 200
        assert status(site, host="open.example.com") == 200
        assert status(site, "/insecure", tls=False) == 401
        before = len(auth.asked)
        assert site.get("other.example.com", tls=True, sni=HOST).status == 421
        assert site.get(HOST, tls=True, sni="other.example.com").status == 421
        # A redirection to HTTPS is everybody's, and a host's own service is asked instead.
        assert status(site, tls=False) == 301
        assert status(site, host="other.example.com", **FRIEND) == 200
        assert (len(auth.asked), len(own.asked)) == (before, 1)
        # Without the service its protected routes are closed, and no others.
        site.write("all.yaml", everywhere, *own.objects(), *hosts,
                   proxy(to(), name="own", host="other.example.com", authorization=ask("own")))
        for host, tls in (("plain.example.com", False), (HOST, True), ("ingress.example.com", True)):
            assert status(site, host=host, tls=tls, **FRIEND) == 403, host
        assert status(site, "/open", host="plain.example.com", tls=False) == 200
        assert status(site, host="open.example.com") == 200
        assert status(site, host="other.example.com", **FRIEND) == 200
        assert problems(site, "HTTPProxy default/web") == ["AuthError/ExtensionServiceNotFound"]
        assert problems(site, "HTTPProxy default/open") == []
