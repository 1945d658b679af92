"""Which requests go where and how they change on the way, seen through a real Envoy."""

import pytest

from certs import Authority
from objects import backend_objects, ingress, path, proxy, rule, tls_secret, to


@pytest.fixture
def site(shared_site):
    shared_site.client.__init__(shared_site.address)
    return shared_site


def query(**operator):
    return {"queryParameter": {"name": "q", **operator}}


def test_query_parameters_choose_the_route(site):
    wanted = {"exact": query(exact="One"), "folded": query(exact="two", ignoreCase=True),
              "prefix": query(prefix="pre"), "suffix": query(suffix="fix"), "middle": query(contains="-in-"),
              "regex": query(regex="[0-9]{3}"), "present": {"queryParameter": {"name": "p", "present": True}}}
    names = ["rest", *wanted]
    backends = [o for n in names for o in backend_objects(site.backend(f"query-{n}"))]
    site.write("query.yaml", *backends, proxy(
        "query", *(to(f"query-{n}", **({"conditions": [wanted[n]]} if n in wanted else {})) for n in names),
        fqdn="query.example.com"))

    def asked(rest):
        return site.get("query.example.com", "/" + rest).backend.removeprefix("query-")

    assert {q: asked(q) for q in (
        "?q=One", "?q=one", "?q=TWO", "?q=prefer", "?q=a-suffix", "?q=x-in-y", "?q=123", "?q=1234", "?p",
        "?p=", "?x=1&q=One", "?q=", "", "?Q=One")} == {
        "?q=One": "exact", "?q=one": "rest", "?q=TWO": "folded", "?q=prefer": "prefix",
        "?q=a-suffix": "suffix", "?q=x-in-y": "middle", "?q=123": "regex", "?q=1234": "rest",
        "?p": "present", "?p=": "present", "?x=1&q=One": "exact", "?q=": "rest", "": "rest",
        "?Q=One": "rest"}


def test_a_star_stands_for_one_label(site):
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    site.write("star.yaml", *backend_objects(site.backend("star")), *backend_objects(site.backend("named")),
               tls_secret("star", authority.issue("*.star.example.com", "*.tls.example.com")),
               proxy("star", to("star"), fqdn="*.star.example.com"),
               proxy("named", to("named"), fqdn="named.star.example.com"),
               proxy("tls", to("star"), fqdn="*.tls.example.com", tls={"secretName": "star"}),
               ingress("star", rule("*.ingress.example.com", path("star"))))

    def asked(host, tls=False):
        answer = site.get(host, tls=tls)
        return answer.backend or answer.status

    assert {host: asked(host) for host in (
        "any.star.example.com", "ANY.star.example.com:8080", "named.star.example.com", "star.example.com",
        "two.labels.star.example.com", "any.tls.example.com", "any.ingress.example.com",
        "two.labels.ingress.example.com")} == {
        "any.star.example.com": "star", "ANY.star.example.com:8080": "star", "named.star.example.com": "named",
        "star.example.com": 404, "two.labels.star.example.com": 404, "any.tls.example.com": 301,
        "any.ingress.example.com": "star", "two.labels.ingress.example.com": 404}
    assert asked("any.tls.example.com", tls=True) == "star"


def test_websockets_where_they_are_allowed_only(site):
    site.write("ws.yaml", *backend_objects(site.backend("ws")),
               proxy("ws", to("ws"), to("ws", conditions=[{"prefix": "/ws"}], enableWebsockets=True),
                     fqdn="ws.example.com"),
               ingress("ws", rule("ws-ingress.example.com", path("ws"), path("ws", at="/ws")),
                       annotations={"projectcontour.io/websocket-routes": "/ws"}))
    for host in ("ws.example.com", "ws-ingress.example.com"):
        assert site.client.echo(host, "/ws", b"\x81\x05hello") == (101, b"\x81\x05hello")
        assert site.client.echo(host, "/", b"hello") == (403, None)
        assert site.get(host, "/ws").status == 200


def test_internal_redirects_are_followed_as_far_as_allowed(site):
    def step(asked):
        way, left = asked.path.rsplit("/", 1)
        return (302, [("Location", f"http://hops.example.com{way}/{int(left) - 1}")]) if int(left) else (200, ())

    site.write("hops.yaml", *backend_objects(site.backend("hops", step)), proxy(
        "hops", to("hops"),
        to("hops", conditions=[{"prefix": "/on"}], internalRedirectPolicy={"maxInternalRedirects": 2}),
        to("hops", conditions=[{"prefix": "/other-status"}],
           internalRedirectPolicy={"redirectResponseCodes": [307]}),
        to("hops", conditions=[{"prefix": "/once"}], internalRedirectPolicy={
            "maxInternalRedirects": 5, "denyRepeatedRouteRedirect": True}), fqdn="hops.example.com"))

    def asked(at):
        answer = site.get("hops.example.com", at)
        return answer.body.split()[2] if answer.status == 200 else answer.headers["location"]

    assert asked("/off/1") == "http://hops.example.com/off/0"
    assert asked("/on/2") == "/on/0"
    assert asked("/on/3") == "http://hops.example.com/on/0"
    assert asked("/other-status/1") == "http://hops.example.com/other-status/0"
    # To a route once, and never to the same again.
    assert asked("/once/1") == "/once/0"
    assert asked("/once/3") == "http://hops.example.com/once/1"


def test_headers_are_set_removed_and_filled_with_variables(site):
    web = site.backend("headers", lambda _: (200, [("x-gone", "1"), ("x-kept", "1"), ("x-old", "old")]))
    site.write("headers.yaml", *backend_objects(web), proxy(
        "headers",
        to({"name": "headers", "requestHeadersPolicy": {"set": [
                {"name": "x-service", "value": "%CONTOUR_SERVICE_NAME%:%CONTOUR_SERVICE_PORT%"}]},
            "responseHeadersPolicy": {"set": [{"name": "x-from-service", "value": "yes"}]}},
           requestHeadersPolicy={"set": [
               {"name": "x-old", "value": "new"}, {"name": "x-namespace", "value": "%CONTOUR_NAMESPACE%"},
               {"name": "x-peer", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
               {"name": "x-copy", "value": "%REQ(x-asked)%"}, {"name": "x-percent", "value": "100% %HOME%"}],
               "remove": ["x-unwanted"]},
           responseHeadersPolicy={"set": [{"name": "x-old", "value": "new"}], "remove": ["x-gone"]}),
        to("headers", conditions=[{"prefix": "/literal"}], requestHeadersPolicy={
            "set": [{"name": "Host", "value": "inside.example.com"}]}),
        to("headers", conditions=[{"prefix": "/copied"}], requestHeadersPolicy={
            "set": [{"name": "Host", "value": "%REQ(x-real-host)%"}]}),
        to({"name": "headers", "requestHeadersPolicy": {"set": [
            {"name": "Host", "value": "service.example.com"}]}}, conditions=[{"prefix": "/service"}]),
        fqdn="headers.example.com"))
    answer = site.get("headers.example.com", headers={
        "x-old": "old", "x-unwanted": "1", "x-asked": "this", "x-wanted": "1"})
    got = web.asked[-1].headers
    assert {h: got[h] for h in ("x-service", "x-old", "x-namespace", "x-copy", "x-percent", "x-unwanted",
                                "x-wanted", "Host")} == {
        "x-service": "headers:80", "x-old": "new", "x-namespace": "default", "x-copy": "this",
        "x-percent": "100% %HOME%", "x-unwanted": None, "x-wanted": "1", "Host": "headers.example.com"}
    assert got["x-peer"].startswith("127.")
    assert {h: answer.headers.get(h) for h in ("x-old", "x-gone", "x-kept", "x-from-service")} == {
        "x-old": "new", "x-gone": None, "x-kept": "1", "x-from-service": "yes"}
    for at, host in (("/literal", "inside.example.com"), ("/copied", "real.example.com"),
                     ("/service", "service.example.com")):
        site.get("headers.example.com", at, headers={"x-real-host": "real.example.com"})
        assert web.asked[-1].headers["Host"] == host


def test_plain_http_of_an_ingress_is_redirected_served_or_refused(site):
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    hosts = {"forced": {"ingress.kubernetes.io/force-ssl-redirect": "true"},
             "closed": {"kubernetes.io/ingress.allow-http": "false"},
             "both": {"ingress.kubernetes.io/force-ssl-redirect": "true",
                      "kubernetes.io/ingress.allow-http": "false"}, "open": {}}
    site.write("plain.yaml", *backend_objects(site.backend("plain")),
               tls_secret("plain", authority.issue(*(f"{n}.example.com" for n in hosts))),
               *(ingress(n, rule(f"{n}.example.com", path("plain")), tls=[("plain", f"{n}.example.com")],
                         annotations=a) for n, a in hosts.items()))
    for name, status in {"forced": 301, "closed": 404, "both": 301, "open": 200}.items():
        host = f"{name}.example.com"
        assert site.get(host, tls=True).backend == "plain"
        answer = site.get(host, "/x?y=1")
        assert answer.status == status
        assert answer.headers.get("location") == (f"https://{host}/x?y=1" if status == 301 else None)
