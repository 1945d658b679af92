"""Client certificates by auth-tls-*: asked for in the handshake, judged by routes."""

import re
import ssl
import urllib.parse

import pytest
from cryptography import x509

from backends import loaded
from certs import Authority
from nginx import World, nginx, redirect
from objects import tls_secret


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def world(nginx_sites, request):
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:44].strip("-")
    found = World(nginx_sites, name)
    found.backend("echo")
    return found


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": "default"}, "stringData": data}


def write(world, authority, *more, ca=None, **annotations):
    secured = nginx("a", world.host, auth_tls_secret=f"default/{world.name}-ca", ssl_redirect="false", **annotations)
    secured["spec"]["tls"] = [{"secretName": f"{world.name}-cert", "hosts": [world.host]}]
    world.write(tls_secret(f"{world.name}-cert", authority.issue(world.host)),
                secret(f"{world.name}-ca", **({"ca.crt": authority.text} if ca is None else ca)), secured, *more)


def test_a_subject_without_an_authority(world):
    """auth-tls-match-cn needs auth-tls-secret: the host is closed, and the status says so. On a canary it says that it
    does not count."""
    world.write(nginx("a", world.host, auth_tls_match_cn="CN=a"),
                nginx("main", f"c.{world.host}"),
                nginx("canary", f"c.{world.host}", canary="true", canary_weight="100", auth_tls_match_cn="CN=a"))
    assert (world.served(), world.served(host=f"c.{world.host}")) == (403, "echo")
    told = {k: v for k, v in world.site.pipeline.statuses().items() if k.startswith(f"Ingress default/{world.name}-")}
    assert [(told[f"Ingress default/{world.name}-{name}"]["verdict"], p["reason"], p["field"].partition("[")[2])
            for name in ("a", "canary") for p in told[f"Ingress default/{world.name}-{name}"]["problems"]] == [
        ("partial", "AccessClosed", "nginx.ingress.kubernetes.io/auth-tls-match-cn]"),
        ("accepted", "AnnotationWithoutEffect", "nginx.ingress.kubernetes.io/auth-tls-match-cn]")]


class Asking:
    """Requests with a client certificate, or without."""

    def __init__(self, world, certificate=None):
        self.client = world.site.client
        self.world = world
        self.certificate = certificate

    def get(self, at="/", **more):
        before = self.client.context
        self.client.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.context.check_hostname = False
        self.client.context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            loaded(self.client.context, self.certificate)
        try:
            return self.client.get(self.world.host, at, tls=True, **more)
        finally:
            self.client.context = before

    def served(self, at="/", **more):
        answer = self.get(at, **more)
        return answer.backend.removeprefix(self.world.name + "-") if answer.backend else answer.status

    def seen(self, **more):
        self.world.backends["echo"].asked.clear()
        self.get(**more)
        return self.world.backends["echo"].wait_asked(1)[-1].headers


def three(world, authority):
    """Without a certificate, with one of another authority, with a good one."""
    return (Asking(world), Asking(world, Authority("other").issue("stranger")),
            Asking(world, authority.issue("authtls")))


@pytest.mark.parametrize("word, answers", [
    (None, (400, 400, "echo")), ("on", (400, 400, "echo")), ("off", ("echo", "echo", "echo")),
    ("optional", ("echo", 400, "echo")), ("optional_no_ca", ("echo", "echo", "echo"))])
def test_who_may_come_in(world, authority, word, answers):
    more = {"auth_tls_verify_client": word} if word else {}
    write(world, authority, **more)
    askers = three(world, authority)
    for _ in range(2):
        assert tuple(a.served() for a in askers) == answers
    assert world.served() == "echo"  # plain HTTP is not asked for a certificate


def test_what_backends_are_told(world, authority):
    write(world, authority, auth_tls_verify_client="optional_no_ca", auth_tls_pass_certificate_to_upstream="true")
    forged = {n: "forged" for n in ("ssl-client-verify", "ssl-client-subject-dn", "ssl-client-issuer-dn",
                                    "ssl-client-cert", "x-forwarded-client-cert")}
    absent, stranger, good = (a.seen(headers=forged) for a in three(world, authority))
    assert (absent["ssl-client-verify"], absent["ssl-client-subject-dn"], absent["ssl-client-cert"]) == ("NONE", None, None)
    assert (stranger["ssl-client-verify"], "stranger" in stranger["ssl-client-subject-dn"]) == ("FAILED", True)
    assert (good["ssl-client-verify"], "CN=authtls" in good["ssl-client-subject-dn"]) == ("SUCCESS", True)
    assert good.get_all("ssl-client-issuer-dn") != ["forged"] and len(good.get_all("ssl-client-issuer-dn")) == 1
    assert good["ssl-client-cert"].startswith("-----BEGIN%20CERTIFICATE-----%0A")
    assert urllib.parse.unquote(good["ssl-client-cert"]).rstrip().endswith("-----END CERTIFICATE-----")
    for headers in (absent, stranger, good):
        assert headers["x-forwarded-client-cert"] is None
    plain = world.seen(headers=forged).headers
    assert [plain[n] for n in forged] == [None] * 5


def test_the_certificate_itself_is_told_only_if_asked_for(world, authority):
    write(world, authority)
    assert three(world, authority)[2].seen(headers={"ssl-client-cert": "forged"})["ssl-client-cert"] is None


@pytest.mark.parametrize("expression, status", [
    ("CN=no", 403), ("CN=(a|b|authtls)", "echo"), ("CN=auth", "echo"), ("CN=auth$", 403), ("CN=AUTHTLS", 403)])
def test_subjects(world, authority, expression, status):
    write(world, authority, auth_tls_match_cn=expression)
    absent, stranger, good = three(world, authority)
    assert (absent.served(), stranger.served(), good.served()) == (400, 400, status)
    assert good.served(headers={"x-forwarded-client-cert": 'Subject="CN=no,CN=AUTHTLS"'}) == status
    assert world.served() == 403  # without TLS there is no subject


@pytest.mark.parametrize("page, answer", [("http://in.test/error?x=1", (302, "http://in.test/error?x=1")),
                                          ("/error", (400, None)), ("@named", (400, None))])
def test_error_pages(world, authority, page, answer):
    write(world, authority, auth_tls_error_page=page)
    absent, stranger, good = three(world, authority)
    assert (redirect(absent.get()), redirect(stranger.get()), good.served()) == (answer, answer, "echo")


@pytest.mark.parametrize("ca, annotations", [
    ({"other": "x"}, {}), ({"ca.crt": "nothing"}, {}), (None, {"auth_tls_secret": "elsewhere/ca"}),
    (None, {"auth_tls_secret": "default/absent"}), (None, {"auth_tls_match_cn": "CN=("}),
    (None, {"auth_tls_match_cn": "O=x"})])
def test_what_cannot_be_verified_closes_the_host(world, authority, ca, annotations):
    secured = {"auth_tls_secret": f"default/{world.name}-ca", **annotations}
    made = nginx("a", world.host, "/", ssl_redirect="false", **secured)
    made["spec"]["tls"] = [{"secretName": f"{world.name}-cert", "hosts": [world.host]}]
    world.write(tls_secret(f"{world.name}-cert", authority.issue(world.host)),
                secret(f"{world.name}-ca", **(ca or {"ca.crt": authority.text})), made,
                nginx("later", world.host, "/later"), nginx("open", f"open.{world.host}"))
    good = three(world, authority)[2]
    assert (good.served(), good.served("/later"), world.served(), world.served(host=f"open.{world.host}")) == (
        403, 403, 403, "echo")
    status = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]
    assert "AccessClosed" in [p["reason"] for p in status["problems"]]


def test_the_auth_service_is_told(world, authority):
    world.backend("auth", lambda asked: ((200 if asked.headers["ssl-client-verify"] == "SUCCESS" else 403), []))
    write(world, authority, auth_tls_verify_client="optional",
          auth_url=f"http://{world.name}-auth.default.svc.cluster.local/")
    absent, _, good = three(world, authority)
    assert (absent.served(headers={"ssl-client-verify": "SUCCESS"}), good.served()) == (403, "echo")
    assert "CN=authtls" in world.backends["auth"].asked[-1].headers["ssl-client-subject-dn"]


def test_a_host_whose_secret_is_missing_has_a_certificate_that_nobody_trusts(world):
    made = nginx("a", world.host)
    made["spec"]["tls"] = [{"secretName": "absent", "hosts": [world.host]}]
    world.write(made, nginx("plain", f"plain.{world.host}"))
    assert redirect(world.get("/x")) == (308, f"https://{world.host}/x")
    answer = Asking(world).get("/x")
    assert answer.backend.endswith("echo")
    shown = x509.load_der_x509_certificate(answer.certificate)
    assert shown.issuer == shown.subject and "Portolan" in shown.subject.rfc4514_string()
    assert world.served(host=f"plain.{world.host}") == "echo"  # no TLS section: no redirect
    watcher = world.site.pipeline.stages["watcher"]
    file = world.site.pipeline.dir / "watcher" / "certificate"
    assert file.stat().st_mode & 0o777 == 0o600
    watcher.kill()
    watcher.start()
    world.site.settle()
    assert Asking(world).get("/x").certificate == answer.certificate
    assert "PRIVATE" not in watcher.logged()
