"""Cases that people met (docs/understand/what-was-tried.md): settings without effect are reported,
and reports are true."""

import json
import re
import subprocess

import pytest
import yaml

import offline
from certs import Authority
from objects import app, backend_objects, ingress, path, proxy, rule, service, tls_secret, to
from programs import TOP, program

CHALLENGE = "/.well-known/acme-challenge/token"
FORCED = {"ingress.kubernetes.io/force-ssl-redirect": "true"}


def when(at, kind="prefix"):
    return [{kind: at}]


@pytest.fixture
def web(site):
    """A site with a backend "web" whose Service exists."""
    site.start()
    site.write("web.yaml", *backend_objects(site.backend("web")))
    return site


def problems(site, name):
    return {p["reason"]: p["message"] for p in site.pipeline.statuses()[name].get("problems", ())}


def translated(folder, *objects):
    (folder / "in.yaml").write_text(yaml.safe_dump_all(objects))
    return offline.statuses(offline.translate(folder, folder / "in.yaml").statuses)


def said(folder, name, *objects):
    return {p["reason"]: p["message"] for p in translated(folder, *objects)[name].get("problems", ())}


def command(folder, *words):
    return subprocess.run([program("portolan"), *words], cwd=folder, capture_output=True, text=True, timeout=60)


# ---- A: accepted, without effect, and not reported ----

def test_a_certificate_for_no_name_is_said(folder):
    secret = tls_secret("cert", Authority().issue("web.example.com"))
    nothing = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
               "metadata": {"name": "web", "namespace": "default"},
               "spec": {"ingressClassName": "portolan", "tls": [{"secretName": "cert"}]}}
    for rules in ({"defaultBackend": path("web")["backend"]}, {"rules": [rule(None, path("web"))]}):
        found = said(folder, "Ingress default/web", secret, service("web"),
                     {**nothing, "spec": {**nothing["spec"], **rules}})
        assert "served over plain HTTP only" in found["CertificateWithoutHost"]
    found = said(folder, "Ingress default/web", secret, service("web"), ingress(
        "web", rule("web.example.com", path("web")), tls=[("cert", "web.example.com", "wbe.example.com")]))
    assert "no rule of this Ingress has host wbe.example.com" in found["CertificateUnused"]


def test_hosts_of_a_certificate_are_served_by_rules_without_a_host(web):
    secret = tls_secret("cert", Authority().issue("web.example.com", "two.example.com"))
    web.write("in.yaml", secret, ingress("web", rule(None, path("web", at="/all")), default=path("web")["backend"],
                                         tls=[("cert", "web.example.com")]))
    assert web.get("web.example.com", "/all", tls=True).backend == "web"
    assert web.get("web.example.com", "/other", tls=True).backend == "web"
    assert web.get("other.example.com", "/all").backend == "web"
    # A rule of its own is all that a host has.
    web.write("in.yaml", secret, ingress("web", rule(None, path("web")), rule("web.example.com", path("web", at="/own")),
                                         tls=[("cert", "web.example.com", "two.example.com")]))
    assert web.get("web.example.com", "/own", tls=True).status == 200
    assert web.get("web.example.com", "/", tls=True).status == 404
    assert web.get("two.example.com", "/", tls=True).status == 200


def test_headers_of_a_redirect_and_an_answer_are_sent(web):
    policy = {"responseHeadersPolicy": {"set": [{"name": "X-Set", "value": "here"}]}}
    web.write("in.yaml", proxy(
        "web", to("web"),
        {"conditions": when("/moved"), "requestRedirectPolicy": {"hostname": "new.example.com"}, **policy},
        {"conditions": when("/said"), "directResponsePolicy": {"statusCode": 418, "body": "no"}, **policy},
        fqdn="web.example.com"))
    for at, status in (("/moved", 302), ("/said", 418)):
        got = web.get("web.example.com", at)
        assert (got.status, got.headers["x-set"]) == (status, "here")


@pytest.mark.parametrize("field, value", [
    ("timeoutPolicy", {"response": "1s"}), ("retryPolicy", {"count": 2}), ("enableWebsockets", True),
    ("loadBalancerPolicy", {"strategy": "Random"}), ("pathRewritePolicy", {"replacePrefix": [{"replacement": "/"}]}),
    ("requestHeadersPolicy", {"set": [{"name": "X-A", "value": "1"}]}), ("healthCheckPolicy", {"path": "/"}),
    ("internalRedirectPolicy", {}), ("cookieRewritePolicies", [{"name": "a", "secure": True}])])
@pytest.mark.parametrize("action", [{"requestRedirectPolicy": {"path": "/x"}}, {"directResponsePolicy": {"statusCode": 200}}])
def test_what_only_forwarded_requests_have_is_said(folder, action, field, value):
    statuses = translated(folder, proxy("web", {"conditions": when("/x"), **action, field: value}, fqdn="web.example.com"))
    assert [(p["reason"], p["field"]) for p in statuses["HTTPProxy default/web"]["problems"]] == [
        ("SpecError/IgnoredField", f"spec.routes[0].{field}")]


ESCAPED = ["/p|q", "/a^b", "/a{b}", '/a"b"', "/a<b>", "/a`b", "/ä", "/%61bc", "/caf%C3%A9", "/a%7Cb", "/100%"]


def test_paths_match_as_a_browser_sends_them(web):
    """Envoy escapes them before it looks for a route."""
    paths = [p for p in ESCAPED if not set(p) & set("^")]
    web.write("in.yaml",
              ingress("exact", rule("exact.example.com", *(path("web", at=p, type="Exact") for p in paths))),
              ingress("prefix", rule("prefix.example.com", *(path("web", at=p) for p in paths))),
              proxy("proxy", *(to("web", conditions=when(p)) for p in ESCAPED), fqdn="proxy.example.com"),
              proxy("exactly", *(to("web", conditions=when(p, "exact")) for p in ESCAPED), fqdn="exactly.example.com"))
    for host, all in (("exact", paths), ("prefix", paths), ("proxy", ESCAPED), ("exactly", ESCAPED)):
        for p in all:
            sent = p.replace("ä", "%C3%A4")
            assert web.get(f"{host}.example.com", sent).status == 200, (host, p)
            full = "".join(c if c in "/%" or c.isalnum() else f"%{ord(c):02X}" for c in sent)
            assert web.get(f"{host}.example.com", full).status == 200, (host, full)


@pytest.mark.parametrize("condition, says", [
    ({"prefix": "/a\\b"}, "a backslash for a slash"), ({"exact": "/a/../b"}, "resolves"), ({"prefix": "/a/./b"}, "resolves"),
    ({"exact": "/a/%2e%2e"}, "resolves"), ({"prefix": "/a%2Fb"}, "escaped slashes"), ({"prefix": "/a%5cb"}, "escaped slashes"),
    ({"exact": "/a%00"}, "%00"), ({"regex": "/a b"}, "escaped")])
def test_a_path_that_no_request_has_is_said(folder, condition, says):
    found = said(folder, "HTTPProxy default/web", service("web"),
                 proxy("web", to("web", conditions=[condition]), fqdn="web.example.com"))
    assert says in found["RouteError/PathNeverMatches"]


@pytest.mark.parametrize("condition", [
    {"prefix": "/."}, {"prefix": "/.well-known/"}, {"prefix": "/a.."}, {"exact": "/.../x"}, {"regex": "/a[^/ ]+"}, {"prefix": "/a|b"}])
def test_a_path_that_a_request_may_have_is_not_named(folder, condition):
    found = said(folder, "HTTPProxy default/web", service("web"),
                 proxy("web", to("web", conditions=[condition]), fqdn="web.example.com"))
    assert "RouteError/PathNeverMatches" not in found


# ---- B: untrue, or of no help ----

def test_a_challenge_is_answered_before_the_certificate_is_there(web):
    """cert-manager's edit-in-place: the path is one of the Ingress that redirects."""
    web.write("in.yaml", ingress("web", rule("web.example.com", path("web"), path("web", at=CHALLENGE, type="Exact")),
                                 tls=[("cert", "web.example.com")], annotations=FORCED))
    assert web.get("web.example.com", CHALLENGE).backend == "web"
    moved = web.get("web.example.com", "/")
    assert (moved.status, moved.headers["location"]) == (301, "https://web.example.com/")
    message = problems(web, "Ingress default/web")["SecretMissing"]
    assert "redirected to HTTPS" in message and "served without TLS" not in message
    web.write("cert.yaml", tls_secret("cert", Authority().issue("web.example.com")))
    assert web.get("web.example.com", "/", tls=True).backend == "web"
    assert web.get("web.example.com", CHALLENGE).backend == "web"


@pytest.mark.parametrize("annotations, says", [
    ({}, "its hosts are served without TLS"), (FORCED, "redirected to HTTPS"),
    ({"kubernetes.io/ingress.allow-http": "false"}, "not served at all")])
def test_what_a_missing_certificate_means_is_said_as_it_is(folder, annotations, says):
    found = said(folder, "Ingress default/web", service("web"), ingress(
        "web", rule("web.example.com", path("web")), tls=[("cert", "web.example.com")], annotations=annotations))
    assert says in found["SecretMissing"]


def test_explain_names_who_has_no_certificate(folder):
    bad = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bad", "namespace": "default"},
           "stringData": {"tls.crt": "x", "tls.key": "y"}}
    (folder / "in.yaml").write_text(yaml.safe_dump_all([
        service("web"), bad,
        ingress("gone", rule("gone.example.com", path("web")), tls=[("gone", "gone.example.com")]),
        ingress("bad", rule("bad.example.com", path("web")), tls=[("bad", "bad.example.com")]),
        ingress("all", rule(None, path("web")), tls=[("gone", "all.example.com")]),
        ingress("plain", rule("plain.example.com", path("web"))), proxy("proxy", to("web"), fqdn="proxy.example.com"),
        proxy("root", to("web"), fqdn="root.example.com", tls={"secretName": "gone"})]))
    for host, names in (("gone", ["Ingress default/gone", "Secret default/gone"]), ("all", ["Ingress default/all", "Secret default/gone"]),
                        ("bad", ["Ingress default/bad", "Secret default/bad"]), ("plain", ["Ingress default/plain", "no spec.tls"]),
                        ("proxy", ["HTTPProxy default/proxy", "no spec.virtualhost.tls"]),
                        ("root", ["HTTPProxy default/root", "Secret default/gone"])):
        done = command(folder, "explain", "--manifests", "in.yaml", f"https://{host}.example.com/")
        assert done.returncode == 1 and all(n in done.stdout for n in names), done.stdout


def test_who_refers_to_what_cannot_be_read_is_told_where_it_stands(folder):
    (folder / "in.yaml").write_text("""\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports:
  - port: "80"
---
apiVersion: v1
kind: Secret
metadata: {name: cert}
data: {tls.crt: "%%%"}
---
""" + yaml.safe_dump_all([
        ingress("web", rule("web.example.com", path("web")), tls=[("cert", "web.example.com")]),
        proxy("web", to("web"), fqdn="proxy.example.com"),
        {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "leaf"}, "spec": {"routes": 1}},
        proxy("root", to("web"), fqdn="root.example.com", includes=[{"name": "leaf"}])]))
    lines = command(folder, "translate", "in.yaml").stderr
    for subject, what in (("Ingress default/web: spec.rules[0].http.paths[0].backend", "Service default/web"),
                          ("Ingress default/web: spec.tls[0]", "Secret default/cert: it"),
                          ("HTTPProxy default/web", "Service default/web"), ("HTTPProxy default/root", "HTTPProxy default/leaf")):
        assert any(subject in line and f"{what} is there, but cannot be read: in.yaml:" in line
                   for line in lines.splitlines()), (subject, lines)
    assert "in.yaml:6: spec.ports[0].port: must be a number" in lines


def test_what_was_unreadable_is_read_when_it_is_mended(pipeline):
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: %s}]}\n"
    pipeline.manifests.write("in.yaml", ingress("web", rule("web.example.com", path("web"))))
    for port, reason, says in (('"80"', "ServiceMissing", "cannot be read"), ("80", "NoEndpoints", "no endpoint"),
                               ('"80"', "NoEndpoints", "no endpoint")):
        pipeline.write_text("web.yaml", text % port)
        [problem] = pipeline.statuses()["Ingress default/web"]["problems"]
        assert problem["reason"] == reason and says in problem["message"]
    pipeline.remove("web.yaml")
    [problem] = pipeline.statuses()["Ingress default/web"]["problems"]
    assert problem["message"].startswith("there is no Service default/web")


def test_that_no_address_is_published_by_default_is_listed():
    """B12: a Contour file without envoy-service-name."""
    [row] = [line for line in (TOP / "docs/do/from-contour.md").read_text().splitlines()
             if line.startswith("| a configuration without `envoy-service-name`")]
    assert "projectcontour/envoy" in row and "--publish-service" in row


# ---- explain: upgrades, clients, versions ----

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]


def explain(folder, url, *words, headers=()):
    options = [w for k, v in headers for w in ("--header", f"{k}: {v}")]
    return command(folder, "explain", "--manifests", "in.yaml", url, *words, *options)


def test_explain_of_an_upgrade_says_what_envoy_does(folder):
    (folder / "in.yaml").write_text(yaml.safe_dump_all([
        service("web"), proxy("web", to("web"), to("web", conditions=when("/ws"), enableWebsockets=True),
                              {"conditions": when("/said"), "directResponsePolicy": {"statusCode": 200}}, fqdn="web.example.com")]))
    for at in ("/", "/said"):
        done = explain(folder, f"http://web.example.com{at}", headers=UPGRADE)
        assert done.returncode == 1 and "is answered with 403: Envoy refuses the upgrade to websocket" in done.stdout
    assert "503: no endpoint" in explain(folder, "http://web.example.com/ws", headers=UPGRADE).stdout
    assert "404" in explain(folder, "http://nobody.example.com/", headers=UPGRADE).stdout
    assert explain(folder, "http://web.example.com/said", headers=[("Connection", "Upgrade"), ("Upgrade", "h2c")]).returncode == 0
    done = explain(folder, "http://web.example.com/said", "--http-version", "2", headers=UPGRADE)
    assert done.returncode == 1 and "HTTP/2 has no header connection" in done.stdout


def test_explain_decides_filters_of_addresses_for_a_client(folder):
    (folder / "in.yaml").write_text(yaml.safe_dump_all([
        service("web"), proxy("web", {"conditions": when("/"), "directResponsePolicy": {"statusCode": 200}},
                              fqdn="web.example.com", ipAllowPolicy=[{"source": "Peer", "cidr": "10.0.0.0/8"},
                                                                     {"source": "Remote", "cidr": "2001:db8::/32"}])]))
    unknown = explain(folder, "http://web.example.com/").stdout
    assert "before that    only some clients' addresses are let through" in unknown
    for address, code in (("10.1.2.3", 0), ("11.0.0.1", 1), ("2001:db8::1", 0), ("2001:db9::1", 1)):
        done = explain(folder, "http://web.example.com/", "--client", address)
        assert done.returncode == code and ("clients of this address are not let through" in done.stdout) == bool(code)
    assert explain(folder, "http://web.example.com/", "--client", "x").returncode == 2
    assert explain(folder, "http://web.example.com/", "--http-version", "9").returncode == 2
    done = explain(folder, "httpproxy/default/web", "--client", "10.0.0.1")
    assert done.returncode == 2 and re.search("--client go with a URL", done.stderr)


def test_a_status_says_where_its_object_came_from_with_problems_and_without(pipeline):
    pipeline.manifests.write("web.yaml", *app("web", "10.0.0.1", 80))
    pipeline.manifests.write("lost.yaml", ingress("lost", rule("lost.example.com", path("lost"))))
    pipeline.settle()
    for stage in (pipeline.watcher, pipeline.translator):
        rows = {f"{r['kind']} {r['name']}": r for r in json.loads(stage.get("/debug/statuses"))}
        assert not rows["Ingress web"].get("problems") and rows["Ingress lost"]["problems"]
        assert rows["Ingress web"]["origin"].rpartition("/")[2].startswith("web.yaml:")
        assert rows["Ingress lost"]["origin"].rpartition("/")[2].startswith("lost.yaml:")
