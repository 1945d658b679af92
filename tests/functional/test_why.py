"""Why does my route not work? Worlds that a newcomer makes: each leads in one command to the right
cause. A row: the mistake in a working world, the command, its expected output."""

import copy
import subprocess

import pytest
import yaml

import objects
from certs import Authority
from programs import program

CERTIFICATES = Authority()


def world():
    """An Ingress and an HTTPProxy with TLS, each with a Service and a slice."""
    cart = {"conditions": [{"prefix": "/cart"}], "services": [{"name": "cart", "port": 80}]}
    return {
        "ingress": objects.ingress("web", objects.rule("web.example", objects.path("web")), tls=[("web", "web.example")]),
        "secret": objects.tls_secret("web", CERTIFICATES.issue("web.example")),
        "service": objects.service("web", objects.port(80, "http")),
        "slice": {**objects.slice_of("web", 8080, "10.0.0.1"), "ports": [{"name": "http", "port": 8080}]},
        "proxy": objects.proxy("shop", cart, fqdn="shop.example", tls={"secretName": "shop"}),
        "shop": objects.tls_secret("shop", CERTIFICATES.issue("shop.example")),
        "cart": objects.service("cart", objects.port(80)),
        "cart slice": objects.slice_of("cart", 8080, "10.0.0.2"),
    }


def put(name, path, value):
    """Sets world[name].a.b[0].c; None removes it."""
    def change(w):
        at = w[name]
        for step in path[:-1]:
            at = at[step]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value
    change.__name__ = f"{name}.{'.'.join(map(str, path))}={value}"
    return change


def drop(name):
    return lambda w: w.pop(name)


def both(*changes):
    return lambda w: [c(w) for c in changes]


RULE = ("spec", "rules", 0)
PATH = (*RULE, "http", "paths", 0)
BACKEND = (*PATH, "backend", "service")
ROUTE = ("spec", "routes", 0)
SERVICE = (*ROUTE, "services", 0)
WEB, SHOP = "https://web.example/", "https://shop.example/cart"

ROWS = {
    # ---- the Service ----
    "service-missing": (drop("service"), WEB, "there is no Service default/web"),
    "service-name-misspelt": (put("ingress", (*BACKEND, "name"), "wbe"), WEB, "there is no Service default/wbe"),
    "service-in-another-namespace": (put("service", ("metadata", "namespace"), "other"), WEB, "there is no Service default/web"),
    "service-port-number": (put("ingress", (*BACKEND, "port"), {"number": 81}), WEB, "there is no port 81 in Service default/web"),
    "service-port-name": (put("ingress", (*BACKEND, "port"), {"name": "htp"}), WEB, "there is no port htp in Service default/web"),
    "service-port-is-udp": (put("service", ("spec", "ports", 0, "protocol"), "UDP"), WEB, "is not for TCP"),
    "no-service-port": (put("ingress", (*BACKEND, "port"), {}), WEB, "there is no service.port"),
    "proxy-service-missing": (drop("cart"), SHOP, "there is no Service default/cart"),
    "proxy-service-port": (put("proxy", (*SERVICE, "port"), 81), SHOP, "there is no port 81 in Service default/cart"),
    "external-name-is-off": (put("service", ("spec", "type"), "ExternalName"), WEB, "ExternalName"),
    # ---- endpoints ----
    "no-slice": (drop("slice"), WEB, "no EndpointSlice in namespace default has the label kubernetes.io/service-name: web"),
    "slice-without-label": (put("slice", ("metadata", "labels"), {}), WEB, "has no such label"),
    "slice-of-another-service": (put("slice", ("metadata", "labels", "kubernetes.io/service-name"), "wbe"), WEB,
                                 "no EndpointSlice in namespace default has the label"),
    "slice-in-another-namespace": (put("slice", ("metadata", "namespace"), "other"), WEB, "is in another namespace"),
    "slice-port-name": (put("slice", ("ports", 0, "name"), "web"), WEB, r'has no port "http" (it has: web)'),
    "no-endpoint-in-slice": (put("slice", ("endpoints",), []), WEB, "has no endpoints"),
    "none-ready": (put("slice", ("endpoints", 0, "conditions"), {"ready": False}), WEB, "1 endpoint, none of them ready"),
    "proxy-no-slice": (drop("cart slice"), SHOP, "no EndpointSlice in namespace default has the label"),
    "slice-address-type": (put("slice", ("addressType",), "FQDN"), "translate", "addressType"),
    "slice-address": (put("slice", ("endpoints", 0, "addresses"), ["not-an-address"]), "translate", "is not an IPv4 address"),
    # ---- TLS ----
    "secret-missing": (drop("secret"), "translate", "Secret default/web: it does not exist"),
    "secret-name": (put("ingress", ("spec", "tls", 0, "secretName"), "wbe"), "translate", "Secret default/wbe: it does not exist"),
    "secret-without-key": (put("secret", ("stringData", "tls.key"), None), "translate", "it has no tls.key"),
    "secret-without-certificate": (put("secret", ("stringData", "tls.crt"), None), "translate", "it has no tls.crt"),
    "secret-type": (put("secret", ("type",), "kubernetes.io/basic-auth"), "translate", "its type is"),
    "secret-of-another-key": (lambda w: w["secret"]["stringData"].update(
        {"tls.key": w["shop"]["stringData"]["tls.key"]}), "translate", "does not belong to"),
    "proxy-secret-missing": (drop("shop"), SHOP, "default/shop"),
    "proxy-secret-of-another-namespace": (put("proxy", ("spec", "virtualhost", "tls", "secretName"), "other/shop"), SHOP, "other/shop"),
    "no-tls": (put("ingress", ("spec", "tls"), []), WEB, "handshake"),
    # ---- hosts and paths ----
    "host-not-named": (put("ingress", (*RULE, "host"), "wbe.example"), "http://web.example/", "404"),
    "path-not-matched": (put("ingress", (*PATH, "path"), "/app"), WEB, "404"),
    "exact-path": (put("ingress", (*PATH, "pathType"), "Exact"), "https://web.example/x", "404"),
    "prefix-is-of-whole-segments": (put("ingress", (*PATH, "path"), "/app"), "https://web.example/apple", "404"),
    "path-without-slash": (put("ingress", (*PATH, "path"), "app"), "translate", "must begin with"),
    "path-with-star": (put("ingress", (*PATH, "path"), "/app/*"), "translate", "the * is a character like any other"),
    "path-with-star-as-regex": (both(put("ingress", (*PATH, "path"), "/app/*"), put("ingress", (*PATH, "pathType"), "ImplementationSpecific")),
                                "translate", "write /.*"),
    "proxy-path-with-star": (put("proxy", ("spec", "routes", 0, "conditions", 0, "prefix"), "/cart/*"), "translate",
                             "the * is a character like any other"),
    "path-type-misspelt": (put("ingress", (*PATH, "pathType"), "prefix"), "translate", "pathType"),
    "host-with-a-port": (put("ingress", (*RULE, "host"), "web.example:80"), "translate", "web.example:80"),
    "host-with-a-scheme": (put("ingress", (*RULE, "host"), "http://web.example"), "translate", "http://web.example"),
    "star-inside": (put("ingress", (*RULE, "host"), "web.*.example"), "translate", "web.*.example"),
    "proxy-path-not-matched": (put("proxy", ("spec", "routes", 0, "conditions", 0, "prefix"), "/basket"), SHOP, "404"),
    "proxy-condition-header": (put("proxy", ("spec", "routes", 0, "conditions"),
                                   [{"prefix": "/cart"}, {"header": {"name": "x-a", "present": True}}]), SHOP, "it needs: header x-a"),
    "proxy-prefix-without-slash": (put("proxy", ("spec", "routes", 0, "conditions", 0, "prefix"), "cart"), SHOP, "prefix"),
    "proxy-bad-regex": (put("proxy", ("spec", "routes", 0, "conditions"), [{"regex": "/(["}]), SHOP, "regex"),
    # ---- what is accepted, and has no effect ----
    "proxy-header-without-test": (put("proxy", (*ROUTE, "conditions"), [{"header": {"name": "x-a"}}]), "translate", "it has no test such as present"),
    "proxy-header-with-two-tests": (put("proxy", (*ROUTE, "conditions"), [{"header": {"name": "x-a", "exact": "1", "contains": "2"}}]),
                                    "translate", "one test counts"),
    "proxy-query-with-a-space": (put("proxy", (*ROUTE, "conditions"), [{"queryParameter": {"name": "q", "exact": "a b"}}]), "translate",
                                 "write %20 (or +) for a space"),
    "proxy-same-conditions": (lambda w: w["proxy"]["spec"]["routes"].append(copy.deepcopy(w["proxy"]["spec"]["routes"][0])), "translate",
                              "HTTPProxy default/shop, spec.routes[1], has the same conditions and takes the requests"),
    "proxy-only-mirrors": (put("proxy", (*SERVICE, "mirror"), True), "translate", "all of them are mirrors"),
    "proxy-replaces-another-prefix": (put("proxy", (*ROUTE, "pathRewritePolicy"), {"replacePrefix": [{"prefix": "/x", "replacement": "/"}]}),
                                      "translate", "no prefix in it is /cart"),
    "proxy-redirect-to-itself": (both(put("proxy", (*ROUTE, "services"), []), put("proxy", (*ROUTE, "requestRedirectPolicy"), {"scheme": "https"})),
                                 "translate", "it redirects to the URL that was asked for"),
    "proxy-codes-without-the-word": (put("proxy", (*ROUTE, "retryPolicy"), {"count": 2, "retriableStatusCodes": [418]}), "translate",
                                     "they count with retriable-status-codes in retryOn only"),
    "proxy-hash-without-strategy": (put("proxy", (*ROUTE, "loadBalancerPolicy"), {"requestHashPolicies": [{"hashSourceIP": True}]}),
                                    "translate", "they count with strategy RequestHash only"),
    "proxy-header-set-and-removed": (put("proxy", (*ROUTE, "requestHeadersPolicy"), {"set": [{"name": "X-A", "value": "1"}], "remove": ["x-a"]}),
                                     "translate", "header X-A is both set and removed"),
    "proxy-header-that-frames": (put("proxy", (*ROUTE, "responseHeadersPolicy"), {"set": [{"name": "content-length", "value": "1"}]}), SHOP,
                                 "says where a message ends"),
    "proxy-validation-without-tls": (put("proxy", (*SERVICE, "validation"), {"caSecret": "gone", "subjectName": "x"}), "translate",
                                     "the Service is spoken to without"),
    "proxy-passes-through-to-nothing": (put("proxy", ("spec", "virtualhost", "tls"), {"passthrough": True}), "translate",
                                        "without spec.tcpproxy nothing is served over TLS"),
    "proxy-tls-version": (put("proxy", ("spec", "virtualhost", "tls", "minimumProtocolVersion"), "TLSv1.3"), "translate",
                          'ignored: "TLSv1.3" is no version'),
    # ---- classes and kinds ----
    "class-misspelt": (put("ingress", ("spec", "ingressClassName"), "portolna"), "translate", "did you mean portolan?"),
    "proxy-class-misspelt": (put("proxy", ("spec", "ingressClassName"), "portoan"), "translate", "did you mean portolan?"),
    "class-of-another": (put("ingress", ("spec", "ingressClassName"), "nginx"), WEB, "class"),
    "proxy-class-of-another": (put("proxy", ("spec", "ingressClassName"), "nginx"), SHOP, "class"),
    "proxy-orphan": (put("proxy", ("spec", "virtualhost"), None), "translate", "not part of a delegation chain"),
    "proxy-include-missing": (put("proxy", ("spec", "includes"), [{"name": "gone", "conditions": [{"prefix": "/a"}]}]), "translate",
                              "default/gone"),
    "proxy-no-services": (put("proxy", ("spec", "routes", 0, "services"), []), SHOP, "exactly one of"),
    "proxy-bad-fqdn": (put("proxy", ("spec", "virtualhost", "fqdn"), "Shop_Example"), "translate", "Shop_Example"),
    "proxy-two-of-one-host": (lambda w: w.update(second={**copy.deepcopy(w["proxy"]), "metadata": {
        "name": "second", "namespace": "default"}}), "translate", "shop.example"),
    # ---- spelling ----
    "field-path-typ": (lambda w: w["ingress"]["spec"]["rules"][0]["http"]["paths"][0].update(pathTyp="Exact"), "translate",
                       'did you mean "pathType"?'),
    "field-service-name": (lambda w: w["ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"].update(serviceName="web"),
                           "translate", "serviceName: unknown field"),
    "field-secret": (lambda w: w["ingress"]["spec"]["tls"][0].update(secretNam="web"), "translate", 'did you mean "secretName"?'),
    "field-in-proxy": (put("proxy", ("spec", "routes", 0, "permitInsecur"), True), "translate", 'did you mean "permitInsecure"?'),
    "port-as-text": (put("service", ("spec", "ports", 0, "port"), "80"), "translate", "must be"),
    "api-version": (put("ingress", ("apiVersion",), "extensions/v1beta1"), "translate", "extensions/v1beta1"),
    "name-not-dns": (put("ingress", ("metadata", "name"), "Bad_Name"), "translate", "Bad_Name"),
    "no-name": (put("ingress", ("metadata", "name"), None), "translate", "name"),
    # ---- the request ----
    "another-host-on-the-connection": (lambda w: None, "https://shop.example/cart --sni web.example", "421"),
    "no-such-host-over-tls": (lambda w: None, "https://nothing.example/", "handshake"),
    "plain-http-is-redirected": (lambda w: None, "http://shop.example/cart", "301"),
}


@pytest.mark.parametrize("name", ROWS)
def test_one_command_leads_to_the_cause(name, folder):
    change, command, said = ROWS[name]
    objects_of = copy.deepcopy(world())
    change(objects_of)
    (folder / "world.yaml").write_text(yaml.safe_dump_all(objects_of.values()))
    if command == "translate":
        words = ["translate", "--strict", folder / "world.yaml"]
    else:
        words = ["explain", "--manifests", folder / "world.yaml", *command.split()]
    done = subprocess.run([program("portolan"), *map(str, words)], capture_output=True, text=True, timeout=60)
    assert said in done.stderr + (done.stdout if command != "translate" else ""), done.stdout[-3000:] + done.stderr
    # A redirect is an answer that somebody asked for.
    assert done.returncode == (0 if name == "plain-http-is-redirected" else 1)


def test_the_world_itself_works(folder):
    (folder / "world.yaml").write_text(yaml.safe_dump_all(world().values()))
    for url in (WEB, SHOP):
        done = subprocess.run([program("portolan"), "explain", "--manifests", folder / "world.yaml", url], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(ROWS) >= 60
