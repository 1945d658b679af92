"""Certificates of both sides, as clients and backends see them: requests through a real Envoy."""

import ssl
import urllib.parse

import pytest

from backends import Load, loaded
from certs import Authority
from extension_services import AuthorizationServer
from objects import ingress, path, port, rule, service, slice_of, tls_secret

HOST = "web.example.com"


def backend_objects(backend, **meta):
    return [service(backend.name, port(80, target=backend.port), **meta),
            slice_of(backend.name, backend.port, backend.address)]


def to(name="web", **more):
    return {"name": name, "port": 80, **more}


def proxy(*services, name="web", fqdn=HOST, tls=None, spec=None, **route):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": fqdn, **({"tls": tls} if tls else {})},
                     **({"routes": [{"services": list(services), **route}]} if services else {}),
                     **(spec or {})}}


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": "default"},
            "stringData": {k.replace("_", "."): v for k, v in data.items()}}


def delegation(namespace, name, *targets):
    return {"apiVersion": "projectcontour.io/v1", "kind": "TLSCertificateDelegation",
            "metadata": {"name": "lend", "namespace": namespace},
            "spec": {"delegations": [{"secretName": name, "targetNamespaces": list(targets)}]}}


def configuration(**spec):
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
            "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": spec}


@pytest.fixture
def authority():
    return Authority()


@pytest.fixture
def running(site, authority):
    site.start()
    site.client.__init__(site.address, ca=authority.text)
    return site


def refused(site, host=HOST, sni=None):
    """Whether the handshake fails."""
    try:
        site.get(host, tls=True, sni=sni)
    except (ssl.SSLError, OSError):
        return True
    return False


# ---- clients ----

def test_a_wildcard_host_serves_each_name_one_label_below_it_over_https(running, authority):
    site = running
    web, own = site.backend("web"), site.backend("own")
    site.write("all.yaml", *backend_objects(web), *backend_objects(own),
               tls_secret("cert", authority.issue("*.example.com")),
               proxy(to(), name="wild", fqdn="*.example.com", tls={"secretName": "cert"}))
    site.write("own.yaml", proxy(to("own"), name="own", fqdn="own.example.com", tls={"secretName": "cert"}))
    assert site.get("any.example.com", tls=True).backend == "web"
    assert site.get("own.example.com", tls=True).backend == "own"
    # The handshake's host is not the one asked for now.
    assert site.get("own.example.com", tls=True, sni="any.example.com").status == 421
    assert site.get("example.com", tls=True, sni="any.example.com").status == 421
    assert site.get("more.example.com", tls=True, sni="any.example.com").backend == "web"
    # Once it is served like the others it is theirs.
    site.remove("own.yaml")
    assert site.get("own.example.com", tls=True, sni="any.example.com").backend == "web"


def test_versions_of_tls_are_held_to_for_each_host(running, authority):
    site = running
    web = site.backend("web")
    site.write("all.yaml", *backend_objects(web),
               tls_secret("cert", authority.issue("new.example.com", "old.example.com", HOST)),
               *(proxy(to(), name=name, fqdn=f"{name}.example.com", tls={"secretName": "cert", **versions})
                 for name, versions in (("new", {"minimumProtocolVersion": "1.3"}),
                                        ("old", {"maximumProtocolVersion": "1.2"}), ("web", {}))))

    def takes(version):
        site.client.context.minimum_version = site.client.context.maximum_version = version
        return [name for name in ("new", "old", "web") if not refused(site, f"{name}.example.com")]

    assert takes(ssl.TLSVersion.TLSv1_2) == ["old", "web"]
    assert takes(ssl.TLSVersion.TLSv1_3) == ["new", "web"]


def test_versions_of_tls_are_held_to_for_the_hosts_of_an_ingress(running, authority):
    site = running
    web = site.backend("web")
    site.write("all.yaml", *backend_objects(web), tls_secret("cert", authority.issue("new.example.com", HOST)),
               ingress("web", rule(HOST, path("web")), tls=[("cert", HOST)]),
               ingress("new", rule("new.example.com", path("web")), tls=[("cert", "new.example.com")],
                       annotations={"projectcontour.io/tls-minimum-protocol-version": "1.3"}))
    site.client.context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert site.get(HOST, tls=True).backend == "web"
    assert refused(site, "new.example.com")
    site.client.__init__(site.address, ca=authority.text)
    assert site.get("new.example.com", tls=True).backend == "web"


def test_what_is_passed_through_is_terminated_by_the_backend(running, authority):
    site = running
    web = site.backend("web", certificate=authority.issue(HOST))
    site.write("all.yaml", *backend_objects(web), proxy(
        tls={"passthrough": True}, spec={"tcpproxy": {"services": [to()]},
                                         "routes": [{"services": [to()]}]}))
    answer = site.get(HOST, tls=True)
    assert answer.backend == "web" and "x-request-id" not in web.asked[-1].headers
    assert web.names == [HOST]
    moved = site.get(HOST, "/x")
    assert (moved.status, moved.headers["location"]) == (301, f"https://{HOST}/x")


def test_backends_are_told_of_the_clients_certificate_and_only_by_envoy(running, authority):
    site = running
    web, clients = site.backend("web"), Authority("clients")
    told = {"subject": True, "cert": True, "dns": True}
    site.write("all.yaml", *backend_objects(web), tls_secret("cert", authority.issue(HOST)),
               secret("clients", ca_crt=clients.text), proxy(to(), tls={
                   "secretName": "cert", "clientValidation": {
                       "caSecret": "clients", "forwardClientCertificate": told}}))
    someone = clients.issue("someone.example.com")
    loaded(site.client.context, someone)
    lie = {"x-forwarded-client-cert": "Subject=\"CN=root\""}
    assert site.get(HOST, tls=True, headers=lie).status == 200
    details = dict(part.split("=", 1) for part in web.asked[-1].headers["x-forwarded-client-cert"].split(";"))
    assert details["Subject"] == '"CN=someone.example.com"'
    assert details["DNS"] == "someone.example.com"
    assert urllib.parse.unquote(details["Cert"].strip('"')) == someone.chain


def test_revoked_certificates_of_clients_are_refused(running, authority):
    site = running
    web, clients = site.backend("web"), Authority("clients")
    good, bad = clients.issue("good"), clients.issue("bad")

    def served(certificate):
        site.client.__init__(site.address, ca=authority.text)
        loaded(site.client.context, certificate)
        return not refused(site)

    def revoke(*certificates):
        site.write("all.yaml", *backend_objects(web), tls_secret("cert", authority.issue(HOST)),
                   secret("clients", ca_crt=clients.text),
                   secret("revoked", crl_pem=clients.revoke(*certificates)),
                   proxy(to(), tls={"secretName": "cert", "clientValidation": {
                       "caSecret": "clients", "crlSecret": "revoked"}}))
        return served(good), served(bad)

    assert revoke() == (True, True)
    assert revoke(bad) == (True, False)


@pytest.mark.parametrize("form", ["chains", "shared"])
def test_clients_that_name_no_host_get_the_fallback_certificate_and_the_hosts_that_allow_it(
        site, authority, form):
    site.pipeline.translator.args += ["--tls-hosts", form]
    site.start()
    site.client.__init__(site.address, ca=authority.text)
    web, own = site.backend("web"), authority.issue(HOST, "strict.example.com")
    old, new = authority.issue("fallback.example.com"), authority.issue("fallback.example.com")
    fallback = {"secretName": "cert", "enableFallbackCertificate": True}
    site.write("app.yaml", *backend_objects(web), tls_secret("cert", own), proxy(to(), tls=fallback),
               proxy(to(), name="strict", fqdn="strict.example.com", tls={"secretName": "cert"}),
               configuration(httpproxy={"fallbackCertificate": {"namespace": "vault", "name": "fallback"}}))
    site.client.context.check_hostname = False
    assert refused(site, sni="") and refused(site)
    assert site.get("strict.example.com", tls=True).backend == "web"
    site.write("fallback.yaml", tls_secret("fallback", old, namespace="vault"))
    assert refused(site, sni="")  # it is not lent to this namespace
    site.write("lent.yaml", delegation("vault", "fallback", "default"))
    assert site.get(HOST, tls=True, sni="").certificate == old.der
    if form == "chains":
        assert site.get(HOST, tls=True, sni="unknown.example.net").certificate == old.der
    else:
        assert refused(site, sni="unknown.example.net")
    assert site.get(HOST, tls=True).certificate == own.der
    assert site.get("strict.example.com", tls=True, sni="").status == 404
    # A wildcard does not answer for a host that is served only to clients that name it.
    site.write("wild.yaml", proxy(to(), name="wild", fqdn="*.example.com", tls=fallback))
    assert site.get("any.example.com", tls=True, sni="").backend == "web"
    assert site.get("strict.example.com", tls=True, sni="").status == 421
    assert site.get(HOST, tls=True, sni="").backend == "web"
    site.remove("wild.yaml")
    with Load(site.client, HOST, tls=True, sni="") as load:
        site.write("fallback.yaml", tls_secret("fallback", new, namespace="vault"))
        assert site.get(HOST, tls=True, sni="").certificate == new.der
        load.more(50)
    assert load.failed == []
    site.write("app.yaml", *backend_objects(web), tls_secret("cert", own), proxy(to(), tls={"secretName": "cert"}))
    assert refused(site, sni="")
    assert site.get(HOST, tls=True).certificate == own.der


# ---- backends ----

def test_a_backend_is_served_only_with_the_certificate_that_it_should_have(running, authority):
    site = running
    web = site.backend("web", certificate=authority.issue("inside.example.com"))
    stranger = Authority()

    def status(trusted, *subjects, **route):
        site.write("all.yaml", *backend_objects(web), secret("ca", ca_crt=trusted.text),
                   proxy(to(protocol="tls", validation={
                       "caSecret": "ca", "subjectName": subjects[0], "subjectNames": list(subjects)}), **route))
        return site.get(HOST).status

    assert status(authority, "inside.example.com") == 200
    assert web.names[-1] is None
    assert status(authority, "other.example.com", "inside.example.com") == 200
    assert status(authority, "other.example.com") == 503
    assert status(stranger, "inside.example.com") == 503
    # The name in the handshake is the one that the host is rewritten to.
    rewritten = {"set": [{"name": "Host", "value": "inside.example.com"}]}
    assert status(authority, "inside.example.com", requestHeadersPolicy=rewritten) == 200
    assert web.names[-1] == web.asked[-1].headers["host"] == "inside.example.com"


def test_upstreams_are_spoken_to_in_the_versions_of_tls_that_the_configuration_allows(running, authority):
    site = running
    web = site.backend("web", certificate=authority.issue("web"))
    web.server.socket.context.maximum_version = ssl.TLSVersion.TLSv1_2
    site.write("all.yaml", *backend_objects(web), proxy(to(protocol="tls")))
    assert site.get(HOST).status == 200
    for least, status in (("1.3", 503), ("1.2", 200)):
        site.write("config.yaml", configuration(envoy={"cluster": {"upstreamTLS": {
            "minimumProtocolVersion": least}}}))
        assert site.get(HOST).status == status


def test_the_annotation_makes_a_backend_speak_tls(running, authority):
    site = running
    web = site.backend("web", certificate=authority.issue("web"))
    site.write("all.yaml", *backend_objects(
        web, annotations={"projectcontour.io/upstream-protocol.tls": "80"}), ingress("web", rule(HOST, path("web"))))
    assert site.get(HOST).backend == "web"


def test_upstreams_are_shown_the_certificate_of_the_configuration_which_is_rotated_under_requests(
        running, authority):
    site, clients = running, Authority("envoys")
    old, new = clients.issue("envoy"), clients.issue("envoy")
    web = site.backend("web", lambda asked: (200, [("Connection", "close")]),
                       certificate=authority.issue("inside"), clients=clients.text)
    site.write("app.yaml", *backend_objects(
        web, annotations={"projectcontour.io/upstream-protocol.tls": "80"}),
        proxy(to(protocol="tls")), ingress("other", rule("other.example.com", path("web"))))
    hosts = (HOST, "other.example.com")
    assert [site.get(host).status for host in hosts] == [503, 503]
    site.write("config.yaml", configuration(envoy={"clientCertificate": {"namespace": "vault", "name": "envoy"}}))
    assert [site.get(host).status for host in hosts] == [503, 503]
    found = site.pipeline.statuses()["HTTPProxy default/web"]["problems"]
    assert [p["reason"] for p in found] == ["TLSError/SecretNotValid"]
    site.write("client.yaml", tls_secret("envoy", old, namespace="vault"))
    for host in hosts:
        assert site.get(host).status == 200
        assert web.asked[-1].certificate == old.der
    with Load(site.client, HOST) as load:
        site.write("client.yaml", tls_secret("envoy", new, namespace="vault"))
        load.more(50)
    assert load.failed == []
    assert site.get(HOST).status == 200
    assert web.asked[-1].certificate == new.der


def test_extension_services_are_shown_the_certificate_of_the_configuration(running, authority):
    site, clients = running, Authority("envoys")
    web = site.backend("web")
    with AuthorizationServer("auth", site.address, authority.issue("auth"), clients.text) as auth:
        site.write("all.yaml", *backend_objects(web), *auth.objects(spec={"protocol": "h2"}),
                   tls_secret("cert", authority.issue(HOST)),
                   proxy(to(), spec={"virtualhost": {"fqdn": HOST, "tls": {"secretName": "cert"},
                                                     "authorization": {"extensionRef": {"name": "auth"}}}}))
        friend = {"x-user": "friend"}
        assert site.get(HOST, tls=True, headers=friend).status == 403
        config = configuration(envoy={"clientCertificate": {"namespace": "vault", "name": "envoy"}})
        site.write("config.yaml", config)
        assert site.get(HOST, tls=True, headers=friend).status == 403
        found = site.pipeline.statuses()["ExtensionService default/auth"]["problems"]
        assert [p["reason"] for p in found] == ["TLSError/SecretNotValid"]
        site.write("config.yaml", config, tls_secret("envoy", clients.issue("envoy"), namespace="vault"))
        assert site.get(HOST, tls=True, headers=friend).status == 200


# ---- Secrets of other namespaces ----

def test_a_certificate_is_lent_taken_back_and_lent_again(running, authority):
    site = running
    web = site.backend("web")
    site.write("app.yaml", *backend_objects(web),
               tls_secret("cert", authority.issue(HOST), namespace="vault"),
               proxy(to(), tls={"secretName": "vault/cert"}))
    for _ in range(2):
        assert refused(site)
        found = site.pipeline.statuses()["HTTPProxy default/web"]
        assert found["verdict"] == "rejected"
        assert "TLSError/DelegationNotPermitted" in [p["reason"] for p in found["problems"]]
        assert site.get(HOST).status == 404
        site.write("lent.yaml", delegation("vault", "cert", "default"))
        assert site.get(HOST, tls=True).backend == "web"
        assert site.pipeline.statuses()["HTTPProxy default/web"]["verdict"] == "accepted"
        site.write("lent.yaml", delegation("vault", "cert", "elsewhere"))


def test_an_ingress_uses_a_certificate_of_the_namespace_that_its_annotation_names(running, authority):
    site = running
    web = site.backend("web")
    site.write("app.yaml", *backend_objects(web),
               tls_secret("cert", authority.issue(HOST), namespace="vault"),
               ingress("web", rule(HOST, path("web")), tls=[("cert", HOST)],
                       annotations={"projectcontour.io/tls-cert-namespace": "vault"}))
    assert refused(site)
    site.write("lent.yaml", delegation("vault", "cert", "*"))
    assert site.get(HOST, tls=True).backend == "web"
    site.remove("lent.yaml")
    assert refused(site)


# ---- Secrets that break ----

def metric(site, name):
    text = site.pipeline.translator.get("/metrics")
    return int(next(line for line in text.splitlines() if line.startswith(f"portolan_translator_{name} ")).split()[1])


def reasons(site, *names):
    found = site.pipeline.statuses()
    return {name: (found[name]["verdict"], [p["reason"] for p in found[name]["problems"]
                                            if p["severity"] == "error"]) for name in names}


@pytest.mark.parametrize("form", ["chains", "shared"])
def test_a_secret_that_breaks_leaves_its_hosts_with_the_certificate_that_they_had(site, authority, form):
    site.pipeline.translator.args += ["--tls-hosts", form]
    site.start()
    site.client.__init__(site.address, ca=authority.text)
    web, names = site.backend("web"), (HOST, "other.example.com")
    old, new = authority.issue(*names), authority.issue(*names)
    objects = ("HTTPProxy default/web", "Ingress default/other", "Secret vault/cert")
    site.write("app.yaml", *backend_objects(web), proxy(to(), tls={"secretName": "vault/cert"}),
               ingress("other", rule(names[1], path("web")), tls=[("vault/cert", names[1])]))
    site.write("lent.yaml", delegation("vault", "cert", "default"))
    site.write("cert.yaml", tls_secret("cert", old, namespace="vault"))
    broken = tls_secret("cert", (old.chain, new.key), namespace="vault")

    def served():
        return [site.get(name, tls=True).certificate for name in names]

    assert served() == [old.der, old.der]
    with Load(site.client, HOST, tls=True) as load:
        site.write("cert.yaml", broken)
        load.more(50)
        assert served() == [old.der, old.der]
        assert reasons(site, *objects) == {
            objects[0]: ("partial", ["TLSError/SecretNotValid"]),
            objects[1]: ("partial", ["CertificateInvalid"]), objects[2]: ("partial", ["CertificateInvalid"])}
        assert metric(site, "secrets_kept") == 1
        # Neither a restart nor a change of something else forgets it.
        site.pipeline.xds.keep_address()
        for names_of in (("translator",), ("xds-server", "translator")):
            for name in names_of:
                site.pipeline.stages[name].kill()
            site.pipeline.start(*names_of)
            site.settle()
            assert metric(site, "secrets_kept") == 1
        site.write("cert.yaml", tls_secret("cert", ("nonsense", ""), namespace="vault"))
        assert metric(site, "secrets_kept") == 1
        assert served() == [old.der, old.der]
        site.write("cert.yaml", tls_secret("cert", new, namespace="vault"))
        assert served() == [new.der, new.der]
        load.more(50)
    assert load.failed == []
    assert metric(site, "secrets_kept") == 0
    assert {verdict for verdict, _ in reasons(site, *objects).values()} == {"accepted"}


def test_of_a_secret_that_is_deleted_or_not_lent_any_more_nothing_is_kept(running, authority):
    site = running
    web, old = site.backend("web"), authority.issue(HOST)
    broken = tls_secret("cert", (old.chain, "nonsense"), namespace="vault")
    site.write("app.yaml", *backend_objects(web), proxy(to(), tls={"secretName": "vault/cert"}))
    for away in ("cert.yaml", "lent.yaml"):
        site.write("lent.yaml", delegation("vault", "cert", "default"))
        site.write("cert.yaml", tls_secret("cert", old, namespace="vault"))
        site.write("cert.yaml", broken)
        assert site.get(HOST, tls=True).certificate == old.der
        site.remove(away)
        assert refused(site)
        assert metric(site, "secrets_kept") == 0
        # It comes back, but as broken as it was.
        site.write("lent.yaml", delegation("vault", "cert", "default"))
        site.write("cert.yaml", broken)
        assert refused(site)


def test_a_secret_that_was_never_good_takes_only_its_own_host_away(running, authority):
    site = running
    web = site.backend("web")
    site.write("app.yaml", *backend_objects(web), tls_secret("cert", authority.issue(HOST)),
               tls_secret("bad", ("nonsense", "nonsense")), proxy(to(), tls={"secretName": "cert"}),
               proxy(to(), name="bad", fqdn="bad.example.com", tls={"secretName": "bad"}))
    assert site.get(HOST, tls=True).backend == "web"
    assert refused(site, "bad.example.com")
    assert reasons(site, "HTTPProxy default/bad") == {
        "HTTPProxy default/bad": ("rejected", ["TLSError/SecretNotValid"])}
