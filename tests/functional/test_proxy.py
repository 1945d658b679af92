"""HTTPProxies as clients see them: requests through a real Envoy that the whole pipeline configures."""

import base64
import ssl

import pytest

from certs import Authority
from objects import backend_objects, proxy, tls_secret, to


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"},
            "data": {k.replace("_", "."): base64.b64encode(v.encode()).decode() for k, v in data.items()}}


@pytest.fixture
def running(site):
    return site.start()


def test_a_tree_of_includes_routes_rewrites_and_fails_in_its_own_part_only(running):
    site = running
    root, leaf = site.backend("root"), site.backend("leaf")
    site.write("all.yaml", *backend_objects(root), *backend_objects(leaf, namespace="team"),
               proxy("root", to("root"), fqdn="web.example.com", includes=[
                   {"name": "leaf", "namespace": "team", "conditions": [{"prefix": "/team"}]},
                   {"name": "gone", "conditions": [{"prefix": "/gone"}]}]),
               proxy("leaf", to("leaf", pathRewritePolicy={"replacePrefix": [{"replacement": "/"}]}),
                     to("leaf", conditions=[{"regex": "/x|/other"}]),
                     to("leaf", conditions=[{"exact": "/e"}, {"header": {"name": "x-a", "exact": "1"}}]),
                     {"conditions": [{"prefix": "/old"}], "requestRedirectPolicy": {"hostname": "new.example.com"}},
                     {"conditions": [{"prefix": "/said"}],
                      "directResponsePolicy": {"statusCode": 418, "body": "so"}}, namespace="team"))

    def asked(at, **headers):
        answer = site.get("web.example.com", at, headers=headers)
        return answer.body.split()[0::2] if answer.backend else answer.status

    assert asked("/") == ["root", "/"]
    assert asked("/team") == ["leaf", "/"]
    assert asked("/team/a") == ["leaf", "/a"]
    assert asked("/other") == ["root", "/other"]
    assert asked("/team/other") == ["leaf", "/team/other"]
    assert asked("/team/e") == ["leaf", "/e"]
    assert asked("/team/e", **{"x-a": "1"}) == ["leaf", "/team/e"]
    assert asked("/gone/x") == 502
    assert asked("/team/said") == 418
    moved = site.get("web.example.com", "/team/old/x")
    assert (moved.status, moved.headers["location"]) == (302, "http://new.example.com/team/old/x")


def test_policies_of_a_host_are_held_to(running):
    site = running
    web = site.backend("web")
    here = [{"source": "Peer", "cidr": "127.0.0.0/8"}]
    site.write("all.yaml", *backend_objects(web),
               proxy("open", to("web"), fqdn="open.example.com"),
               proxy("denied", to("web"), to("web", conditions=[{"prefix": "/open"}], ipAllowPolicy=here),
                     fqdn="denied.example.com", ipDenyPolicy=here),
               proxy("limited", to("web"), fqdn="limited.example.com", rateLimitPolicy={
                   "local": {"requests": 2, "unit": "hour", "responseStatusCode": 503}}),
               proxy("cors", to("web"), fqdn="cors.example.com", corsPolicy={
                   "allowOrigin": ["https://[a-z]+[.]example[.]com"], "allowMethods": ["GET"]}))
    assert site.get("open.example.com").status == 200
    assert site.get("denied.example.com").status == 403
    assert site.get("denied.example.com", "/open").status == 200
    assert [site.get("limited.example.com").status for _ in range(4)] == [200, 200, 503, 503]
    for origin, allowed in (("https://a.example.com", "https://a.example.com"),
                            ("https://a.example.org", None)):
        answer = site.get("cors.example.com", headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_cookies_are_rewritten_and_what_users_write_stays_data(running):
    site = running
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    path = "/a b%20\" .. os.exit() .. [[$\\'"
    name = "!#$%&'*+-.^_`|~"
    sent = ["a=1; Path=/old; HttpOnly; secure; path=/twice; Max-Age=3", " b =\"x, y\";Secure; samesite=Lax",
            "A=other case; Path=/old", f"{name}=1", "no equals sign", "c=; Domain=old.example.org"]
    web = site.backend("web", lambda _: (200, [("Set-Cookie", c) for c in sent]))
    rules = [{"name": "a", "pathRewrite": {"value": path}, "secure": False, "sameSite": "Strict"},
             {"name": "b", "secure": True, "sameSite": "None"}, {"name": name, "secure": True}]
    site.write("all.yaml", *backend_objects(web), tls_secret("cert", authority.issue("tls.example.com")),
               *(proxy(f"web{i}", to("web", cookieRewritePolicies=rules, permitInsecure=True),
                       {"conditions": [{"prefix": "/service"}],
                        "cookieRewritePolicies": [{"name": "c", "sameSite": "Lax", "secure": True}],
                        "services": [{"name": "web", "port": 80, "cookieRewritePolicies": [
                            {"name": "c", "domainRewrite": {"value": "example.com"}, "secure": False}]}]},
                       to("web", conditions=[{"prefix": "/as-it-is"}]), **virtualhost)
                 for i, virtualhost in enumerate((
                     {"fqdn": "web.example.com"},
                     {"fqdn": "tls.example.com", "tls": {"secretName": "cert"}}))))
    rewritten = [f"a=1; Path={path}; HttpOnly; Max-Age=3; SameSite=Strict",
                 "b =\"x, y\"; Secure; SameSite=None", sent[2], f"{name}=1; Secure", *sent[4:]]
    assert site.get("web.example.com").cookies == rewritten
    assert site.get("tls.example.com").cookies == rewritten
    assert site.get("tls.example.com", tls=True).cookies == rewritten
    both = [s.strip() for s in sent[:5]] + ["c=; Domain=example.com; SameSite=Lax"]
    assert site.get("web.example.com", "/service").cookies == both
    assert site.get("tls.example.com", "/service", tls=True).cookies == both
    assert site.get("tls.example.com", "/as-it-is", tls=True).cookies == [s.strip() for s in sent]
    assert "script log" not in site.envoy.logged()


def test_tls_asks_for_certificates_of_clients_and_tells_of_them(running, tmp_path):
    site = running
    authority, stranger = Authority(), Authority()
    web = site.backend("web")
    site.write("all.yaml", *backend_objects(web), tls_secret("cert", authority.issue("web.example.com")),
               secret("authority", ca_crt=authority.text),
               proxy("web", to("web"), to("web", conditions=[{"prefix": "/open"}], permitInsecure=True),
                     fqdn="web.example.com", tls={
                         "secretName": "cert", "clientValidation": {"caSecret": "authority"}}))

    def status(certificate):
        site.client.__init__(site.address, ca=authority.text)
        if certificate:
            (tmp_path / "client.pem").write_text(certificate.chain + certificate.key)
            site.client.context.load_cert_chain(tmp_path / "client.pem")
        return site.get("web.example.com", tls=True).status

    assert status(authority.issue("client")) == 200
    for certificate in (None, stranger.issue("client")):
        with pytest.raises((ssl.SSLError, OSError)):
            status(certificate)
    moved = site.get("web.example.com", "/x")
    assert (moved.status, moved.headers["location"]) == (301, "https://web.example.com/x")
    assert site.get("web.example.com", "/open").status == 200


def test_a_tcpproxy_passes_on_what_tls_carried(running):
    site = running
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    web = site.backend("web")
    site.write("all.yaml", *backend_objects(web), tls_secret("cert", authority.issue("web.example.com")),
               proxy("web", fqdn="web.example.com", tls={"secretName": "cert"}, tcp=to("web")))
    answer = site.get("web.example.com", tls=True)
    assert answer.backend == "web"
    # No filter has read the request or the answer.
    assert "x-envoy-upstream-service-time" not in answer.headers
