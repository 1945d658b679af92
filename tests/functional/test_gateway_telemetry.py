"""XTelemetryPolicy (GEP-4768): traces of a Gateway's requests through a real Envoy, newest and oldest. Whether a request is
traced is seen at its backend, by the header traceparent that Envoy sends."""

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
import pytest

from certs import Authority
from extension_services import TraceCollector, extension
from gateway_objects import backend, gateway, grant, listener, route, rule, thing
from objects import configuration, endpoint, port, service, slice_of
from test_gateway import site, world  # noqa: F401

PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-{}"
SOON = configuration(envoy={"runtimeSettings": {"tracing.opentelemetry.flush_interval_ms": "10"}})


def policy(name="traces", *gateways, created=None, collector="collector", **tracing):
    provider = {"provider": {"backendRef": {"name": collector, "port": 80}}} if tracing.get("mode") == "Enabled" else {}
    return thing("XTelemetryPolicy", name, {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": g} for g in gateways or ["web"]],
        "tracing": {**provider, **tracing}}, created=created, version="v1alpha1", group="gateway.networking.x-k8s.io")


def reached(server, namespace="default"):
    return [service("collector", port(80, "grpc"), namespace=namespace),
            slice_of("collector", server.port, endpoint(server.address), port_name="grpc", namespace=namespace)]


class Collector(TraceCollector):
    """With the headers that came with spans."""

    def __init__(self, address, **options):
        self.headers = {}
        super().__init__("collector", address, **options)

    def export(self, request, context):
        self.headers = dict(context.invocation_metadata())
        return super().export(request, context)

    def spans(self, words):
        """All that have come, once these words have: (service, span, attributes)."""
        self.wait_for(words)
        found = []
        for request in list(self.asked):
            for resource in trace_service_pb2.ExportTraceServiceRequest.FromString(request).resource_spans:
                name = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                found += [(name, span, {a.key: a.value.string_value for a in span.attributes})
                          for scope in resource.instrumentation_library_spans for span in scope.spans]
        return found


@pytest.fixture
def collector(world):
    with Collector(world.address) as running:
        yield running


@pytest.fixture
def traced(world, collector):
    """Asks, and says how the backend hears of the trace: "01" it is traced, "00" it is not, None: there is none."""
    b = world.backend("b")

    def ask(path="/", **headers):
        assert world.get(path=path, headers={k.replace("_", "-"): v for k, v in headers.items()}).backend == "b"
        parent = b.asked[-1].headers["traceparent"]
        return parent and parent.split("-")[-1]

    return ask


def base(*more):
    return [gateway("web", listener("http", 80)), route("r", rule(backend("b"))), *more]


def conditions(world, name="traces", gateway="web"):
    entry = next(a for a in world.status("XTelemetryPolicy", name)["ancestors"] if a["ancestorRef"]["name"] == gateway)
    return {c["type"]: f"{c['status']} {c['reason']}" for c in entry["conditions"]}


GOOD = {"Accepted": "True Accepted", "ResolvedRefs": "True ResolvedRefs"}


def test_spans_go_to_the_collector(world, collector, traced, request):
    """With the policy's words; what Envoy cannot tell is named in the status."""
    tracing = policy(mode="Enabled", serviceName="front", spanName="GET web", attributes=[
        {"name": "env", "sourceType": "Literal", "literalValue": "production"},
        {"name": "user", "sourceType": "Header", "headerName": "X-User"},
        {"name": "how", "sourceType": "Attribute", "attributeKey": "http.request.method"},
        {"name": "tenant", "sourceType": "Attribute", "attributeKey": "http.request.header.x-tenant"},
        {"name": "tool", "sourceType": "Attribute", "attributeKey": "gen_ai.tool.name"}])
    tracing["spec"]["tracing"]["provider"]["headers"] = [{"name": "x-key", "value": "secret"}]
    world.write(SOON, *reached(collector), *base(tracing))
    assert traced("/the-path", x_user="me", x_tenant="blue") == "01"
    spans = collector.spans([b"/the-path", b"router"])
    name, span, attributes = next(s for s in spans if "/the-path" in s[2].get("http.url", "") and s[1].kind == s[1].SPAN_KIND_SERVER)
    assert name == "front"
    assert {k: attributes.get(k) for k in ("env", "user", "how", "tenant", "tool")} == {
        "env": "production", "user": "me", "how": "GET", "tenant": "blue", "tool": None}
    if "newest" in request.node.name:
        assert span.name == "GET web"
    assert collector.headers["x-key"] == "secret"
    assert conditions(world) == GOOD
    status = world.status("XTelemetryPolicy", "traces")
    assert "gen_ai.tool.name" in status["ancestors"][0]["conditions"][0]["message"]


def test_shares_of_requests(world, collector, traced):
    """None and all, whatever the client's x-request-id says of tracing; a parent's decision is followed unless it is ignored."""
    forced = {"x_request_id": "12345678-1234-9234-8234-123456789abc"}
    for rate, parents, seen in (
            (0, {}, ["00", "00", "01", "00"]), (100, {}, ["01", "01", "01", "00"]),
            (100, {"mode": "Enabled", "samplingRate": {"numerator": 1, "denominator": 1}}, ["01", "01", "01", "00"]),
            (0, {"mode": "Disabled"}, ["00", "00", "00", "00"]), (100, {"mode": "Disabled"}, ["01", "01", "01", "01"])):
        more = {"parentBasedSampling": parents} if parents else {}
        world.write(*reached(collector), *base(policy(mode="Enabled", samplingRate={"numerator": rate}, **more)))
        assert [traced(), traced(**forced), traced(traceparent=PARENT.format("01")),
                traced(traceparent=PARENT.format("00"))] == seen, (rate, parents)
        assert conditions(world) == GOOD


def test_a_third_of_the_requests(world, collector, traced):
    world.write(*reached(collector), *base(policy(mode="Enabled", samplingRate={"numerator": 1, "denominator": 3})))
    # Binomial: six standard deviations on either side.
    assert 48 < sum(traced() == "01" for _ in range(300)) < 150


def test_without_and_with_the_configurations_tracing(world, collector, traced):
    """A Gateway is traced as the configuration says, unless its policy says something else."""
    everywhere = [configuration(tracing={"extensionService": {"namespace": "default", "name": "all"}}),
                  *reached(collector), extension("all", "collector")]
    world.write(*reached(collector), *base())
    assert traced() is None
    world.write(*everywhere, *base())
    assert traced() == "01"
    world.write(*everywhere, *base(policy(mode="ImplementationDefault")))
    assert traced() == "01"
    world.write(*everywhere, *base(policy(mode="Disabled")))
    assert traced() is None
    assert conditions(world) == GOOD


def test_the_older_policy_holds(world, collector, traced):
    """For the Gateway that both are about. Others' Gateways are left alone, and one that is missing is named."""
    other = gateway("others", listener("http", 82))
    other["spec"]["gatewayClassName"] = "others"
    objects = [*reached(collector), *base(), other, gateway("second", listener("http", 81)),
               route("s", rule(backend("b")), parents=[{"name": "second"}])]
    old = policy("old", "web", created="2023-01-01T00:00:00Z", mode="Enabled")
    new = policy("new", "web", "second", "nowhere", "others", created="2024-01-01T00:00:00Z", mode="Disabled")
    world.write(*objects, old, new)
    assert traced() == "01"
    assert conditions(world, "old") == GOOD
    assert conditions(world, "new")["Accepted"] == "False Conflicted"
    assert conditions(world, "new", "second") == GOOD
    assert conditions(world, "new", "nowhere")["Accepted"] == "False TargetNotFound"
    assert [a["ancestorRef"]["name"] for a in world.status("XTelemetryPolicy", "new")["ancestors"]] == ["web", "second", "nowhere"]
    world.write(*objects, new)
    assert traced() is None
    assert conditions(world, "new") == GOOD


def test_collectors_that_cannot_be_reached(world, collector, traced):
    """Requests are served without traces."""
    for provider, reason in (({"name": "none", "port": 80}, "BackendNotFound"), ({"name": "collector", "port": 81}, "BackendNotFound"),
                             ({"kind": "Bucket", "group": "example.com", "name": "collector"}, "InvalidKind"),
                             ({"namespace": "watch", "name": "collector", "port": 80}, "RefNotPermitted")):
        one = policy(mode="Enabled")
        one["spec"]["tracing"]["provider"]["backendRef"] = provider
        world.write(*reached(collector), *reached(collector, "watch"), *base(one))
        assert traced() is None
        assert conditions(world) == {"Accepted": "True Accepted", "ResolvedRefs": f"False {reason}"}
    allowed = grant("allowed", "watch", "Service", from_kind="XTelemetryPolicy")
    allowed["spec"]["from"][0]["group"] = "gateway.networking.x-k8s.io"
    world.write(*reached(collector, "watch"), *base(one, allowed))
    assert traced() == "01"
    assert conditions(world) == GOOD


def test_what_envoy_cannot_do_is_refused(world, collector, traced):
    half = {"mode": "Enabled", "samplingRate": {"numerator": 50}}
    world.write(*reached(collector), *base(policy(mode="Enabled", parentBasedSampling=half)))
    assert traced() is None
    assert conditions(world)["Accepted"] == "False Invalid"
    for name, value in (("Host", "a"), ("x-key", "100%")):
        one = policy(mode="Enabled")
        one["spec"]["tracing"]["provider"]["headers"] = [{"name": name, "value": value}]
        world.write(*reached(collector), *base(one))
        assert traced() is None
        assert conditions(world)["Accepted"] == "False Invalid"


def test_a_collector_behind_tls(world, traced):
    """By its BackendTLSPolicy."""
    authority = Authority()
    with Collector(world.address, certificate=authority.issue("collector.example.com")) as secure:
        tls = thing("BackendTLSPolicy", "tls", {
            "targetRefs": [{"group": "", "kind": "Service", "name": "collector"}],
            "validation": {"hostname": "collector.example.com", "caCertificateRefs": [
                {"group": "", "kind": "ConfigMap", "name": "ca"}]}})
        world.write(SOON, *reached(secure), *base(policy(mode="Enabled"), tls), {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "default"},
            "data": {"ca.crt": authority.text}})
        assert traced("/over-tls") == "01"
        secure.wait_for([b"/over-tls", b"web.default"])
        entry = world.status("BackendTLSPolicy", "tls")["ancestors"][0]
        assert entry["ancestorRef"]["name"] == "web" and all(c["status"] == "True" for c in entry["conditions"])
