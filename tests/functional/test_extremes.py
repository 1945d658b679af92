"""Names, numbers and times at their limits and beyond: the oldest and the newest Envoy accept all
that the translator accepts."""

import pytest

from certs import Authority
from objects import backend_objects, ingress, path, proxy, rule, service, slice_of, tls_secret, to

LONG = "a" * 63
NAME_253 = ".".join([LONG, LONG, LONG, "b" * 61])  # the longest DNS name
AT = [{"prefix": "/x"}]


def header(name, value="1"):
    return {"requestHeadersPolicy": {"set": [{"name": name, "value": value}]}}


def route(**more):
    return to("web", conditions=AT, **more)


ROUTES = {
    **{f"answer-{n}": {"conditions": AT, "directResponsePolicy": {"statusCode": n}} for n in (199, 200, 299, 304, 599, 600, 1000)},
    "answer-body-4096": {"conditions": AT, "directResponsePolicy": {"statusCode": 200, "body": "x" * 4096}},
    "answer-body-4097": {"conditions": AT, "directResponsePolicy": {"statusCode": 200, "body": "x" * 4097}},
    **{f"redirect-{n}": {"conditions": AT, "requestRedirectPolicy": {"statusCode": n, "path": "/y"}} for n in (300, 301, 302, 303, 307, 308)},
    **{f"redirect-port-{n}": {"conditions": AT, "requestRedirectPolicy": {"port": n}} for n in (0, 1, 65535, 65536)},
    "redirect-host-253": {"conditions": AT, "requestRedirectPolicy": {"hostname": NAME_253}},
    **{f"weight-{n}": {"conditions": AT, "services": [{"name": "web", "port": 80, "weight": n}, {"name": "web", "port": 80, "weight": n}]}
       for n in (0, 1, 2**31 - 1, 2**32 - 1)},
    **{f"response-{t}": route(timeoutPolicy={"response": t}) for t in ("0s", "1ns", "1us", "1ms", "infinity", "2562047h", "8760h", "999999h")},
    **{f"idle-{t}": route(timeoutPolicy={"idle": t}) for t in ("0s", "1ns", "infinity", "2562047h")},
    **{f"idle-connection-{t}": route(timeoutPolicy={"idleConnection": t}) for t in ("0s", "1ns", "infinity", "2562047h")},
    **{f"retries-{n}": route(retryPolicy={"count": n, "perTryTimeout": "1ns"}) for n in (-1, 0, 1, 2**31, 2**32, 2**62)},
    "retry-codes": route(retryPolicy={"count": 1, "retryOn": ["retriable-status-codes"], "retriableStatusCodes": [0, 99, 100, 599, 600, 2**31]}),
    **{f"health-{n}": route(healthCheckPolicy={"path": "/", "intervalSeconds": n, "timeoutSeconds": n, "unhealthyThresholdCount": n,
                                               "healthyThresholdCount": n}) for n in (0, 1, 2**31 - 1, 2**32 - 1)},
    "health-path": route(healthCheckPolicy={"path": "/" + "a" * 4000}), "health-host": route(healthCheckPolicy={"path": "/", "host": NAME_253}),
    **{f"health-codes-{a}-{b}": route(healthCheckPolicy={"path": "/", "expectedStatuses": [{"start": a, "end": b}]})
       for a, b in ((100, 600), (200, 200), (200, 201), (599, 600), (0, 1), (99, 100), (600, 601), (300, 200))},
    **{f"limit-{n}-{u}": route(rateLimitPolicy={"local": {"requests": n, "burst": n, "unit": u}})
       for n in (0, 1, 2**31 - 1, 2**32 - 2) for u in ("second", "hour")},
    **{f"limit-status-{n}": route(rateLimitPolicy={"local": {"requests": 1, "unit": "second", "responseStatusCode": n}})
       for n in (0, 399, 400, 429, 599, 600)},
    **{f"header-{i}": route(**header(n)) for i, n in enumerate(("x" * 250, "x" * 20000, "x:y", ":path", "Host", "X Y", "x\ty", "ä", "", "x_y", "X-Y~!#$%&'*+-.^`|"))},
    **{f"value-{i}": route(**header("x", v)) for i, v in enumerate(("x" * 15000, "x" * 20000, "%", "%%", "%REQ(x)%", "%BAD%", "a\tb", "ä", "%START_TIME(%)%",
                                                                    "%PROTOCOL%%", "\x7f", " x "))},
    **{f"rewrite-{i}": route(pathRewritePolicy={"replacePrefix": [{"prefix": "/x", "replacement": r}]})
       for i, r in enumerate(("/", "", "no-slash", "/" + "a" * 4000, "/%zz", "/a b", "/?q", "/ä", "//"))},
    **{f"hash-{i}": route(loadBalancerPolicy={"strategy": "RequestHash", "requestHashPolicies": [p]}) for i, p in enumerate((
        {"headerHashOptions": {"headerName": "x" * 300}}, {"headerHashOptions": {"headerName": ":path"}},
        {"queryParameterHashOptions": {"parameterName": "x" * 5000}}, {"queryParameterHashOptions": {"parameterName": "&=ä"}}))},
    **{f"cookie-{i}": route(cookieRewritePolicies=[c]) for i, c in enumerate((
        {"name": "a", "domainRewrite": {"value": NAME_253}}, {"name": "a" * 4096, "secure": True}, {"name": "a", "pathRewrite": {"value": "/" + "a" * 4000}}))},
    **{f"query-{i}": to("web", conditions=[{"queryParameter": q}]) for i, q in enumerate((
        {"name": "x" * 5000, "present": True}, {"name": "a", "exact": "x" * 5000}, {"name": "ä&=", "exact": "ö"}, {"name": "a", "prefix": "%"}))},
    **{f"condition-{i}": to("web", conditions=[{"header": h}]) for i, h in enumerate((
        {"name": "x" * 5000, "present": True}, {"name": "x", "exact": "x" * 9000}, {"name": "x", "contains": "\t"}, {"name": ":authority", "exact": "a"}))},
    **{f"prefix-{n}": to("web", conditions=[{"prefix": "/" + "p" * n}]) for n in (1023, 1024, 5000, 20000)},
    **{f"exact-{n}": to("web", conditions=[{"exact": "/" + "p" * n}]) for n in (1023, 1024, 5000, 20000)},
    **{f"subject-{n}": {"conditions": AT, "services": [{"name": "secure", "port": 80, "protocol": "tls", "validation": {
        "caSecret": "ca", "subjectName": "s" * n}}]} for n in (1, 250, 251, 255, 256)},
    **{f"internal-{n}": route(internalRedirectPolicy={"maxInternalRedirects": n}) for n in (0, 1, 2**31)},
    **{f"mirror-{n}": {"conditions": AT, "services": [{"name": "web", "port": 80}, {"name": "web", "port": 80, "mirror": True, "weight": n}]}
       for n in (1, 100, 101)},
    **{f"slow-start-{i}": {"conditions": AT, "services": [{"name": "web", "port": 80, "slowStartPolicy": s}]} for i, s in enumerate((
        {"window": "1ns"}, {"window": "0s"}, {"window": "999999h", "aggression": "0.0001"}, {"window": "1s", "minWeightPercent": 101},
        {"window": "1s", "aggression": "1e300"}, {"window": "1s", "minWeightPercent": 0}))},
    **{f"cidr-{i}": route(ipAllowPolicy=[{"source": "Peer", "cidr": c}]) for i, c in enumerate((
        "0.0.0.0/0", "10.0.0.1/33", "::/0", "::1/129", "10.0.0.1", "::ffff:1.2.3.4/128", "fe80::1%eth0/64"))},
}

CORS = [{"maxAge": m, "allowOrigin": ["*"], "allowMethods": ["GET"]} for m in ("0s", "-1", "-1s", "1ns", "999999h", "2562047h")]
LIMITS = ["0", "1", "4294967295", "4294967296", "-1"]


def _world(web, authority):
    yield from backend_objects(web)
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": "default"}, "stringData": {"ca.crt": authority.text}}
    yield tls_secret("cert", authority.issue("*.example.com", NAME_253))
    yield service("secure")
    yield slice_of("secure", 8443, "10.0.0.1")
    for i, one in enumerate(ROUTES.values()):
        yield proxy(f"route-{i}", one, fqdn=f"route-{i}.example.com")
    for i, cors in enumerate(CORS):
        yield proxy(f"cors-{i}", to("web"), fqdn=f"cors-{i}.example.com", corsPolicy=cors)
    for i, n in enumerate(LIMITS):
        yield service(f"limits-{i}", annotations={f"projectcontour.io/{k}": n for k in (
            "max-connections", "max-pending-requests", "max-requests", "max-retries")})
        yield slice_of(f"limits-{i}", 8080, "10.0.0.1")
        yield ingress(f"limits-{i}", rule(f"limits-{i}.example.com", path(f"limits-{i}")), annotations={
            "projectcontour.io/num-retries": n, "projectcontour.io/retry-on": "5xx", "projectcontour.io/per-try-timeout": "1ns",
            "projectcontour.io/response-timeout": "999999h"})
    for name, host in (("longest", NAME_253), ("longer", "a" + NAME_253), ("label", "a" * 64 + ".example.com"), ("one", "localhost")):
        yield ingress(name, rule(host, path("web")), tls=[("cert", host)])
    yield ingress("long-name-" + "n" * 200, rule("name.example.com", path("web")))
    for i, name in enumerate((NAME_253, NAME_253 + ".", "example.org.", "EXAMPLE.org", "a" * 64 + ".org", "xn--bcher-kva.example")):
        yield service(f"external-{i}", type="ExternalName", externalName=name, annotations={"projectcontour.io/upstream-protocol.tls": "80"})
        yield ingress(f"external-{i}", rule(f"external-{i}.example.com", path(f"external-{i}")))


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_envoy_takes_what_the_translator_takes(site, which):
    site.start(which)
    site.pipeline.write("configuration.yaml", {
        "apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration", "metadata": {"name": "portolan", "namespace": "portolan"},
        "spec": {"enableExternalNameService": True}})
    site.pipeline.manifests.write("all.yaml", *_world(site.backend("web"), Authority()))
    site.pipeline.xds.wait_answered(site.pipeline.settle(), timeout=60)
    statuses = site.pipeline.statuses()
    names = dict(zip((f"HTTPProxy default/route-{i}" for i in range(len(ROUTES))), ROUTES))
    refused = {names.get(k, k): p["message"][:200] for k, s in statuses.items() for p in s.get("problems", ())
               if "RejectedByEnvoy" in p["reason"]}
    assert refused == {}
    taken = [n for k, n in names.items() if statuses.get(k, {}).get("verdict") == "accepted"]
    assert len(taken) > len(names) / 2
    for name in ("answer-599", "redirect-308", "weight-4294967295", "response-infinity", "prefix-5000", "health-codes-599-600"):
        assert name in taken, statuses
    assert site.get("route-0.example.com", "/").status == 404
