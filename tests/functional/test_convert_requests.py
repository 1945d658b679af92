"""Hosts that `portolan migrate --to` calls the same answer real requests as before, through a real Envoy."""

import itertools
import subprocess

import pytest
import yaml

from backends import Client
from certs import Authority
from objects import backend_objects, ingress, path, proxy, rule, tls_secret, to
from programs import program

PORTOLAN = program("portolan")
CERTIFICATE = Authority().issue("tls.example", "ing.example")
PATHS = ("/", "/api", "/api/", "/api/x", "/apix", "/api/v1", "/api/v1/x", "/x12", "/x12/y", "/old", "/old/x", "/older",
         "/strip/x", "/strip", "/a", "/a/b", "/s/q?x=1", "/d/x", "/open", "/openx", "/p/x", "/n")
HEADERS = ({}, {"x-v": "2"}, {"x-v": "a beta b", "x-p": "1", "x-n": "1"}, {"x-b": "B", "X-Gone": "g"})
OWN_HEADERS = ("x-request-id", "x-request-start")  # another value in each request


def at(prefix, **more):
    return {"conditions": [{"prefix": prefix}, *({"header": h} for h in more.pop("headers", ()))], **more}


def rewritten(text, **more):
    return {**to("web"), "pathRewritePolicy": {"replacePrefix": [{"replacement": text}]}, **more}


def proxies():
    edits = {"requestHeadersPolicy": {"set": [{"name": "X-A", "value": "50% %REQ(x-b)%"}], "remove": ["X-Gone"]},
             "responseHeadersPolicy": {"set": [{"name": "X-R", "value": "r"}]}}
    return {
        "paths": [to("web"), at("/api/", **to("api")), {**to("blue"), "conditions": [{"exact": "/api"}]},
                  {**to("blue"), "conditions": [{"regex": "/x[0-9]+"}]}],
        "exacts": [to("web"), {**to("api"), "conditions": [{"exact": "/api"}]},
                   {**to("blue"), "conditions": [{"regex": "/x[0-9]+"}]}],
        "headers": [to("web"), at("/", headers=[{"name": "x-v", "exact": "2"}], **to("api")),
                    at("/", headers=[{"name": "x-v", "contains": "beta"}], **to("blue")),
                    at("/p", headers=[{"name": "x-p", "present": True}], **to("api")),
                    at("/n", headers=[{"name": "x-n", "notpresent": True}], **to("blue"))],
        "edits": [{**to("web"), **edits}],
        "percent": [{**to("web"), "requestHeadersPolicy": {"set": [{"name": "X-A", "value": "50% b"}]}}],
        "rewrites": [at("/old", **rewritten("/new")), at("/strip/", **rewritten("/"))],
        "redirects": [at("/a", requestRedirectPolicy={"hostname": "b.example", "statusCode": 302, "path": "/z"}),
                      at("/s", requestRedirectPolicy={"scheme": "https", "port": 8443}),
                      {"requestRedirectPolicy": {"prefix": "/pre"}}],
        "port": [{"requestRedirectPolicy": {"scheme": "https", "port": 8443, "statusCode": 302}}],
        "elsewhere": [{"requestRedirectPolicy": {"hostname": "b.example", "statusCode": 301}}],
        "answers": [at("/d", directResponsePolicy={"statusCode": 418, "body": "tea"}), to("web")],
        "times": [{**to("web"), "timeoutPolicy": {"response": "1.5s"}}],
        "weights": [to({"name": "web", "weight": 0}, {"name": "api", "weight": 10})],
        "methods": [to("web"), at("/", headers=[{"name": ":method", "exact": "GET"}], **to("api"))],
    }


def world(klass):
    found = [proxy(name, *routes, fqdn=f"{name}.example") for name, routes in proxies().items()]
    found.append(proxy("tls", to("web"), at("/open", permitInsecure=True, **to("api")), fqdn="tls.example",
                       tls={"secretName": "cert"}))
    for p in found:
        p["spec"]["ingressClassName"] = klass
    return [*found,
            ingress("ing", rule("ing.example", path("web"), path("api", at="/api"), path("blue", at="/api/v1", type="Exact")),
                    klass=klass, tls=[("cert", "ing.example")]),
            ingress("wild", rule("*.wild.example", path("web"), path("api", at="/api")), klass=klass)]


def hosts_of(made):
    routes = [o["spec"] for o in made if o["kind"] in ("HTTPProxy", "HTTPRoute")]
    return sorted({h.replace("*", "a") for s in routes for h in s.get("hostnames") or [s["virtualhost"]["fqdn"]]})


def answer(site, client, host, at, tls, headers):
    for b in site.backends.values():
        b.asked.clear()
    try:
        got = client.get(host, at, tls, headers=headers)
    except OSError as error:
        return type(error).__name__
    if not got.backend:
        return got.status, got.headers.get("location"), got.headers.get("x-r"), got.body
    seen = site.backends[got.backend].wait_asked(1)[-1]
    return (got.status, got.backend, got.headers.get("x-r"), seen.path,
            sorted((k.lower(), v) for k, v in seen.headers.items() if k.lower() not in OWN_HEADERS))


def answers(site, client, hosts):
    return {(host, at, tls, str(headers)): answer(site, client, host, at, tls, headers)
            for host, at, tls, headers in itertools.product(hosts, PATHS, (False, True), HEADERS)}


@pytest.mark.parametrize("target,wanted,ports", [("httpproxy", 16, (8080, 8443)), ("gateway-api", 7, (80, 443))],
                         ids=["httpproxy", "gateway-api"])
def test_what_is_called_the_same_answers_the_same(site, folder, target, wanted, ports):
    for name in ("web", "api", "blue"):
        site.backend(name)
    site.start()
    there = [o for b in site.backends.values() for o in backend_objects(b)] + [tls_secret("cert", CERTIFICATE)]
    site.write("services.yaml", *there)
    site.write("world.yaml", *world("portolan"))
    (folder / "all.yaml").write_text(yaml.safe_dump_all([*there, *world("contour")]))
    done = subprocess.run([PORTOLAN, "migrate", "--from=contour", f"--to={target}", folder / "all.yaml"],
                          capture_output=True, text=True, timeout=60)
    made = [o for o in yaml.safe_load_all(done.stdout) if o]
    hosts = hosts_of(made)
    assert len(hosts) == wanted, done.stdout
    before = answers(site, site.client, hosts)
    site.write("world.yaml", *made)
    after = answers(site, Client(site.address, *ports), hosts)
    assert {k: (v, after[k]) for k, v in before.items() if v != after[k]} == {}
