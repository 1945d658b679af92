"""`portolan explain` and a real Envoy are asked the same questions at random: worlds of all front ends, methods, headers,
offers to upgrade, ports, server names and versions of HTTP. PORTOLAN_EXPLAIN_SEED repeats an order, PORTOLAN_EXPLAIN_REQUESTS says
how many requests a world gets."""

import http.client
import json
import os
import random
import ssl
import urllib.parse

import pytest

import gateway_objects
import stage
from certs import Authority
from gateway_objects import gateway, listener
from h2_client import H2Client
from nginx import PREFIX, config_map
from objects import backend_objects, configuration, ingress, path, proxy, rule, tls_secret, to

SEED = int(os.environ.get("PORTOLAN_EXPLAIN_SEED", 1))
REQUESTS = int(os.environ.get("PORTOLAN_EXPLAIN_REQUESTS", 2500))
NAMES = ["one", "two", "three"]
HOSTS = ["a.example.com", "b.example.com", "*.example.com", "x.y.example.com", "*.y.example.com"]
PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/b", "/a/b/c", "/A", "/p|q", "/%61b"]
PIECES = ["/", "a", "b", "/a", "/b", "//", "/.", "/..", "%61", "%2e", "%2F", ";x", "\\", "A", "c", "~", "%", "%7e", "|", "%7C", "p", "q", "^"]
VALUES = ["", "1", "2", "12", "x"]
METHODS = ["GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "get", "PURGE", "BREW"]
UPGRADES = ["websocket", "WebSocket", "h2c", "TLS/1.2", "TLS/1.3, websocket", "websocket, TLS/1.2", "foo", "", "spdy/3.1"]


# ---- questions ----

class Asker:
    """Requests to Envoy with exactly the given content, on connections that stay open."""

    def __init__(self, site, http_port, https_port):
        self.site, self.ports = site, {"http": http_port, "https": https_port}
        self.open = {}

    def close(self):
        for c in self.open.values():
            c.close()

    def context(self, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"] if version == "2" else ["http/1.1"])
        return context

    def connect(self, scheme, sni, version):
        key = (scheme, sni, version)
        if key in self.open:
            return self.open[key]
        tls = self.context(version) if scheme == "https" else None
        if version == "2":
            c = H2Client(self.site.address, self.ports[scheme], tls, sni or None)
        else:
            c = http.client.HTTPConnection(self.site.address, self.ports[scheme], timeout=10)
            c.connect()
            c._http_vsn, c._http_vsn_str = (10, "HTTP/1.0") if version == "1.0" else (11, "HTTP/1.1")
            if tls:
                c.sock = tls.wrap_socket(c.sock, server_hostname=sni or None)
        self.open[key] = c
        return c

    def drop(self, scheme, sni, version):
        self.open.pop((scheme, sni, version)).close()

    def __call__(self, q):
        where = q["scheme"], q["sni"], q["http"]
        try:
            c = self.connect(*where)
        except (ssl.SSLError, OSError):
            return "tls-failure"
        if q["http"] == "2":
            got = c.get(q["scheme"], q["authority"], q["at"], q["method"], q["headers"])
            if c.closed or got is None:
                self.drop(*where)
            return self.result(*got) if got else "reset"
        c.putrequest(q["method"], q["at"], skip_host=True, skip_accept_encoding=True)
        c.putheader("Host", q["authority"])
        for name, value in q["headers"]:
            c.putheader(name, value)
        if q["method"] in ("POST", "PUT"):
            c.putheader("Content-Length", "0")
        c.endheaders()
        answer = c.getresponse()
        found = self.result(answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read())
        if answer.will_close or answer.status == 101:
            self.drop(*where)
        return found

    @staticmethod
    def result(status, headers, body):
        if headers.get("x-backend"):
            text = body.decode(errors="replace").rstrip("\n").split(" ", 2)
            return "backend", headers["x-backend"], *(text[1:] or (None, None))
        return "answer", status, headers.get("location")


def explained(site, q):
    words = [("url", f"{q['scheme']}://{q['url_host']}{q['at']}"), ("method", q["method"]), ("http", q["http"]), ("client", q["client"]),
             *(("header", f"{k}: {v}") for k, v in [("Host", q["authority"]), *q["headers"]])]
    if q["scheme"] == "https":
        words.append(("sni", q["sni"]))
    text = urllib.parse.urlencode(words, quote_via=urllib.parse.quote)
    status, body = stage.ask(site.pipeline.dir / "translator.control", f"/debug/explain?{text}")
    assert status == 200, body
    return json.loads(body)


def differs(site, said, real):
    """The difference between the two, or None."""
    action = said["action"]
    if real in ("tls-failure", "reset"):
        wanted = ("tls-failure", "refused") if real == "tls-failure" else ("bad-request",)
        return None if action in wanted and not said["served"] else f"Envoy: {real}"
    if real[0] == "answer":
        return None if (said.get("status"), said.get("location")) == real[1:] else f"Envoy: {real[1:]}"
    if action != "forward":
        return f"Envoy forwards to {real[1]}"
    ports = {b.port: n for n, b in site.backends.items()}
    names = {ports[e["port"]] for c in said["clusters"] for e in c["endpoints"]}
    if real[1] not in names:
        return f"Envoy forwards to {real[1]}, not {names}"
    if real[3] is not None:
        at = said.get("path_becomes", said.get("normal_path", said["request"]["path"]))
        # Python's server takes two slashes at the beginning for one.
        if real[3] != "/" + at.lstrip("/"):
            return f"the path is {real[3]}, not {at}"
    return None


def question(r, ask, hosts, http_only=False):
    host = r.choice(hosts).replace("*", r.choice(["a", "z", "k.y", "k.l.y"]))
    if r.random() < .05:
        host = r.choice(["unknown.org", host.upper(), host + "."])
    scheme = "http" if http_only or r.random() < .6 else "https"
    at = "/" + "".join(r.choice(PIECES) for _ in range(r.randrange(5)))
    if r.random() < .3:
        at += "?" + "&".join(f"{r.choice('pq')}={r.choice(VALUES)}" for _ in range(r.randrange(3)))
    headers = [(r.choice(["x-a", "x-b", "X-A", "x-forwarded-for"]), r.choice(VALUES)) for _ in range(r.randrange(3))]
    version = r.choice(["1.1", "1.1", "1.1", "2", "1.0"])
    if r.random() < .2:
        headers.append(("Upgrade", r.choice(UPGRADES)))
        if r.random() < .8:
            headers.append(("Connection", r.choice(["Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade, HTTP2-Settings"])))
    method = r.choice(METHODS)
    sni = "" if scheme == "http" else host.rstrip(".").lower()
    if scheme == "https" and r.random() < .15:
        sni = r.choice([h.replace("*", "z") for h in hosts] + ["unknown.org", ""])
    port = r.choice(["", "", "", f":{ask.ports[scheme]}", ":1234"])
    # The port decides the listener; the request's Host may differ.
    return {"scheme": scheme, "url_host": f"{host.rstrip('.')}:{ask.ports[scheme]}", "authority": host + port, "at": at, "method": method,
            "headers": headers, "http": version, "sni": sni, "client": ask.client}


def ask_many(site, r, worlds, hosts, http_port=8080, https_port=8443, http_only=False):
    """worlds: a function that writes the next one; each is asked a fifth of the requests."""
    print(f"PORTOLAN_EXPLAIN_SEED={SEED}")
    ask = Asker(site, http_port, https_port)
    wrong, kinds = [], {}
    for _ in range(5):
        worlds()
        ask.client = ask.connect("http", "", "2").own_address
        for _ in range(REQUESTS // 5):
            q = question(r, ask, hosts, http_only)
            said, real = explained(site, q), ask(q)
            kind = real if isinstance(real, str) else real[0] if real[0] == "backend" else real[1]
            kinds[kind] = kinds.get(kind, 0) + 1
            why = differs(site, said, real)
            if why:
                wrong.append((why, q, {k: said.get(k) for k in ("action", "status", "location", "why", "normal_path", "route")}))
        ask.close()
        ask.open.clear()
    print(*(json.dumps(w) for w in wrong[:40]), sep="\n")
    assert wrong == [], f"{len(wrong)} of {REQUESTS}"
    # Answers of many kinds, or the agreement says little.
    assert len(kinds) >= 5 and kinds["backend"] > REQUESTS / 50, kinds


@pytest.fixture
def served(site):
    for n in NAMES:
        site.backend(n)
    site.pipeline.manifests.write("services.yaml", *(o for b in site.backends.values() for o in backend_objects(b)))
    return site


# ---- HTTPProxy and Ingress ----

def condition(r, query):
    value = r.choice(VALUES[1:])
    if query:
        return {"name": r.choice("pq"), **r.choice([{"exact": value}, {"prefix": value}, {"suffix": value}, {"present": True}, {"regex": f"{value}+"}])}
    return {"name": r.choice(["x-a", "x-b", ":method", "upgrade"]), **r.choice([
        {"exact": r.choice([value, "GET"])}, {"contains": value}, {"present": True}, {"notpresent": True},
        {"notexact": value, "treatMissingAsEmpty": r.random() < .5}, {"regex": f"{value}+"}])}


def proxy_route(r):
    at, kind = r.choice(PATHS), r.choice(["prefix", "prefix", "exact", "regex"])
    if kind == "regex":
        at = at.replace("|", ".").rstrip("/") + r.choice(["/.*", "/?[ab]", "(/a|/b)"])
    conditions = [{kind: at}, *({"header": condition(r, False)} for _ in range(r.choice([0, 0, 0, 1, 2]))),
                  *({"queryParameter": condition(r, True)} for _ in range(r.choice([0, 0, 0, 1])))]
    what = r.random()
    if what < .1:
        return {"conditions": conditions, "directResponsePolicy": {"statusCode": r.randrange(400, 430)}}
    if what < .2:
        return {"conditions": conditions, "requestRedirectPolicy": r.choice([
            {"path": "/r"}, {"hostname": "new.org", "statusCode": 301}, {"scheme": "https", "port": 444}, {"prefix": "/r"}])}
    more = {}
    if r.random() < .4:
        more["enableWebsockets"] = True
    if r.random() < .2:
        more[r.choice(["ipAllowPolicy", "ipDenyPolicy"])] = [{"source": r.choice(["Peer", "Remote"]), "cidr": r.choice([
            "127.0.0.0/8", "10.0.0.0/8", "127.0.0.1/32", "0.0.0.0/0"])}]
    if r.random() < .3:
        more["permitInsecure"] = True
    return to(*r.sample(NAMES, r.choice([1, 1, 2])), conditions=conditions, **more)


def mixed(r, certificate):
    yield certificate
    for i, host in enumerate(HOSTS):
        tls = r.random() < .6
        if r.random() < .7:
            yield proxy(f"proxy{i}", *(proxy_route(r) for _ in range(r.randrange(1, 8))), fqdn=host,
                        **({"tls": {"secretName": r.choice(["cert", "cert", "cert", "gone"])}} if tls else {}))
        for k in range(r.randrange(3)):
            paths = [path(r.choice(NAMES), at=r.choice([p for p in PATHS if "%" not in p]),
                          type=r.choice(["Prefix", "Exact", "ImplementationSpecific"])) for _ in range(r.randrange(1, 4))]
            notes = {"projectcontour.io/websocket-routes": r.choice(PATHS)} if r.random() < .3 else {}
            if tls and r.random() < .5:
                notes["ingress.kubernetes.io/force-ssl-redirect"] = "true"
            yield ingress(f"ingress{i}-{k}", rule(host, *paths), annotations=notes, tls=[("cert", host)] if tls and r.random() < .7 else ())


@pytest.mark.parametrize("form", ["chains", "shared"])
def test_httpproxies_and_ingresses(served, form):
    site, r = served, random.Random(f"{SEED} {form}")
    site.pipeline.translator.args += ["--tls-hosts", form]
    site.start()
    cert = tls_secret("cert", Authority().issue(*HOSTS))
    site.write("settings.yaml", configuration(envoy={"network": {"stripTrailingHostDot": form == "shared"}}))
    ask_many(site, r, lambda: site.write("world.yaml", *mixed(r, cert)), HOSTS)


# ---- ingress-nginx ----

NOTES = [
    {}, {}, {"use-regex": "true"}, {"rewrite-target": "/new"}, {"ssl-redirect": "false"}, {"force-ssl-redirect": "true"}, {"app-root": "/app"},
    {"permanent-redirect": "https://elsewhere.org/x"}, {"temporal-redirect": "http://t.org"}, {"whitelist-source-range": "127.0.0.0/8"},
    {"whitelist-source-range": "10.0.0.0/8"}, {"denylist-source-range": "127.0.0.1"}, {"upstream-vhost": "inner.org"},
    {"canary": "true", "canary-by-header": "x-a", "canary-by-header-value": "1"},
]


def of_nginx(r, certificate):
    yield certificate
    yield config_map("controller", {}, namespace="ingress-nginx")
    for i, host in enumerate(HOSTS):
        for k in range(r.randrange(4)):
            paths = [path(r.choice(NAMES), at=r.choice(["/", "/a", "/a/b", "/b", "/ab", "/app/", "/a/b/c"]),
                          type=r.choice(["Prefix", "Exact", "ImplementationSpecific"])) for _ in range(r.randrange(1, 4))]
            yield ingress(f"n{i}-{k}", rule(host, *paths), klass="nginx", created=f"2024-01-{10 * i + k + 1:02}T00:00:00Z",
                          annotations={PREFIX + n: v for n, v in r.choice(NOTES).items()},
                          tls=[("cert", host)] if r.random() < .5 else ())


def test_ingresses_of_ingress_nginx(served):
    site, r = served, random.Random(f"{SEED} nginx")
    site.start()
    site.write("settings.yaml", configuration(portolan={"ingressNginx": {"enabled": True}}))
    cert = tls_secret("cert", Authority().issue(*HOSTS))
    ask_many(site, r, lambda: site.write("world.yaml", *of_nginx(r, cert)), HOSTS)


# ---- Gateway API ----

def gateway_rule(r):
    matches = []
    for _ in range(r.choice([0, 1, 1, 2])):
        m = {"path": {"type": r.choice(["Exact", "PathPrefix", "PathPrefix"]), "value": r.choice(["/", "/a", "/a/b", "/b", "/ab", "/a/b/c"])}}
        if r.random() < .3:
            m["headers"] = [{"name": r.choice(["x-a", "x-b"]), "value": r.choice(VALUES[1:])}]
        if r.random() < .2:
            m["queryParams"] = [{"name": r.choice("pq"), "value": r.choice(VALUES[1:])}]
        if r.random() < .2:
            m["method"] = r.choice(["GET", "POST", "PUT"])
        matches.append(m)
    if r.random() < .15:
        return {"matches": matches, "filters": [{"type": "RequestRedirect", "requestRedirect": r.choice([
            {"hostname": "new.org"}, {"statusCode": 301, "scheme": "https"}, {"port": 8080}])}]}
    return {"matches": matches, "backendRefs": [gateway_objects.backend(n) for n in r.sample(NAMES, r.choice([1, 1, 2]))]}


def of_gateway(r, certificate):
    yield gateway_objects.CLASS
    yield certificate
    names = r.sample([None, "a.example.com", "*.example.com", "x.y.example.com", "*.y.example.com"], r.randrange(1, 5))
    secure = r.sample(["a.example.com", "b.example.com", "*.example.com", "x.y.example.com"], r.randrange(1, 4))
    yield gateway("web", *(listener(f"h{i}", 80, hostname=n) for i, n in enumerate(names)),
                  *(listener(f"s{i}", 443, "HTTPS", hostname=n, tls={"certificateRefs": [{"name": "cert"}]}) for i, n in enumerate(secure)))
    for i in range(r.randrange(1, 7)):
        yield gateway_objects.route(f"r{i}", *(gateway_rule(r) for _ in range(r.randrange(1, 4))), parents=[{"name": "web"}],
                                    hosts=r.sample(HOSTS, r.choice([0, 1, 1, 2])), created=f"2024-01-{i + 1:02}T00:00:00Z")


def test_gateways(served):
    site, r = served, random.Random(f"{SEED} gateway")
    site.start()
    cert = tls_secret("cert", Authority().issue(*HOSTS))
    ask_many(site, r, lambda: site.write("world.yaml", *of_gateway(r, cert)), HOSTS, 80, 443)
