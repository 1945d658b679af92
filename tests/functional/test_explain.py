"""`portolan explain` describes Envoy's behaviour: the same requests go to both, and the answers are
compared. Also its output, its exit codes, and senseless questions."""

import functools
import http.client
import json
import os
import random
import re
import shlex
import ssl
import subprocess
import urllib.parse

import pytest
import yaml

import stage
from certs import Authority
from nginx import nginx
from objects import backend, ingress, path, port, proxy, rule, service, slice_of, tls_secret
from programs import TOP, program
from replay import Recorder

SEED = int(os.environ.get("PORTOLAN_EXPLAIN_SEED", random.randrange(1 << 32)))


# ---- objects ----

def backend_objects(b, namespace="default"):
    return [service(b.name, port(80, target=b.port), namespace=namespace),
            slice_of(b.name, b.port, b.address, namespace=namespace)]


def to(*names, **more):
    services = [{"name": n, "port": 80, "weight": 10 + i} for i, n in enumerate(names)]
    if len(services) == 1:
        del services[0]["weight"]
    return {"services": services, **more}


def when(at=None, kind="prefix", headers=(), queries=()):
    conditions = [{kind: at}] if at else []
    conditions += [{"header": h} for h in headers] + [{"queryParameter": q} for q in queries]
    return {"conditions": conditions}


# ---- Envoy's behaviour ----

class Asked:
    """Requests to Envoy with just the headers that are given, on connections that stay."""

    def __init__(self, site):
        self.site = site
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.open = {}

    def close(self):
        for connection in self.open.values():
            connection.close()

    def _connection(self, scheme, sni):
        key = (scheme, sni)
        if key not in self.open:
            client = self.site.client
            c = http.client.HTTPConnection(client.address, client.https if scheme == "https" else client.http,
                                           timeout=10)
            c.connect()
            if scheme == "https":
                c.sock = self.context.wrap_socket(c.sock, server_hostname=sni)
            self.open[key] = c
        return self.open[key]

    def __call__(self, url, method="GET", headers=(), sni=None):
        parts = urllib.parse.urlsplit(url, allow_fragments=False)
        if sni is None and parts.scheme == "https":
            sni = parts.hostname
        try:
            c = self._connection(parts.scheme, sni or None)
        except (ssl.SSLError, OSError):
            return "tls-failure"
        c.putrequest(method, (parts.path or "/") + (f"?{parts.query}" if "?" in url else ""), skip_host=True,
                     skip_accept_encoding=True)
        if not any(name.lower() == "host" for name, _ in headers):
            usual = ":443" if parts.scheme == "https" else ":80"
            c.putheader("Host", parts.netloc.removesuffix(usual))
        for name, value in headers:
            c.putheader(name, value)
        if method == "POST":
            c.putheader("Content-Length", "0")
        c.endheaders()
        answer = c.getresponse()
        body = answer.read().decode(errors="replace")
        if answer.will_close:
            del self.open[(parts.scheme, sni or None)]
            c.close()
        if answer.headers.get("x-backend"):
            name, host, at = body.rstrip("\n").split(" ", 2)
            return "backend", name, host, at
        return "answer", answer.status, answer.headers.get("location")


# ---- explain's answer ----

def question(url, method="GET", headers=(), sni=None):
    words = [("url", url), ("method", method), *(("header", f"{k}: {v}") for k, v in headers)]
    if sni is not None:
        words.append(("sni", sni))
    return urllib.parse.urlencode(words, quote_via=urllib.parse.quote)


def explained(site, *request, **more):
    status, body = stage.ask(site.pipeline.dir / "translator.control",
                             f"/debug/explain?{question(*request, **more)}")
    assert status == 200, body
    return json.loads(body)


def agree(site, ask, url, method="GET", headers=(), sni=None):
    """Both answers agree; returns explain's."""
    said = explained(site, url, method, headers, sni)
    real = ask(url, method, headers, sni)
    note = f"{method} {url} {headers} sni={sni}: Envoy {real}, explain {json.dumps(said, indent=1)}"
    action = said["action"]
    if real == "tls-failure":
        assert action == "tls-failure" and not said["served"], note
    elif real[0] == "backend":
        assert action in ("forward", "tcp") and said["served"], note
        ports = {site.backends[n].port: n for n in site.backends}
        names = {ports[e["port"]] for c in said["clusters"] for e in c["endpoints"]}
        assert real[1] in names, note
        if action == "forward":
            request = said["request"]
            at = said.get("path_becomes", said.get("normal_path", request["path"]))
            # Python's server takes two slashes at the beginning for one.
            assert real[3] == "/" + at.lstrip("/"), note
            host = said.get("host_becomes", request["authority"])
            assert real[2] in (host, re.sub(r"[.](:\d+)?$", r"\1", host)), note
    else:
        assert (said.get("status"), said.get("location")) == real[1:], note
    return said


@pytest.fixture
def both(site):
    """(site, ask): a running one, and a function that asks its Envoy."""
    site.start()
    ask = Asked(site)
    yield site, ask
    ask.close()


def by(origin):
    return f"{origin['kind']} {origin['namespace']}/{origin['name']} {origin.get('field', '')}".rstrip()


# ---- both ----

def mixed_world(site):
    names = ("one", "two", "three", "four")
    services = [o for n in names for o in backend_objects(site.backend(n))]
    services += backend_objects(site.backend("leaf"), "team")
    authority = Authority()
    cert = tls_secret("cert", authority.issue("web.example.com", "tls.example.com", "*.example.com"))
    return [
        *services, cert,
        service("empty", port(80)),
        ingress("plain", rule("ing.example.com", path("one"), path("two", at="/two"),
                              path("three", at="/two/exact", type="Exact"),
                              path("four", at="/impl[0-9]+", type="ImplementationSpecific"),
                              path("missing", at="/missing"), path("empty", at="/empty"))),
        ingress("twin", rule("ing.example.com", path("four"), path("four", at="/twin")),
                created="2020-01-01T00:00:00Z"),
        ingress("wild", rule("*.wild.example.com", path("one", at="/w"))),
        ingress("all", rule(None, path("two", at="/all")), default=backend("three", 80)),
        ingress("tls", rule("tls.example.com", path("one")), tls=[("cert", "tls.example.com")]),
        ingress("wildtls", rule("*.wt.example.com", path("two")), tls=[("cert", "*.wt.example.com")]),
        ingress("forced", rule("forced.example.com", path("one")), tls=[("cert", "forced.example.com")],
                annotations={"ingress.kubernetes.io/force-ssl-redirect": "true"}),
        ingress("other", rule("other.example.com", path("one")), klass="somebody-else"),
        ingress("shared", rule("web.example.com", path("four"), path("four", at="/ingress"))),
        proxy("root", to("one"),
              to("two", **when("/h", headers=[{"name": "x-a", "exact": "1"}])),
              to("three", **when("/h", headers=[{"name": "X-B", "notexact": "2", "treatMissingAsEmpty": True}])),
              to("four", **when("/h", headers=[{"name": "x-c", "present": True}, {"name": "x-d", "contains": "q"}])),
              to("four", **when("/n", headers=[{"name": "x-n", "notexact": "2"}])),
              to("two", **when("/np", headers=[{"name": "x-n", "notpresent": True}])),
              to("two", **when("/hr", headers=[{"name": "x-r", "regex": "a+b"}])),
              to("three", **when("/ci", headers=[{"name": "x-i", "exact": "AbC", "ignoreCase": True}])),
              to("two", **when("/q", queries=[{"name": "a", "exact": "1"}])),
              to("three", **when("/q", queries=[{"name": "b", "present": True}])),
              to("four", **when("/q", queries=[{"name": "c", "prefix": "x", "ignoreCase": True}])),
              to("two", **when("/m")),
              to("two", **when("/exact", "exact")),
              to("three", **when("/rx/[a-z]+", "regex")),
              to("one", "two", **when("/split")),
              to("two", **when("/strip"), pathRewritePolicy={"replacePrefix": [{"replacement": "/"}]}),
              to("three", **when("/host"), requestHeadersPolicy={"set": [{"name": "Host", "value": "new.example"}]}),
              to("missing", **when("/missing")), to("empty", **when("/empty")),
              {**when("/old"), "requestRedirectPolicy": {"hostname": "new.example.com", "statusCode": 302}},
              {**when("/port"), "requestRedirectPolicy": {"scheme": "https", "port": 8443, "path": "/there"}},
              {**when("/pre"), "requestRedirectPolicy": {"prefix": "/post"}},
              {**when("/said"), "directResponsePolicy": {"statusCode": 418, "body": "so"}},
              fqdn="web.example.com", includes=[
                  {"name": "leaf", "namespace": "team", "conditions": [{"prefix": "/team"}]},
                  {"name": "gone", "conditions": [{"prefix": "/gone"}]}]),
        proxy("leaf", to("leaf"), to("leaf", **when("/x", headers=[{"name": "x-a", "exact": "1"}])),
              namespace="team"),
        proxy("secure", to("two"), to("three", **when("/open"), permitInsecure=True), fqdn="secure.example.com",
              tls={"secretName": "cert"}),
        proxy("tcp", fqdn="tcp.example.com", tls={"secretName": "cert"}, tcp=to("four")),
        proxy("star", to("three"), fqdn="*.star.example.com"),
        proxy("first", to("one"), fqdn="dup.example.com"),
        proxy("second", to("two"), fqdn="dup.example.com"),
        proxy("bad", to("one", **when("no-slash")), fqdn="bad.example.com"),
        proxy("taken", to("one"), *(to("two", **when(f"/{name}", headers=[{"name": name, "present": True}]))
                                    for name, _ in TAKEN), fqdn="taken.example.com"),
    ]


# Headers of clients that Envoy takes away, all or some of them, or writes itself.
TAKEN = [
    ("connection", "keep-alive"), ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"), ("te", "trailers"),
    ("upgrade", "websocket"), ("expect", "100-continue"), ("x_team", "a"), ("x-request-id", "7"), ("via", "1.1 x"),
    ("x-forwarded-client-cert", "Hash=00"), *((f"x-envoy-{name}", "1") for name in (
        "attempt-count", "decorator-operation", "downstream-service-cluster", "downstream-service-node",
        "expected-rq-timeout-ms", "external-address", "force-trace", "hedge-on-per-try-timeout", "internal", "ip-tags",
        "max-retries", "original-path", "original-url", "peer-metadata", "retriable-header-names",
        "retriable-status-codes", "retry-grpc-on", "retry-on", "upstream-alt-stat-name",
        "upstream-rq-per-try-timeout-ms", "upstream-rq-timeout-alt-response", "upstream-rq-timeout-ms",
        "upstream-stream-duration-ms")),
]
REQUESTS = [
    *((f"http://taken.example.com/{name}", "GET", [(name, value)]) for name, value in TAKEN),
    *((f"http://ing.example.com{p}",) for p in (
        "", "/", "/two", "/two/", "/two/x", "/twox", "/two/exact", "/two/exact/", "/impl12", "/impl", "/impl1/x", "/twin",
        "/missing", "/empty", "/missing/x", "/../two", "/a/../two", "//two", "/%74wo", "/two?x=/y", "/two%2fx", "/tw%6F/./x",
        "/a\\..\\two", "/two;x", "/TWO", "/%00", "/a|b", "/a/..;/two", "/a/..;x\\c/two", "/a\\..;x/two", "//..;x\\%2F?",
        "///", "/two//", "/a%zz", "/%%61%61", "/%a%61",
        "/%%61a", "/%a%7e", "/%%%61%61", "/%%61", "/%%41/x", "/%%2561%61", "/%|%61", "/a%%61%61%61%%61%61")),
    ("http://ING.example.com/two",), ("http://ing.example.com:8080/two",), ("http://ing.example.com:80/two",),
    ("http://unknown.example.org/",), ("http://unknown.example.org/all",), ("http://127.0.0.1/all",), ("http://[::1]:80/x",),
    ("http://a.wild.example.com/w",), ("http://a.wild.example.com/x",), ("http://a.b.wild.example.com/w",),
    ("http://wild.example.com/w",), ("http://A.Wild.example.com:81/w/x",), ("http://a.b.wild.example.com/all",),
    ("http://other.example.com/",), ("http://dup.example.com/",), ("http://bad.example.com/",),
    ("http://tls.example.com/",), ("http://forced.example.com/x?y",), ("http://forced.example.com:8080/x?y",),
    ("http://secure.example.com/a?b",), ("http://secure.example.com/open",), ("http://tcp.example.com/",),
    ("http://a.star.example.com/x",), ("http://a.b.star.example.com/x",),
    *((f"http://web.example.com{p}",) for p in (
        "/", "/ingress", "/ingress/x", "/h", "/q", "/q?a=1", "/q?a=2&a=1", "/q?a=1&a=2", "/q?b", "/q?b=", "/q?c=Xy",
        "/q?x&c=x", "/q?a=%31", "/q?a=1&b", "/m", "/exact", "/exact/", "/exact?x", "/rx/abc", "/rx/abc1", "/rx/", "/split", "/strip",
        "/strip/", "/strip/a?b", "/stripped", "/host", "/missing", "/empty", "/old/x", "/port/x?y", "/pre/x", "/said", "/team",
        "/team/", "/team/x", "/teamwork", "/gone/x", "/np", "/n", "/hr", "/ci")),
    ("http://web.example.com:81/port", "GET"), ("http://web.example.com/old", "POST"), ("http://web.example.com/m", "POST"),
    ("http://web.example.com/m", "post"), ("http://web.example.com/", "HEAD-ACHE"),
    *(("http://web.example.com/h", "GET", h) for h in (
        [("X-A", "1")], [("x-a", " 1 ")], [("x-a", "2")], [("x-b", "2")], [("x-b", "3")], [("x-b", "2"), ("x-a", "1")],
        [("x-c", ""), ("x-d", "aqb")], [("x-c", "y"), ("x-d", "Q"), ("x-b", "2")], [("x-a", "1"), ("x-a", "2")])),
    *(("http://web.example.com/n", "GET", h) for h in ([("x-n", "2")], [("x-n", "1")], [("x-n", "1"), ("x-n", "2")])),
    ("http://web.example.com/np", "GET", [("x-n", "")]),
    *(("http://web.example.com/hr", "GET", [("x-r", v)]) for v in ("aab", "xaab", "aabx", "b")),
    *(("http://web.example.com/ci", "GET", [("x-i", v)]) for v in ("abc", "ABC", "abcd")),
    ("http://web.example.com/team/x", "GET", [("x-a", "1")]),
    ("http://web.example.com/", "GET", [("Host", "ing.example.com:99")]), ("http://web.example.com/", "GET", [("Host", "a b")]),
    ("https://tls.example.com/x",), ("https://TLS.example.com/x",), ("https://tls.example.com:8443/x",), ("https://ing.example.com/",),
    ("https://secure.example.com/",), ("https://secure.example.com/open",), ("https://forced.example.com/x",),
    ("https://a.wt.example.com/",), ("https://a.b.wt.example.com/",), ("https://tcp.example.com/x",), ("https://unknown.example.org/",),
    ("https://127.0.0.1/",), ("https://secure.example.com/", "GET", [], "tls.example.com"),
    ("https://a.wt.example.com/", "GET", [], "b.wt.example.com"), ("https://tls.example.com/", "GET", [("Host", "secure.example.com")]),
]


def test_it_says_what_envoy_does(both):
    site, ask = both
    site.write("all.yaml", *mixed_world(site))
    said = {}
    for request in REQUESTS:
        said[request[0], *map(str, request[1:])] = agree(site, ask, *request)
    lost = said["http://web.example.com/",]["lost"]
    assert [(by(l["made_by"]), l["why"]) for l in lost] == [
        ("Ingress default/shared spec.rules[0].http.paths[0]",
         "HTTPProxy default/root has the same match, and an HTTPProxy goes before an Ingress"),
        ("Ingress default/all", "web.example.com is the closer name, and Envoy looks in one virtual host only")]
    one = said["http://web.example.com/team/x",]
    assert by(one["route"]["made_by"]) == "HTTPProxy team/leaf spec.routes[0]"
    assert one["route"]["made_by"]["included_by"] == "default/root"
    assert one["route"]["made_by"]["origin"].rpartition(":")[0].endswith("manifests/all.yaml")
    assert [(by(m["made_by"]), m["why"]) for m in one["missed"]] == [
        ("HTTPProxy team/leaf spec.routes[1]", 'it needs: header x-a is "1"')]
    assert ("HTTPProxy default/root spec.routes[0]", "its path is shorter") in [
        (by(l["made_by"]), l["why"]) for l in one["lost"]]
    missing = said["http://web.example.com/missing",]
    assert (missing["status"], missing["served"]) == (503, False)
    assert "missing" in missing["route"]["made_by"]["problems"][0]["message"]
    assert said["http://web.example.com/said",]["served"]
    for host, who, word in (("other", "Ingress default/other", "OtherClass"), ("bad", "HTTPProxy default/bad", "must begin"),
                            ("dup", "HTTPProxy default/second", "DuplicateVhost")):
        absent = said[f"http://{host}.example.com/",]["absent"]
        assert by(absent[0]["made_by"]).startswith(who) and word in absent[0]["why"]
    misdirected = said["https://secure.example.com/", "GET", "[]", "tls.example.com"]
    assert (misdirected["status"], misdirected["served"]) == (421, False)


def configuration(**spec):
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
            "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": spec}


@pytest.mark.parametrize("form", ["chains", "shared"])
def test_it_says_what_envoy_does_with_server_names_in_both_forms_of_tls_hosts(site, form):
    site.pipeline.translator.args += ["--tls-hosts", form]
    site.start()
    ask = Asked(site)
    names = [f"{n}.example.com" for n in ("web", "own", "open", "strict")]
    cert = tls_secret("cert", Authority().issue(*names, "*.wild.example.com"))
    web, other = site.backend("web"), site.backend("other")
    site.write("all.yaml", cert, *backend_objects(web), *backend_objects(other),
               configuration(httpproxy={"fallbackCertificate": {"namespace": "default", "name": "cert"}},
                             envoy={"listener": {"disableMergeSlashes": True}, "network": {"stripTrailingHostDot": True}}),
               proxy("web", to("web"), fqdn=names[0], tls={"secretName": "cert"}),
               proxy("own", to("other"), fqdn=names[1], tls={"secretName": "cert", "minimumProtocolVersion": "1.3"}),
               proxy("open", to("other"), fqdn=names[2], tls={"secretName": "cert", "enableFallbackCertificate": True}),
               proxy("wild", to("web"), fqdn="*.wild.example.com", tls={"secretName": "cert"}))
    for sni in (*names, "a.wild.example.com", ""):
        for host in (*names[:3], "a.wild.example.com", "b.wild.example.com", "unknown.example.com"):
            agree(site, ask, f"https://{host}/x//y", sni=sni)
    for url in ("https://web.example.com./", "http://web.example.com.:80//x", "https://web.example.com.:8443/", "http://open.example.com//"):
        agree(site, ask, url, sni="web.example.com" if url.startswith("https") else None)
    said = explained(site, "https://web.example.com/")
    assert said["filter_chain"].get("shared", False) == (form == "shared")
    assert by(said["filter_chain"]["made_by"]) == "HTTPProxy default/web spec.virtualhost.tls.secretName"
    assert [by(o) for o in said["filter_chain"]["secret_made_by"]] == ["Secret default/cert"]
    ask.close()


# ---- at random ----

HOSTS = ["a.example.com", "b.example.com", "*.example.com", "x.y.example.com", "*.y.example.com"]
PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/b", "/a/b/c", "/A"]
PIECES = ["/", "a", "b", "/a", "/b", "//", "/.", "/..", "%61", "%2e", "%2F", ";x", "\\", "A", "c", "~", "%", "%7e"]
VALUES = ["", "1", "2", "12", "x"]


def random_condition(r, query):
    name = r.choice(["x-a", "x-b"] if not query else ["p", "q"])
    value = r.choice(VALUES[1:])
    ops = [{"exact": value}, {"contains": value}, {"present": True}, {"regex": f"{value}+"}]
    if query:
        ops += [{"prefix": value}, {"suffix": value}]
    else:
        ops += [{"notexact": value, "treatMissingAsEmpty": r.random() < .5}, {"notcontains": value}, {"notpresent": True}]
    return {"name": name, **r.choice(ops)}


def random_route(r, names):
    at, kind = r.choice(PATHS), r.choice(["prefix", "prefix", "exact", "regex"])
    if kind == "regex":
        at = at.rstrip("/") + r.choice(["/.*", "/?[ab]", "(/a|/b)"])
    route = when(at, kind, [random_condition(r, False) for _ in range(r.choice([0, 0, 1, 2]))],
                 [random_condition(r, True) for _ in range(r.choice([0, 0, 0, 1]))])
    what = r.random()
    if what < .1:
        return {**route, "directResponsePolicy": {"statusCode": r.randrange(400, 430)}}
    if what < .2:
        return {**route, "requestRedirectPolicy": {"statusCode": r.choice([301, 302]), "path": "/r"}}
    return {**route, **to(*r.sample(names, r.choice([1, 1, 2])))}


def random_world(r, names):
    world = []
    for i, host in enumerate(HOSTS):
        if r.random() < .7:
            world.append(proxy(f"proxy{i}", *(random_route(r, names) for _ in range(r.randrange(1, 8))), fqdn=host))
        for k in range(r.randrange(3)):
            paths = [path(r.choice(names), at=r.choice(PATHS), type=r.choice(["Prefix", "Exact", "ImplementationSpecific"]))
                     for _ in range(r.randrange(1, 4))]
            world.append(ingress(f"ingress{i}-{k}", rule(host, *paths)))
    return world


def test_random_worlds_and_requests(both):
    site, ask = both
    print(f"PORTOLAN_EXPLAIN_SEED={SEED}")
    r = random.Random(SEED)
    names = ["one", "two", "three"]
    services = [o for n in names for o in backend_objects(site.backend(n))]
    for _ in range(3):
        site.write("all.yaml", *services, *random_world(r, names))
        for _ in range(120):
            host = r.choice(HOSTS).replace("*", r.choice(["a", "z", "k.y", "k.l.y"]))
            at = "/" + "".join(r.choice(PIECES) for _ in range(r.randrange(5)))
            if r.random() < .4:
                at += "?" + "&".join(f"{r.choice('pq')}={r.choice(VALUES)}" for _ in range(r.randrange(3)))
            headers = [(r.choice(["x-a", "x-b", "X-A"]), r.choice(VALUES)) for _ in range(r.randrange(3))]
            agree(site, ask, f"http://{host}{at}", r.choice(["GET", "POST"]), headers)


# ---- output ----

PAGE = TOP / "docs/learn/explain.md"


def explain(*words, cwd=None):
    return subprocess.run([program("portolan"), "explain", *map(str, words)], cwd=cwd, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)


def test_the_page_for_users_shows_what_is_printed(folder):
    text = PAGE.read_text()
    [manifest] = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    (folder / "web.yaml").write_text(manifest)
    shown = re.findall(r"^```console\n\$ portolan explain (.*?)\n(.*?)^```", text, re.M | re.S)
    assert len(shown) == 3
    for words, printed in shown:
        # A cluster's name ends in a hash of all that it is.
        clusters = functools.partial(re.sub, r"/[0-9a-f]{10}\b", "/…")
        assert clusters(explain(*shlex.split(words), cwd=folder).stdout) == clusters(printed)


WORLD = [
    ingress("web", rule("web.example.com", path("web"), path("gone", at="/gone")), tls=[("cert", "web.example.com")]),
    service("web", port(80)), slice_of("web", 8080, "10.0.0.1", "10.0.0.2"),
    ingress("bad", rule("bad.example.com", path("gone"))),
]


@pytest.fixture
def world(folder):
    certificate = tls_secret("cert", Authority().issue("web.example.com"))
    (folder / "all.yaml").write_text(yaml.safe_dump_all([*WORLD, certificate]))
    return lambda *words: explain("--manifests", folder, *words)


@pytest.mark.parametrize("subject, code, says", [
    ("http://web.example.com/", 0, "is forwarded to default/web/80/"),
    ("https://web.example.com/", 0, "web.example.com, TLS terminated, Secret default/cert"),
    ("http://web.example.com/gone", 1, "ServiceMissing: there is no Service default/gone"),
    ("http://nobody.example.com/", 1, "is answered with 404: no object serves host nobody.example.com"),
    ("https://nobody.example.com/", 1, "so the handshake fails"),
    ("http://bad.example.com/", 1, "503"),
    ("ingress/default/web", 1, "all.yaml:1: Ingress default/web: partial"),
    ("service/web", 0, "route          web.example.com (http and https), prefix /"),
    ("secret/default/cert", 0, "listener       ingress_https, its part web.example.com"),
])
def test_the_exit_code_says_whether_it_is_served(world, subject, code, says):
    done = world(subject)
    assert says in done.stdout, done.stdout + done.stderr
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("words, code, says", [
    (["web.example.com/x"], 2, "an object is KIND/NAMESPACE/NAME"),
    (["ftp://web.example.com/x"], 2, "it must begin with http:// or https://"),
    (["http:///x"], 2, "it names no host"),
    (["http://me:secret@web.example.com/"], 2, "a user name and password are not part of what Envoy sees"),
    (["http://web.example.com:99999/"], 2, "http://web.example.com:99999/: "),
    (["http://web.example.com/ä"], 2, "spaces and all but ASCII must be escaped"),
    (["http://web.example.com/" + "x" * 9000], 2, "it is longer than 8192 bytes"),
    (["http://web.example.com/" + "x" * 20000], 2, "the question is too long"),
    (["http://web.example.com/", "--header", "no colon"], 2, 'header "no colon": the form is \'Name: value\''),
    (["http://web.example.com/", "--header", "a: b\nc"], 2, "a line break or another control character"),
    (["http://web.example.com/", *["--header", "a: b"] * 65], 2, "at most 64 headers"),
    (["http://web.example.com/", "--method", "GET /"], 2, "a method is a word, as GET"),
    (["http://web.example.com/", "--sni", "web.example.com"], 2, "a server name (SNI)"),
    (["ingress/default/nobody"], 1, "there is no Ingress default/nobody"),
    (["gizmo/default/web"], 2, "an object is KIND/NAMESPACE/NAME"),
    (["ingress/default/web", "--method", "GET"], 2, "go with a URL"),
    (["http://web.example.com/", "--at", "end"], 2, "--at goes with --recording"),
    (["http://web.example.com/", "--recording", "x"], 2, "give one"),
    ([], 2, "say which URL or which object"),
    (["a", "b"], 2, 'unexpected word "b"'),
])
def test_a_bad_question_is_told_what_is_wrong_with_it(world, words, code, says):
    done = world(*words)
    assert (done.returncode, done.stdout) == (code, ""), done.stdout + done.stderr
    assert says in done.stderr


def test_nothing_that_runs_and_options_for_files_only(folder):
    done = explain("--runtime-dir", folder / "none", "http://web.example.com/")
    assert done.returncode == 1 and "nothing runs in" in done.stderr
    done = explain("--runtime-dir", folder, "--http-port", "1", "http://web.example.com/")
    assert done.returncode == 2 and "go with --manifests or --recording" in done.stderr


@pytest.mark.parametrize("host, url, says", [
    ({}, "http://web.example.com/", []),
    ({"ipAllowPolicy": [{"source": "Peer", "cidr": "10.0.0.0/8"}]}, "http://web.example.com/",
     ["only some clients' addresses are let through"]),
    ({"rateLimitPolicy": {"local": {"requests": 1, "unit": "second"}},
      "corsPolicy": {"allowOrigin": ["*"], "allowMethods": ["GET"]}}, "http://web.example.com/",
     ["CORS: preflight requests are answered at once", "requests beyond a rate are refused"]),
    ({"tls": {"secretName": "cert"}, "authorization": {"extensionRef": {"name": "auth"}}}, "https://web.example.com/",
     ["an authorization service is asked"]),
    ({"tls": {"secretName": "cert"}, "authorization": {"extensionRef": {"name": "auth"}}}, "https://web.example.com/open",
     []),
    ({"tls": {"secretName": "cert"}, "jwtProviders": [{"name": "p", "default": True, "remoteJWKS": {
        "uri": "https://keys.example.com/x"}}]}, "https://web.example.com/", ["a JSON Web Token is asked for"]),
    ({"tls": {"secretName": "cert"}, "jwtProviders": [{"name": "p", "default": True, "remoteJWKS": {
        "uri": "https://keys.example.com/x"}}]}, "https://web.example.com/open", []),
])
def test_what_stands_before_a_route_is_named(world, folder, host, url, says):
    open_to_all = {"jwtVerificationPolicy": {"disabled": True}} if "jwtProviders" in host else (
        {"authPolicy": {"disabled": True}} if "authorization" in host else {})
    (folder / "proxy.yaml").write_text(yaml.safe_dump_all([
        {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ExtensionService",
         "metadata": {"name": "auth", "namespace": "default"}, "spec": {"services": [{"name": "web", "port": 80}]}},
        proxy("web", to("web"), to("web", **when("/open"), **open_to_all), fqdn="web.example.com", **host)]))
    done = world(url)
    assert done.returncode == 0, done.stdout
    assert re.findall(r"^before that +(.*)$", done.stdout, re.M) == says, done.stdout


@pytest.mark.parametrize("subject, says", [
    ("http://shared.example.com/", "by Ingress default/first spec.rules[0].http.paths[0] ("),
    ("http://shared.example.com/second", "by Ingress default/second spec.rules[0].http.paths[0] ("),
    ("http://shared.example.com/", "header content-length is above 1048576"),
    ("ingress/default/first", "shared.example.com (http), prefix /\n"),
    ("ingress/default/canary", "shared.example.com (http), prefix /\n"),
])
def test_ingresses_of_ingress_nginx_that_share_a_host(world, folder, subject, says):
    """Each is said to serve its part, a canary too."""
    (folder / "shared.yaml").write_text(yaml.safe_dump_all([
        nginx("first", "shared.example.com", path("web")), nginx("second", "shared.example.com", path("web", at="/second")),
        nginx("canary", "shared.example.com", path("other"), canary="true", canary_weight="20"),
        service("other", port(80)), slice_of("other", 8080, "10.0.0.3")]))
    done = world("--ingress-nginx", subject)
    assert done.returncode == 0 and says in done.stdout, done.stdout
    assert "not served" not in done.stdout and "included by" not in done.stdout, done.stdout


@pytest.mark.parametrize("annotations, says", [
    ({}, []),
    ({"auth_type": "basic", "auth_secret": "users"}, ["a user's name and password are asked for"]),
    ({"auth_url": "http://auth.example.com/check"}, ["the route's own authorization service is asked"]),
    ({"whitelist_source_range": "10.0.0.0/8"}, ["only some clients' addresses are let through"]),
    ({"limit_rps": "5"}, ["requests beyond a rate are refused"]),
], ids=lambda v: next(iter(v), "open") if isinstance(v, dict) else None)
def test_what_ingress_nginx_asks_before_a_route_is_named(world, folder, annotations, says):
    (folder / "guarded.yaml").write_text(yaml.safe_dump_all([
        nginx("guarded", "guarded.example.com", path("web"), **annotations),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users", "namespace": "default"},
         "stringData": {"auth": "joe:$apr1$abcdefgh$qzjJtGPuyc1hLwWr9dKZD.\n"}}]))
    done = world("--ingress-nginx", "http://guarded.example.com/")
    assert done.returncode == 0, done.stdout
    assert re.findall(r"^before that +(.*)$", done.stdout, re.M) == says, done.stdout


def test_a_host_of_ingress_nginx_that_asks_for_client_certificates_says_so(world, folder):
    authority = Authority()
    (folder / "guarded.yaml").write_text(yaml.safe_dump_all([
        nginx("guarded", "guarded.example.com", path("web"), tls=[("own", "guarded.example.com")], auth_tls_secret="default/ca"),
        tls_secret("own", authority.issue("guarded.example.com")),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": "default"},
         "stringData": {"ca.crt": authority.text}}]))
    done = world("--ingress-nginx", "https://guarded.example.com/")
    assert "Secret default/own, asks clients for a certificate\n" in done.stdout, done.stdout


def test_what_users_write_reaches_no_terminal_as_it_is(world, folder):
    (folder / "evil.yaml").write_text(yaml.safe_dump(
        proxy("evil", {"directResponsePolicy": {"statusCode": 200, "body": "\x1b[2J\nnext"}}, fqdn="evil.example.com")))
    done = world("http://evil.example.com/")
    assert done.returncode == 0 and "body           ?[2J?next" in done.stdout
    assert json.loads(world("--json", "http://evil.example.com/").stdout)["body"] == "\x1b[2J\nnext"


def test_a_recording_is_asked_at_a_moment(pipeline, folder):
    recorder = Recorder(pipeline, folder / "recording")
    recorder.start()
    before = pipeline.write("web.yaml", *WORLD[1:3])
    after = pipeline.write("more.yaml", ingress("late", rule("late.example.com", path("web"))))
    recorder.wait_source(after)
    recorder.close()
    for moment, code in ((before, 1), (after, 0), ("end", 0), ("start", 1)):
        done = explain("--recording", folder / "recording", "--at", moment, "http://late.example.com/")
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stderr.startswith("world ")
    assert explain("--recording", folder / "none", "http://late.example.com/").returncode == 1


# ---- of a running Portolan ----

def test_an_object_that_runs_says_which_envoys_have_it(both):
    site, ask = both
    web = site.backend("web")
    site.write("all.yaml", *backend_objects(web), proxy("root", to("web"), fqdn="web.example.com", includes=[
        {"name": "leaf", "conditions": [{"prefix": "/leaf"}]}]), proxy("leaf", to("web", **when("/x"))))
    done = explain("--runtime-dir", site.pipeline.dir, "--json", "proxy/leaf")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["status"]["verdict"] == "accepted"
    assert [(r["host"], r["match"], by(r["made_by"])) for r in said["routes"]] == [
        ("web.example.com", "prefix /leaf/x", "HTTPProxy default/leaf spec.routes[0]")]
    assert [(r["kind"], r["name"].split("/80/")[0], r.get("part")) for r in said["resources"]] == [
        ("cluster", "default/web", None), ("endpoint", "default/web", None), ("route", "ingress_http", "web.example.com")]
    [envoy] = said["envoys"]
    assert (envoy["node_id"], envoy["accepted"], envoy["waiting"], envoy["refused"]) == ("test-envoy", 3, 0, [])
    assert envoy["acked_source"] >= said["source"]
    text = explain("--runtime-dir", site.pipeline.dir, "proxy/leaf").stdout
    assert re.search(r"^Envoy +test-envoy \(.*\): 3 accepted, 0 on the way, 0 refused", text, re.M)
    done = explain("--runtime-dir", site.pipeline.dir, "http://web.example.com/leaf/x")
    assert done.returncode == 0 and "by HTTPProxy default/leaf spec.routes[0]" in done.stdout


HOSTILE = [
    ("", 400), ("url=", 400), ("object=", 400), ("object=/", 400), ("object=ingress/", 400), ("url=%00", 400), ("url=http://%ff/", 400),
    ("url=http://a/&header=%0d%0ax:%20y", 400), ("url=http://a/&method=", 400), ("url=http://a/&sni=b", 400),
    ("url=https://a/&sni=" + "a" * 300, 400), ("url=http://a/&header=" + "a:b&header=" * 70, 400), ("object=" + "a" * 9000, 400),
    ("url=http://a/" + "%252e%252e/" * 500, 200), ("url=http://a/?" + "%26" * 3000, 200), ("&&&=&url=http://[::1", 400),
    ("url=http://" + "a." * 3000, 200), ("object=ingress/" + "../" * 100, 404), ("url=http://a/%2500", 200),
]


def test_the_control_page_takes_hostile_questions(pipeline):
    for query, status in HOSTILE:
        got, body = stage.ask(pipeline.dir / "translator.control", f"/debug/explain?{query}")
        assert got == status and isinstance(json.loads(body), dict), (query[:100], got, body)
    got, _ = stage.ask(pipeline.dir / "translator.control", "/debug/explain?url=http://a/" + "a" * 20000)
    assert got >= 400
    assert pipeline.translator.process.poll() is None
