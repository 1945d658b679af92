"""Gateway API's kinds from files: our decoder fills in and refuses the same fields as a real API
server with the CRDs of v1.7.0 (experimental), although a folder of manifests has no server."""

import json
import subprocess

import pytest

import gateway_api
import offline
import openapi
from kube_watcher import KINDS
from programs import program

# Demands of the API's rules beyond "required", so that it accepts some objects.
PORT = {"port": 80}
NEEDED = {
    ".backendRefs[]": PORT, ".backendRef": PORT,
    ".rules[].filters[]": {"requestHeaderModifier": {}},
    ".requests[]": {"type": "ExtensionRef", "extensionRef": {"group": "a", "kind": "a", "name": "a"}},
    ".externalAuth": {"protocol": "HTTP", "http": {}},
    ".path": {}, ".subjectAltNames[]": {"hostname": "a"},
    ".validation": {"wellKnownCACertificates": "System"},
    ".caCertificateRefs": [],
    ".listeners[]": {"protocol": "HTTP"},
    ".sessionPersistence": {"cookie": {}},
    ".attributes[]": {"headerName": "a"},
    ".targetRefs[]": {},
}
NEEDED_OF = {
    "XBackend": {".spec": {"externalHostname": {"hostname": "a"}, "port": {"number": 80}}},
    "XTelemetryPolicy": {".spec": {"tracing": {}}},
}
# Questions asked of one kind are not repeated for the next.
SEEN = set()


def version_of(definition):
    return next(v for v in definition["spec"]["versions"] if v["storage"])


def item_of(definition, name, content):
    version = version_of(definition)["name"]
    item = {"apiVersion": f"{definition['spec']['group']}/{version}", "kind": definition["spec"]["names"]["kind"],
            "metadata": {"name": name}, **content}
    if definition["spec"]["scope"] == "Namespaced":
        item["metadata"]["namespace"] = "default"
    return item


def asked(client, item):
    """The object that the server would keep, or its refusal as (status, message)."""
    path = client.path_of(item).rpartition("/")[0]
    response = client.request("POST", path, item, query={"dryRun": "All", "fieldValidation": "Ignore"})
    said = response.json()
    if response.status < 300:
        return {key: said[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in said}
    return response.status, said.get("message")


def decoded(folder, items):
    """{name: the encoded object} of those that our decoder accepts, and its messages about the
    others."""
    file = folder / "objects.json"
    file.write_text("\n".join(json.dumps(item) for item in items), encoding="utf-8")
    done = subprocess.run([program("portolan-watcher"), "--once", "--write-stream", "-", "--manifests", file],
                          stdin=subprocess.DEVNULL, capture_output=True)
    state = offline.read_state(done.stdout)
    return ({key.decode().rpartition("/")[2]: item.value for (kind, key), item in state.items()
             if kind in set(KINDS.values()) - {KINDS["Namespace"]}}, done.stderr.decode())


def compare(client, folder, cases):
    """cases: (what, item), names being their numbers. Returns the differences, and how many were
    accepted and refused."""
    ours, said = decoded(folder, [item for _, item in cases])
    answers = [asked(client, item) for _, item in cases]
    # The server's object through our decoder: the same bytes, whatever the order of members.
    theirs, _ = decoded(folder, [
        {**answer, "metadata": {k: v for k, v in answer["metadata"].items() if k in ("name", "namespace", "generation")}}
        for answer in answers if isinstance(answer, dict)])
    wrong, counts = [], [0, 0]
    for (what, item), answer in zip(cases, answers):
        name = item["metadata"]["name"]
        taken = isinstance(answer, dict)
        counts[not taken] += 1
        if taken != (name in ours):
            about = [line for line in said.splitlines() if f"/{name} " in line]
            wrong.append((what, item.get("spec"), answer if not taken else "taken", about))
        elif taken and ours[name] != theirs.get(name):
            wrong.append((what, item.get("spec"), "completed otherwise", answer["spec"]))
    return wrong, counts


@pytest.mark.parametrize("kind", gateway_api.KINDS)
def test_objects_are_taken_refused_and_completed_as_by_the_server(gateway_kube, tmp_path, kind):
    definition = gateway_api.definitions()[kind]
    schema = version_of(definition)["schema"]["openAPIV3Schema"]["properties"]["spec"]
    needed = {**NEEDED, **NEEDED_OF.get(kind, {})}
    cases = [(path, item_of(definition, f"n{i}", {"spec": spec}))
             for i, (path, spec) in enumerate(openapi.variants(schema, ".spec", needed, SEEN))]
    wrong, (taken, refused) = compare(gateway_kube.client, tmp_path, cases)
    print(f"{kind}: {taken} taken, {refused} refused by both, {len(wrong)} differ")
    for case in wrong[:20]:
        print(json.dumps(case, default=str)[:1500])
    assert wrong == []
    assert taken and refused


# ---- rules of several fields together ----

SERVICE = {"name": "a", "port": 80}
PREFIX = {"path": {"type": "PathPrefix", "value": "/a"}}
EXACT = {"path": {"type": "Exact", "value": "/a"}}
TO_PREFIX = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}}
REWRITE = {"type": "URLRewrite", "urlRewrite": TO_PREFIX}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": TO_PREFIX}
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {}}
CORS = {"type": "CORS", "cors": {"allowOrigins": ["*"]}}
TLS = {"certificateRefs": [{"name": "a"}]}
MANY = [PREFIX] * 64


def rule(*filters, **more):
    return {"rules": [{"filters": list(filters), **more}]}


def listeners(*found, **more):
    return {"gatewayClassName": "a", **more,
            "listeners": [{"name": f"l{i}", "port": 80, "protocol": "HTTP", **l} for i, l in enumerate(found)]}


def parents(*found):
    return {"parentRefs": [{"name": "a", **p} for p in found]}


def traced(**more):
    return {"targetRefs": [{"group": "a", "kind": "a", "name": "a"}], "tracing": more}


RULES = {
    "HTTPRoute": [
        {}, {"rules": []}, {"rules": [{}]}, {"rules": [{"matches": []}]}, {"rules": [{"matches": [{}]}]},
        parents({}, {}), parents({}, {"sectionName": "a"}), parents({"sectionName": "a"}, {"sectionName": "b"}),
        parents({"sectionName": "a"}, {"sectionName": "a"}), parents({"port": 1}, {"port": 2}), parents({"port": 1}, {"port": 1}),
        parents({"sectionName": "a", "port": 1}, {"sectionName": "a", "port": 2}), parents({"port": 1}, {"sectionName": "a"}),
        parents({"sectionName": "a", "port": 1}, {"sectionName": "a"}), parents({}, {"namespace": "b"}),
        parents({"namespace": "b"}, {"namespace": "b"}), parents({}, {"kind": "ListenerSet"}), parents({}, {"group": "b"}),
        {"rules": [{"name": "a"}, {"name": "a"}]}, {"rules": [{"name": "a"}, {"name": "b"}, {}, {}]},
        {"rules": [{"matches": MANY}] * 2}, {"rules": [{"matches": MANY}, {"matches": MANY}, {}]},
        rule(HEADERS), rule(HEADERS, HEADERS), rule(CORS, CORS), rule(CORS, HEADERS), rule(REWRITE, matches=[PREFIX]),
        rule(REWRITE, matches=[EXACT]), rule(REWRITE, matches=[PREFIX, PREFIX]), rule(REWRITE), rule(REDIRECT, matches=[PREFIX]),
        rule(REDIRECT, REDIRECT), rule(REDIRECT, REWRITE), rule(REDIRECT, matches=[EXACT]), rule(REDIRECT, backendRefs=[SERVICE]),
        rule(REDIRECT, backendRefs=[]), rule(REWRITE, REWRITE, matches=[EXACT]),
        rule({"type": "RequestMirror", "requestMirror": {"backendRef": SERVICE}}),
        rule(*[{"type": "RequestMirror", "requestMirror": {"backendRef": SERVICE}}] * 2),
        rule({"type": "RequestMirror", "requestMirror": {"backendRef": SERVICE, "percent": 1, "fraction": {"numerator": 1}}}),
        rule({"type": "RequestMirror", "requestMirror": {"backendRef": SERVICE, "fraction": {"numerator": 101}}}),
        rule({"type": "RequestMirror", "requestMirror": {"backendRef": SERVICE, "fraction": {"numerator": 2, "denominator": 3}}}),
        rule({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "a"}}}),
        rule({"type": "URLRewrite"}), rule({"type": "URLRewrite", "cors": {}}), rule({**HEADERS, "cors": {}}),
        rule({"type": "ExtensionRef", "extensionRef": {"group": "a", "kind": "a", "name": "a"}}), rule({"type": "Other"}),
        *(rule(matches=[PREFIX if prefix else EXACT], backendRefs=[{**SERVICE, "filters": [f]}] * n)
          for prefix in (True, False) for f in (REWRITE, REDIRECT, HEADERS) for n in (1, 2)),
        rule(backendRefs=[{**SERVICE, "filters": [REWRITE, REDIRECT]}], matches=[PREFIX]),
        rule(backendRefs=[{**SERVICE, "filters": [HEADERS, HEADERS]}]),
        rule(backendRefs=[{"name": "a"}]), rule(backendRefs=[{"name": "a", "kind": "Other"}]),
        rule(backendRefs=[{"name": "a", "group": "gateway.networking.x-k8s.io", "kind": "XBackend"}]),
        rule(backendRefs=[{**SERVICE, "group": "gateway.networking.x-k8s.io", "kind": "XBackend"}]),
        *(rule(matches=[{"path": {"type": t, "value": v}}]) for t in ("Exact", "PathPrefix", "RegularExpression")
          for v in ("/", "", "a", "/a//b", "/a/./b", "/a/../b", "/a%2fb", "/a%2Fb", "/a#b", "/a/..", "/a/.", "/a?b", "/a b", "/a%zz",
                    "/a%20b", "/a%2", "/ä", "/a..b", "/~a!$&'()*+,;=:@")),
        *(rule({"type": "CORS", "cors": {key: value}}) for key, values in {
            "allowOrigins": (["*"], ["*", "http://a"], ["http://a", "https://*.a.b:80"], ["http://*"], ["a"], ["http://a/"], ["null"]),
            "allowMethods": (["*"], ["*", "GET"], ["GET", "POST"], ["GET", "GET"], ["get"]),
            "allowHeaders": (["*"], ["*", "a"], ["a", "b"], ["a b"]), "maxAge": (0, 1, -1)}.items() for value in values),
        *({"rules": [{"timeouts": t}]} for t in (
            {"request": "1s", "backendRequest": "1s"}, {"request": "1s", "backendRequest": "1001ms"}, {"backendRequest": "1h"},
            {"request": "0s", "backendRequest": "1h"}, {"request": "0h0m", "backendRequest": "1h"}, {"request": "1d"}, {"request": "1.5s"})),
        *({"rules": [{"retry": r}]} for r in ({}, {"codes": [500, 503]}, {"codes": [500, 500]}, {"attempts": 0}, {"attempts": -1},
                                              {"codes": [399]}, {"backoff": "1s"}, {"backoff": "1"})),
        *({"rules": [{"sessionPersistence": p}]} for p in (
            {}, {"cookie": {}}, {"type": "Header"}, {"type": "Header", "header": {"name": "a"}}, {"header": {"name": "a"}},
            {"cookie": {}, "header": {"name": "a"}}, {"cookie": {"lifetimeType": "Permanent"}},
            {"cookie": {"lifetimeType": "Permanent"}, "absoluteTimeout": "1h"})),
        *(rule({"type": "ExternalAuth", "externalAuth": {"backendRef": SERVICE, **a}}) for a in (
            {"protocol": "HTTP"}, {"protocol": "HTTP", "http": {}}, {"protocol": "GRPC", "http": {}}, {"protocol": "GRPC", "grpc": {}},
            {"protocol": "HTTP", "http": {"path": "/a"}}, {"protocol": "HTTP", "http": {"path": "a b"}})),
        *(rule({"type": "URLRewrite", "urlRewrite": {"path": p}}, matches=[PREFIX]) for p in (
            {"type": "ReplaceFullPath"}, {"type": "ReplaceFullPath", "replaceFullPath": ""},
            {"type": "ReplaceFullPath", "replacePrefixMatch": "/"}, {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"})),
        *({"rules": [{"matches": [{"headers": h}]}]} for h in (
            [{"name": "a", "value": "b"}] * 2, [{"name": "a", "value": "b"}, {"name": "A", "value": "b"}], [{"name": "a", "value": ""}])),
        {"hostnames": ["a.b", "*.b", "192.0.2.1"]}, {"hostnames": ["a.*"]}, {"hostnames": ["A.b"]},
    ],
    "GRPCRoute": [
        {}, {"rules": []}, {"rules": [{}]}, rule(HEADERS, HEADERS), {"rules": [{"name": "a"}, {"name": "a"}]},
        {"rules": [{"matches": [{}] * 64}] * 3}, parents({}, {}),
        *({"rules": [{"matches": [{"method": m}]}]} for m in (
            {}, {"service": "a"}, {"method": "a"}, {"service": "a.b", "method": "c"}, {"service": ".a.B_1"}, {"service": "a..b"},
            {"service": "a/b"}, {"service": "1"}, {"service": ""}, {"method": "a.b"}, {"method": "1a"},
            {"type": "RegularExpression", "service": "a[/]"}, {"type": "RegularExpression"}, {"service": "A"}, {"service": "a."})),
    ],
    "TLSRoute": [
        *({"hostnames": h, "rules": [{"backendRefs": [SERVICE]}]} for h in (
            ["a.b"], ["*.b"], ["192.0.2.1"], ["*"], ["a.*.b"], [], ["a.b", "a.b"])),
        {"hostnames": ["a"], "rules": [{"backendRefs": []}]}, {"hostnames": ["a"], "rules": []},
        {"hostnames": ["a"], "rules": [{"backendRefs": [SERVICE]}] * 2}, {"rules": [{"backendRefs": [SERVICE]}]},
    ],
    "TCPRoute": [{"rules": [{"backendRefs": [SERVICE]}], **parents({}, {})}, {"rules": [{"backendRefs": [SERVICE, SERVICE]}]}],
    "UDPRoute": [{"rules": [{"backendRefs": [{**SERVICE, "weight": 1000001}]}]}, {"rules": [{"backendRefs": [{**SERVICE, "weight": 0}]}]}],
    "Gateway": [
        *(listeners({"protocol": p, **m}) for p in ("HTTP", "HTTPS", "TLS", "TCP", "UDP", "INVALID", "a.b/c") for m in (
            {}, {"tls": TLS}, {"tls": {"mode": "Passthrough"}}, {"tls": {}}, {"tls": {"options": {"a": "b"}}}, {"hostname": "a.b"},
            {"hostname": ""}, {"filters": {}}, {"filters": {"requests": []}}, {"tls": {"mode": "Terminate", "certificateRefs": []}})),
        listeners({}, {}), listeners({}, {"port": 81}), listeners({}, {"hostname": "a"}), listeners({"hostname": "a"}, {"hostname": "a"}),
        listeners({}, {"protocol": "TCP"}), listeners({}, {"name": "l0", "port": 81}), listeners(),
        *(listeners({}, addresses=a) for a in (
            [], [{}], [{}, {}], [{"value": "192.0.2.1"}], [{"value": "192.0.2.1"}] * 2, [{"value": "::1"}], [{"value": "a"}], [{"value": ""}],
            [{"type": "Hostname", "value": "a"}], [{"type": "Hostname", "value": "a_b"}], [{"type": "Hostname", "value": ""}],
            [{"type": "Hostname", "value": "*.a"}] * 2, [{"type": "Hostname"}], [{"type": "a.b/c", "value": "1"}] * 2,
            [{"routability": ""}], [{"routability": "Cluster"}], [{"routability": "Other"}], [{"routability": "a.b/c"}],
            [{"routability": "k8s.io/a"}], [{"routability": "x.k8s.io/a"}], [{"routability": "xk8s.io/a"}], [{"routability": "a/"}],
            [{"routability": "a/b/c"}], [{"routability": "A/b"}])),
        *(listeners({}, infrastructure=i) for i in (
            {"labels": {"a": "b"}}, {"labels": {"a/b": ""}}, {"labels": {"a/b/c": ""}}, {"labels": {"A.b/c": ""}}, {"labels": {"": "a"}},
            {"labels": {"-a": ""}}, {"labels": {"a": "b c"}}, {"annotations": {"a": "b c"}}, {"annotations": {"a b": ""}},
            {"labels": {"a" * 63: ""}}, {"labels": {"a" * 64: ""}}, {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "a"}})),
        *(listeners({}, tls={"frontend": f}) for f in (
            {}, {"default": {}}, {"default": {"validation": {}}}, {"default": {}, "perPort": [{"port": 1, "tls": {}}] * 2},
            *({"default": {"validation": {"caCertificateRefs": [r]}}} for r in (
                {"group": "", "kind": "ConfigMap", "name": "a", "namespace": "b"},
                {"group": "certificates.k8s.io", "kind": "ClusterTrustBundle", "name": "a"},
                {"group": "certificates.k8s.io", "kind": "ClusterTrustBundle", "name": "a", "namespace": "b"})))),
        listeners({"allowedRoutes": {}}), listeners({"allowedRoutes": {"kinds": [{"kind": "HTTPRoute"}]}}),
        listeners({"allowedRoutes": {"namespaces": {"from": "Selector"}}}), listeners({"allowedRoutes": {"namespaces": {"from": "None"}}}),
        listeners({}, allowedListeners={}), listeners({}, allowedListeners={"namespaces": {"from": "None"}}),
        *(listeners({"filters": {"requests": [f]}}) for f in (
            {"type": "ExternalAuth"}, {"type": "ExternalAuth", "externalAuth": {"protocol": "GRPC", "grpc": {}, "backendRef": SERVICE}},
            {"type": "ExtensionRef", "externalAuth": {"protocol": "GRPC", "grpc": {}, "backendRef": SERVICE}})),
    ],
    "ListenerSet": [{"parentRef": {"name": "a"}, "listeners": listeners(*l)["listeners"]} for l in (
        [{}], [{}, {}], [{"protocol": "TCP", "filters": {}}], [{"protocol": "TLS"}], [{"protocol": "HTTPS", "tls": {"mode": "Passthrough"}}])],
    "BackendTLSPolicy": [
        *({"targetRefs": [{"group": "", "kind": "Service", "name": "a", **t} for t in targets],
           "validation": {"hostname": "a", "wellKnownCACertificates": "System"}} for targets in (
               [{}], [{}, {}], [{}, {"sectionName": "a"}], [{"sectionName": "a"}, {"sectionName": "b"}], [{"sectionName": "a"}] * 2,
               [{}, {"name": "b"}])),
        *({"targetRefs": [{"group": "", "kind": "Service", "name": "a"}], "validation": {"hostname": "a", **v}} for v in (
            {}, {"caCertificateRefs": []}, {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "a"}]},
            {"caCertificateRefs": [], "wellKnownCACertificates": "System"}, {"wellKnownCACertificates": "Other"},
            {"wellKnownCACertificates": "a.b/c"}, {"wellKnownCACertificates": ""},
            *({"wellKnownCACertificates": "System", "subjectAltNames": [n]} for n in (
                {"type": "Hostname"}, {"type": "Hostname", "hostname": "a"}, {"type": "URI", "hostname": "a"}, {"type": "URI", "uri": "a://b"},
                {"type": "URI", "uri": "a"}, {"type": "Hostname", "hostname": "a", "uri": "a://b"})))),
    ],
    "XBackend": [
        *({"type": "ExternalHostname", "externalHostname": {"hostname": h}, "port": {"number": 80}} for h in (
            "a", "a.cluster.local", "cluster.local", "192.0.2.1")),
        *({"type": t, "port": {"number": 80}, **m} for t in ("ExternalHostname", "EndpointSelector") for m in (
            {}, {"externalHostname": {"hostname": "a"}}, {"endpointSelector": {"matchLabels": {"a": "b"}}},
            {"endpointSelector": {"matchLabels": {"a b": "b"}}}, {"endpointSelector": {"matchLabels": {}}})),
        *({"type": "EndpointSelector", "endpointSelector": {"matchLabels": {"a": "b"}}, "port": {"number": 80}, **m} for m in (
            {"sessionPersistence": {"cookie": {}}},
            *({"protocol": p, **t} for p in ("TCP", "HTTP2", "H2C", "WSS", "GRPC") for t in (
                {}, {"tls": {"mode": "None"}}, {"tls": {"mode": "ServerOnly"}},
                {"tls": {"mode": "ServerOnly", "validation": {"hostname": "a", "wellKnownCACertificates": "System"}}},
                {"tls": {"mode": "None", "validation": {"hostname": "a", "wellKnownCACertificates": "System"}}},
                {"tls": {"mode": "ClientAndServer", "validation": {"hostname": "a", "wellKnownCACertificates": "System"}}},
                {"tls": {"mode": "ClientAndServer", "clientCertificateRef": {"name": "a"},
                         "validation": {"hostname": "a", "wellKnownCACertificates": "System"}}})))),
        {"type": "ExternalHostname", "externalHostname": {"hostname": "a"}, "port": {"number": 80}, "sessionPersistence": {"cookie": {}}},
    ],
    "XBackendTrafficPolicy": [
        {"targetRefs": [{"group": "", "kind": "Service", "name": "a"}], "retryConstraint": r} for r in (
            {}, {"budget": {}}, {"minRetryRate": {}}, *({"budget": {"interval": i}} for i in ("1s", "999ms", "1h", "3601s", "0s")),
            *({"minRetryRate": {"count": 1, "interval": i}} for i in ("1ms", "0s", "1h", "3601s")))],
    "XTelemetryPolicy": [
        {"targetRefs": [{"group": "a", "kind": "a", "name": "a"}]}, traced(),
        *(traced(mode=m, **more) for m in ("Enabled", "Disabled", "ImplementationDefault") for more in (
            {}, {"provider": {"backendRef": SERVICE}}, {"provider": {"backendRef": SERVICE}, "samplingRate": {"numerator": 1}},
            {"samplingRate": {"numerator": 1}}, {"serviceName": "a"}, {"spanName": "a"}, {"attributes": []},
            {"provider": {"backendRef": SERVICE}, "parentBasedSampling": {"mode": "Disabled", "samplingRate": {"numerator": 1}}},
            {"provider": {"backendRef": SERVICE}, "parentBasedSampling": {"mode": "Enabled", "samplingRate": {"numerator": 1}}})),
        *(traced(mode="Enabled", provider={"backendRef": SERVICE}, attributes=[{"name": "a", **a}]) for a in (
            {"sourceType": "Header"}, {"sourceType": "Header", "headerName": "a"}, {"sourceType": "Literal", "headerName": "a"},
            {"sourceType": "Literal", "literalValue": "a"}, {"sourceType": "Attribute", "attributeKey": "a.b"},
            {"sourceType": "Attribute", "attributeKey": "A"})),
    ],
    "ReferenceGrant": [{"from": [], "to": []}, {"from": [{"group": "", "kind": "a", "namespace": "a"}], "to": [{"group": "", "kind": "a"}]}],
    "GatewayClass": [{"controllerName": "a"}, {"controllerName": "a/b"}],
}


@pytest.mark.parametrize("kind", gateway_api.KINDS)
def test_rules_of_several_fields_are_the_servers(gateway_kube, tmp_path, kind):
    definition = gateway_api.definitions()[kind]
    cases = [("rule", item_of(definition, f"n{i}", {"spec": spec})) for i, spec in enumerate(RULES[kind])]
    wrong, (taken, refused) = compare(gateway_kube.client, tmp_path, cases)
    print(f"{kind}: {taken} taken, {refused} refused by both, {len(wrong)} differ")
    for case in wrong:
        print(json.dumps(case, default=str)[:1500])
    assert wrong == []
    assert taken and refused


@pytest.mark.parametrize("module,folder", [(f"{gateway_api.MODULE}@{gateway_api.NEWEST}", "examples/"),
                                           (f"{gateway_api.CONFORMANCE}@{gateway_api.SUITE}", "")])
def test_upstreams_examples_and_manifests_are_taken_as_by_the_server(gateway_kube, tmp_path, module, folder):
    cases = []
    for path, item in gateway_api.documents(module, folder):
        if item.get("kind") in gateway_api.KINDS and item.get("apiVersion", "").startswith("gateway."):
            definition = gateway_api.definitions()[item["kind"]]
            cases.append((path, item_of(definition, f"n{len(cases)}", {"spec": item.get("spec")})))
    wrong, (taken, refused) = compare(gateway_kube.client, tmp_path, cases)
    print(f"{module}: {taken} taken, {refused} refused by both, {len(wrong)} differ")
    for case in wrong:
        print(json.dumps(case, default=str)[:1500])
    assert wrong == []
    assert taken > 50
