"""`portolan migrate --to`: other objects for the same routes, and only where that is proven."""

import re
import subprocess

import pytest
import yaml

import objects
from certs import Authority
from programs import program

PORTOLAN = program("portolan")
EQUAL, DIFFERENT, NOT_ALL, NO_ANSWER = range(4)
CLASSES = ("--ingress-class=contour", "--ingress-class=portolan")


def run(folder, *words):
    return subprocess.run([PORTOLAN, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=60)


def write(folder, name, content):
    (folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump_all(content))


def backends():
    return [o for name in ("web", "api") for o in (
        objects.service(name, objects.port(80)), objects.slice_of(name, 8080, f"10.0.0.{len(name)}"))]


def ingress(name, host, *paths, klass="contour", **more):
    paths = paths or (objects.path("web"),)
    return objects.ingress(name, objects.rule(host, *paths), klass=klass, **more)


@pytest.fixture
def convert(folder):
    def make(content, to, *words):
        write(folder, "all.yaml", [*backends(), *content])
        done = run(folder, "migrate", f"--to={to}", *words, "all.yaml")
        made = [o for o in yaml.safe_load_all(done.stdout) if o]
        comments = [line for line in done.stdout.splitlines() if line.startswith("#")]
        return done.returncode, made, comments

    return make


def hosts_with_everything():
    certificate = Authority().issue("a.example")
    return [
        ingress("a", "a.example", objects.path("web"), objects.path("api", at="/api"),
                objects.path("api", at="/one", type="Exact"), tls=[("cert", "a.example")]),
        ingress("b", "b.example"),
        objects.tls_secret("cert", certificate),
    ]


# ---- HTTPProxy ----

def test_ingresses_become_httpproxies_that_do_the_same(convert, folder):
    code, made, comments = convert(hosts_with_everything(), "httpproxy")
    assert code == EQUAL and comments[0].startswith("# 2 of 2 hosts are the same"), comments
    assert [(o["kind"], o["spec"]["virtualhost"]["fqdn"]) for o in made] == [
        ("HTTPProxy", "a.example"), ("HTTPProxy", "b.example")]
    assert made[0]["spec"]["virtualhost"]["tls"] == {"secretName": "cert"}
    # Asked of the two worlds one by one: the same Service answers.
    write(folder, "new.yaml", [*backends(), *made, hosts_with_everything()[2]])
    for url in ("http://a.example/", "http://a.example/api", "http://a.example/api/x", "http://a.example/apix",
                "http://a.example/one", "http://a.example/one/x", "https://a.example/api", "http://b.example/api"):
        before, after = (run(folder, "explain", "--manifests", f, *CLASSES, url) for f in ("all.yaml", "new.yaml"))
        assert (before.returncode, before.stdout.splitlines()[0]) == (after.returncode, after.stdout.splitlines()[0]), url


def test_a_proxy_of_plain_prefixes_is_no_change_by_diff(convert, folder):
    _, made, _ = convert([ingress("b", "b.example")], "httpproxy")
    write(folder, "new.yaml", [*backends(), *made])
    done = run(folder, "diff", "--against", "all.yaml", *CLASSES, "new.yaml", "-o", "json")
    changes = [c for c in yaml.safe_load(done.stdout)["changes"] if c.get("host")]
    assert changes == [], done.stdout


def test_httpproxies_keep_what_they_say(convert):
    proxy = objects.proxy(
        "p", {"conditions": [{"prefix": "/a"}, {"header": {"name": "x", "exact": "yes"}}],
              "services": [{"name": "web", "port": 80, "weight": 3}, {"name": "api", "port": 80, "weight": 1}],
              "timeoutPolicy": {"response": "5s", "idle": "60s"}, "enableWebsockets": True,
              "requestHeadersPolicy": {"set": [{"name": "A", "value": "b"}], "remove": ["Q"]}},
        {"conditions": [{"exact": "/e"}], "requestRedirectPolicy": {"hostname": "other.example", "statusCode": 302}},
        {"conditions": [{"prefix": "/d"}], "directResponsePolicy": {"statusCode": 404, "body": "not here"}},
        {"conditions": [{"regex": "/x[0-9]+"}], "services": [{"name": "web", "port": 80},
                                                             {"name": "api", "port": 80, "mirror": True}]},
        {"services": [{"name": "web", "port": 80}]}, fqdn="p.example")
    code, made, comments = convert([proxy], "httpproxy")
    assert code == EQUAL, comments
    assert made[0]["spec"]["routes"][-1]["services"][0]["name"] == "web"


# ---- Gateway API ----

def test_ingresses_become_routes_of_a_gateway(convert, folder):
    code, made, comments = convert(hosts_with_everything(), "gateway-api")
    assert code == EQUAL, comments
    assert [o["kind"] for o in made] == ["GatewayClass", "Gateway", "HTTPRoute", "HTTPRoute", "HTTPRoute"]
    assert any("WebSockets" in c for c in comments)
    write(folder, "new.yaml", [*backends(), *made, hosts_with_everything()[2]])
    translated = run(folder, "translate", "new.yaml", "--print", "json")
    assert translated.returncode == 0, translated.stderr
    for path, service in (("/", "web"), ("/api/x", "api"), ("/apix", "web"), ("/one", "api")):
        for url in (f"http://a.example:80{path}", f"https://a.example:443{path}"):
            done = run(folder, "explain", "--manifests", "new.yaml", url)
            assert f"default/{service}/80" in done.stdout, (url, done.stdout)


def test_a_secret_of_another_namespace_is_lent(convert):
    certificate = Authority().issue("n.example")
    there = [objects.service("web", objects.port(80), namespace="team"),
             ingress("one", "n.example", namespace="team", tls=[("cert", "n.example")]),
             objects.tls_secret("cert", certificate, namespace="team")]
    code, made, comments = convert(there, "gateway-api")
    assert code == EQUAL, comments
    [grant] = [o for o in made if o["kind"] == "ReferenceGrant"]
    assert grant["metadata"]["namespace"] == "team" and grant["spec"]["to"][0]["name"] == "cert"


def test_what_gateway_api_cannot_say_is_named_and_not_written(convert):
    proxy = objects.proxy("p", {"conditions": [{"prefix": "/a"}], "services": [{"name": "web", "port": 80}]},
                          fqdn="p.example")
    answer = objects.proxy("q", {"directResponsePolicy": {"statusCode": 503}}, fqdn="q.example")
    code, made, comments = convert([proxy, answer, ingress("b", "b.example")], "gateway-api")
    assert code == NOT_ALL
    assert {h for o in made if o["kind"] == "HTTPRoute" for h in o["spec"]["hostnames"]} == {"b.example"}
    text = "\n".join(comments)
    assert "# not written: p.example" in text and "prefix /a matches /ax, too" in text
    assert "# not written: q.example" in text and "is answered with 503 by Envoy itself" in text


# ---- ingress-nginx ----

def nginx(name, host, **annotations):
    return ingress(name, host, klass="nginx", annotations={
        f"nginx.ingress.kubernetes.io/{k.replace('_', '-')}": v for k, v in annotations.items()})


def test_its_defaults_are_differences_and_each_is_named(convert):
    code, made, comments = convert([nginx("one", "n.example")], "httpproxy")
    assert (code, made) == (NOT_ALL, [])
    code, made, comments = convert([nginx("one", "n.example")], "httpproxy", "--with-differences")
    assert code == DIFFERENT and [o["kind"] for o in made] == ["HTTPProxy"]
    text = "\n".join(comments)
    assert "# with differences: n.example" in text and "answer 413" in text and "X-Real-IP" in text


@pytest.mark.parametrize("to", ["httpproxy", "gateway-api"])
@pytest.mark.parametrize("annotations", [
    {"whitelist_source_range": "10.0.0.0/8"}, {"configuration_snippet": "deny all;\n"}, {"limit_rps": "5"},
    {"auth_type": "digest", "auth_secret": "users"}, {"denylist_source_range": "10.0.0.0/8"},
], ids=lambda a: next(iter(a)))
def test_a_protection_is_never_left_out(convert, to, annotations):
    code, made, comments = convert([nginx("one", "n.example", **annotations)], to, "--with-differences")
    written = [o for o in made if o["kind"] in ("HTTPProxy", "HTTPRoute")]
    if written:
        # Closed in the same way.
        assert [r["directResponsePolicy"] for r in written[0]["spec"]["routes"]] == [{"statusCode": 503}]
    else:
        assert code == NOT_ALL and any("not written: n.example" in c for c in comments)


def test_a_service_that_is_asked_about_all_requests_is_not_forgotten(folder):
    """globalExtAuth belongs to the listener: the output must ask as well, or there must be none."""
    auth = [objects.service("auth", objects.port(9000), namespace="auth"),
            {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ExtensionService",
             "metadata": {"name": "auth", "namespace": "auth"},
             "spec": {"protocol": "h2c", "services": [{"name": "auth", "port": 9000}]}}]
    write(folder, "all.yaml", [*backends(), *auth, objects.proxy(
        "b", {"services": [{"name": "web", "port": 80}]}, fqdn="b.example", tls={"secretName": "cert"}),
        objects.tls_secret("cert", Authority().issue("b.example"))])
    write(folder, "config.yaml", "globalExtAuth:\n  extensionService: auth/auth\n")
    asked = run(folder, "explain", "--manifests", "all.yaml", "--config=config.yaml", "https://b.example/")
    assert "authorization service is asked" in asked.stdout, asked.stdout
    done = run(folder, "migrate", "--to=gateway-api", "--config=config.yaml", "--with-differences", "all.yaml")
    made = [o["kind"] for o in yaml.safe_load_all(done.stdout) if o]
    assert done.returncode == NOT_ALL and "HTTPRoute" not in made, done.stdout
    assert "guards-changed" in done.stdout


# ---- where it goes ----

def test_with_write_the_report_stays_and_the_objects_go_into_a_file(folder):
    write(folder, "all.yaml", [*backends(), ingress("b", "b.example")])
    done = run(folder, "migrate", "--to=httpproxy", "--write", "out", "all.yaml")
    assert done.returncode == EQUAL and done.stdout.startswith("From Contour: 5 objects"), done
    [made] = [o for o in yaml.safe_load_all((folder / "out/converted.yaml").read_text()) if o]
    assert made["kind"] == "HTTPProxy" and (folder / "out/apply.yaml").exists()


def test_bad_usage(folder):
    for words in (["--to=istio", "x"], ["--with-differences", "x"]):
        assert run(folder, "migrate", *words).returncode == 2


# ---- what the other API says in other words ----

def proxy_of(route):
    return [objects.proxy("p", {"services": [{"name": "web", "port": 80}], **route}, fqdn="p.example")]


@pytest.mark.parametrize("timeout", ["500ms", "1.5s", "90s", "200000s"])
def test_a_timeout_has_no_fraction_in_gateway_api(convert, timeout):
    code, made, comments = convert(proxy_of({"timeoutPolicy": {"response": timeout}}), "gateway-api")
    assert code == EQUAL, comments
    [route] = [o for o in made if o["kind"] == "HTTPRoute"]
    assert re.fullmatch(r"([0-9]{1,5}(h|m|s|ms)){1,4}", route["spec"]["rules"][0]["timeouts"]["request"])


@pytest.mark.parametrize("code", [301, 302])
@pytest.mark.parametrize("to", ["gateway-api", "httpproxy"])
def test_a_redirect_keeps_its_code(convert, to, code):
    proxy = objects.proxy("p", {"requestRedirectPolicy": {"hostname": "b.example", "statusCode": code}}, fqdn="p.example")
    assert convert([proxy], to)[0] == EQUAL


@pytest.mark.parametrize("code", [303, 307, 308])
def test_gateway_api_has_more_codes_of_redirects(folder, code):
    write(folder, "all.yaml", [
        *backends(),
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "old"},
         "spec": {"controllerName": "projectcontour.io/gateway-controller"}},
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw", "namespace": "default"},
         "spec": {"gatewayClassName": "old", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}},
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r", "namespace": "default"},
         "spec": {"parentRefs": [{"name": "gw"}], "hostnames": ["g.example"], "rules": [{"filters": [
             {"type": "RequestRedirect", "requestRedirect": {"hostname": "b.example", "statusCode": code}}]}]}}])
    done = run(folder, "migrate", "--to=gateway-api", "all.yaml")
    assert done.returncode == EQUAL and f"statusCode: {code}" in done.stdout, done.stdout


@pytest.mark.parametrize("protocol", ["tls", "h2", "h2c"])
def test_backends_are_spoken_to_as_before_or_the_host_is_not_written(convert, protocol):
    content = [objects.proxy("p", {"services": [{"name": "web", "port": 80, "protocol": protocol}]}, fqdn="p.example")]
    code, made, comments = convert(content, "httpproxy")
    assert code == EQUAL, comments
    code, made, comments = convert(content, "gateway-api", "--with-differences")
    assert code == NOT_ALL and "HTTPRoute" not in [o["kind"] for o in made]
    assert "TLS or HTTP/2 to its backends" in "".join(comments)


def test_a_header_keeps_its_text(convert):
    values = {"set": [{"name": "A", "value": "50% off, 100%"}, {"name": "B", "value": "%HOSTNAME% 5% %REQ(x-b)%"}]}
    code, made, comments = convert(proxy_of({"requestHeadersPolicy": values}), "httpproxy")
    assert code == EQUAL and made[0]["spec"]["routes"][0]["requestHeadersPolicy"] == values, comments


@pytest.mark.parametrize("to", ["httpproxy", "gateway-api"])
def test_no_variable_reaches_backends_as_its_name(convert, folder, to):
    """ingress-nginx's X-Forwarded-For and others are variables, which Gateway API does not have."""
    code, made, comments = convert([nginx("one", "n.example")], to, "--with-differences")
    assert code == DIFFERENT, comments
    write(folder, "new.yaml", [*backends(), *made])
    text = run(folder, "translate", "new.yaml", "--print", "yaml").stdout
    assert "n.example" in text
    assert "%%" not in text, [line for line in text.splitlines() if "%%" in line]


@pytest.mark.parametrize("to", ["httpproxy", "gateway-api"])
@pytest.mark.parametrize("directive,is_plain", [
    ("return 308 https://$host$request_uri", True),
    ("return 308 https://elsewhere.test/", False),
    ("return 308 https://$host/login", False),
    ("return 308 https://$host", False),
    ("rewrite ^/x/(.*)$ https://n.example/new/$1 permanent", False),
])
def test_a_redirect_to_https_elsewhere_is_not_lost_in_that_of_the_host(convert, folder, directive, is_plain, to):
    (folder / "c.yaml").write_text("ingressNginx: {enabled: true, translateSnippets: true}\n")

    def secure(name, path, **annotations):
        return objects.ingress(name, objects.rule("n.example", objects.path("web", at=path)), klass="nginx", tls=[("cert", "n.example")],
                               annotations={"nginx.ingress.kubernetes.io/force-ssl-redirect": "true", **annotations})

    content = [secure("main", "/"), objects.tls_secret("cert", Authority().issue("n.example")),
               secure("sub", "/x", **{"nginx.ingress.kubernetes.io/configuration-snippet":
                                    f"if ($scheme = http) {{ {directive}; }}"})]
    _, made, comments = convert(content, to, "--config=c.yaml", "--with-differences")
    noted = [c for c in comments if "http://n.example path /x" in c or "http://n.example prefix /x" in c]
    assert bool(noted) != is_plain, comments
    assert bool(made) == is_plain, comments


def test_the_default_certificate_is_nobodys_object(convert):
    code, made, comments = convert([nginx("one", "n.example")], "gateway-api", "--with-differences")
    assert "ingress-nginx-default-certificate" not in str(made) and code == DIFFERENT, comments


CONTOUR = "projectcontour.io/"


@pytest.mark.parametrize("annotations,tls", [
    ({"num-retries": "3", "retry-on": "5xx,connect-failure", "per-try-timeout": "2s"}, False), ({"retry-on": "5xx"}, False),
    ({"tls-minimum-protocol-version": "1.3"}, True), ({"response-timeout": "30s"}, False), ({"websocket-routes": "/"}, False),
], ids=lambda v: next(iter(v)) if isinstance(v, dict) else None)
def test_contours_annotations_have_fields_of_httpproxies(convert, annotations, tls):
    there = ingress("a", "a.example", annotations={CONTOUR + k: v for k, v in annotations.items()},
                    tls=[("cert", "a.example")] if tls else ())
    code, made, comments = convert([there, objects.tls_secret("cert", Authority().issue("a.example"))], "httpproxy")
    assert code == EQUAL, comments


def test_retries_that_spare_some_methods_are_not_widened(convert):
    """ingress-nginx does not repeat a POST that was sent; HTTPProxy cannot say that."""
    code, made, comments = convert([nginx("one", "n.example", proxy_next_upstream="error timeout http_502")], "httpproxy",
                                   "--with-differences")
    assert code == DIFFERENT and "retryPolicy" not in made[0]["spec"]["routes"][0], made


def test_a_gateway_that_would_be_overwritten_is_named(convert):
    there = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
             "metadata": {"name": "portolan", "namespace": "default"},
             "spec": {"gatewayClassName": "own", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}}
    words = "has a Gateway default/portolan already"
    assert words in "".join(convert([ingress("b", "b.example"), there], "gateway-api")[2])
    assert words not in "".join(convert([ingress("b", "b.example")], "gateway-api")[2])
    assert words not in "".join(convert([ingress("b", "b.example"), there], "httpproxy")[2])
