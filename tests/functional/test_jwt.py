"""Hosts that ask for JSON Web Tokens, as clients see them: requests through a real Envoy."""

import pytest

from backends import Load
from certs import Authority
from objects import port, service, slice_of, tls_secret
from tokens import KeyServer, Signer, key_set

HOST = "web.example.com"
# The servers of keys in these tests are on this host.
LOCAL = {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
         "metadata": {"name": "portolan", "namespace": "portolan"},
         "spec": {"portolan": {"destinations": {"allowLocal": True}}}}


def to(*, at="/", **more):
    return {"conditions": [{"prefix": at}], "services": [{"name": "web", "port": 80}], **more}


def proxy(*routes, name="web", includes=(), **virtualhost):
    spec = {"routes": list(routes), "includes": list(includes)}
    if virtualhost:
        spec["virtualhost"] = {"fqdn": HOST, "tls": {"secretName": "cert"}, **virtualhost}
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": "default"},
            "stringData": {k.replace("_", "."): v for k, v in data.items()}}


def local(name="local", secret_name="keys", **more):
    return {"name": name, "localJWKS": {"secretName": secret_name, "key": "jwks"}, **more}


def remote(uri, name="remote", validation=None, times=(), **more):
    keys = {"uri": uri, **({"validation": validation} if validation else {}), **dict(times)}
    return {"name": name, "remoteJWKS": keys, **more}


@pytest.fixture
def form():
    return "chains"


@pytest.fixture
def secure(site, form):
    """A site with an application behind a certificate that the client trusts."""
    site.pipeline.translator.args += ["--tls-hosts", form]
    site.start()
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    web = site.backend("web")
    site.write("configuration.yaml", LOCAL)
    site.write("app.yaml", service("web", port(80, target=web.port)),
               slice_of("web", web.port, web.address), tls_secret("cert", authority.issue(HOST)))
    return site


def status(site, at="/", tls=True, **headers):
    return site.get(HOST, at, tls=tls, headers=headers).status


def test_a_token_is_let_through_by_its_signature_issuer_audience_and_time(secure):
    site = secure
    elliptic, plain, stranger = Signer("e"), Signer("r", "RS256"), Signer("e")
    site.write("proxy.yaml", secret("keys", jwks=key_set(elliptic, plain)),
               proxy(to(), jwtProviders=[local(default=True, issuer="issuer", audiences=["web", "more"])]))
    assert status(site, **elliptic.header()) == 200
    assert status(site, **plain.header(audience="more")) == 200
    assert status(site) == 401
    assert status(site, Authorization="Bearer nonsense") == 401
    assert status(site, **stranger.header()) == 401
    assert status(site, **elliptic.header(issuer="other")) == 401
    assert status(site, **elliptic.header(lives=-3600)) == 401
    # The token is good, but for somebody else.
    assert status(site, **elliptic.header(audience="other")) in (401, 403)


@pytest.mark.parametrize("form", ["chains", "shared"])
def test_routes_and_included_ones_require_the_default_another_or_no_token(secure):
    site = secure
    first, second = Signer("1"), Signer("2", "RS256")
    second_only = {"require": "second"}
    site.write("proxy.yaml", secret("keys", jwks=key_set(first)), secret("other", jwks=key_set(second)),
               proxy(to(), to(at="/second", jwtVerificationPolicy=second_only),
                     to(at="/open", jwtVerificationPolicy={"disabled": True}, permitInsecure=True),
                     to(at="/insecure", permitInsecure=True),
                     includes=[{"name": "child", "conditions": [{"prefix": "/child"}]}],
                     jwtProviders=[local("first", default=True), local("second", "other")]),
               proxy(to(), to(at="/second", jwtVerificationPolicy=second_only),
                     to(at="/open", jwtVerificationPolicy={"disabled": True}), name="child"))
    for below in ("", "/child"):
        assert status(site, f"{below}/", **first.header()) == 200
        assert status(site, f"{below}/") == 401
        assert status(site, f"{below}/second", **second.header()) == 200
        assert status(site, f"{below}/second", **first.header()) == 401
        assert status(site, f"{below}/open") == 200
    # Plain HTTP serves only routes that need no token.
    assert status(site, "/open", tls=False) == 200
    moved = site.get(HOST, "/insecure", headers=first.header())
    assert (moved.status, moved.headers["location"]) == (301, f"https://{HOST}/insecure")


def test_keys_in_a_secret_are_rotated_under_requests(secure):
    site = secure
    old, new = Signer("old"), Signer("new")
    guarded = proxy(to(), to(at="/open", jwtVerificationPolicy={"disabled": True}),
                    jwtProviders=[local(default=True)])
    site.write("keys.yaml", secret("keys", jwks=key_set(old)))
    site.write("proxy.yaml", guarded)
    with Load(site.client, HOST, "/open", tls=True) as load:
        site.write("keys.yaml", secret("keys", jwks=key_set(old, new)))
        assert status(site, **old.header()) == status(site, **new.header()) == 200
        site.write("keys.yaml", secret("keys", jwks=key_set(new)))
        load.more(50)
    assert load.failed == []
    assert status(site, **new.header()) == 200
    assert status(site, **old.header()) == 401


def test_a_host_whose_keys_are_taken_away_is_not_served_unprotected(secure):
    site = secure
    signer = Signer()
    site.write("keys.yaml", secret("keys", jwks=key_set(signer)))
    site.write("proxy.yaml", proxy(to(permitInsecure=True), jwtProviders=[local(default=True)]))
    assert status(site, **signer.header()) == 200
    site.remove("keys.yaml")
    with pytest.raises(OSError):
        status(site, **signer.header())
    assert status(site, tls=False, **signer.header()) == 404


def test_keys_are_fetched_over_http_by_name_and_stay_in_use_while_their_server_fails(secure):
    site = secure
    old, new = Signer("old"), Signer("new", "RS256")
    with KeyServer("127.0.0.1", old) as keys:
        site.write("proxy.yaml", proxy(to(), jwtProviders=[remote(
            f"http://localhost:{keys.port}/set?of=keys", default=True,
            times={"cacheDuration": "100ms", "timeout": "5s", "dnsLookupFamily": "v4"})]))
        keys.wait_asked(1)
        assert status(site, **old.header()) == 200
        assert status(site) == 401
        assert keys.asked[0][0] == "/set?of=keys"
        keys.serve(new)
        keys.wait_asked(2)
        assert status(site, **new.header()) == 200
        assert status(site, **old.header()) == 401
        keys.serve()
        keys.wait_asked(2, good=False)
        assert status(site, **new.header()) == 200
        keys.serve(old)
        keys.wait_asked(2)
        assert status(site, **old.header()) == 200


def test_keys_are_fetched_over_https_only_from_who_has_the_right_certificate(secure):
    site = secure
    authority, stranger, signer = Authority(), Authority(), Signer()
    with KeyServer(site.address, signer,
                   certificate=authority.issue("keys.example.com")) as keys:
        def answer(trusted, subject):
            site.write("proxy.yaml", secret("ca", ca_crt=trusted.text), proxy(to(), jwtProviders=[remote(
                f"https://{site.address}:{keys.port}/", default=True,
                validation={"caSecret": "ca", "subjectName": subject})]))
            return status(site, **signer.header())

        assert answer(authority, "keys.example.com") == 200
        assert answer(authority, "other.example.com") == 401
        assert answer(stranger, "keys.example.com") == 401
        assert answer(authority, "keys.example.com") == 200


def test_two_ports_of_one_host_are_two_servers_of_keys(secure):
    site = secure
    one, two = Signer("1"), Signer("2")
    with KeyServer(site.address, one) as a, KeyServer(site.address, two) as b:
        site.write("proxy.yaml", proxy(
            to(jwtVerificationPolicy={"require": "a"}), to(at="/b", jwtVerificationPolicy={"require": "b"}),
            jwtProviders=[remote(f"http://{site.address}:{s.port}/", name) for name, s in (("a", a), ("b", b))]))
        assert status(site, **one.header()) == status(site, "/b", **two.header()) == 200
        assert status(site, **two.header()) == status(site, "/b", **one.header()) == 401
