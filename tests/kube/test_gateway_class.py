"""A GatewayClass on a real API server: its finalizer while a Gateway uses it (G-CLS-3), which version of Gateway API it
says is supported (K-2), and the features that it claims (S-GC-1)."""

import pytest
import yaml

import gateway_api
from kube import poll
from kube_watcher import KubeWatcher
from programs import TOP
from stage import Stage

API = "gateway.networking.k8s.io/v1"
OURS = "gateway-exists-finalizer.gateway.networking.k8s.io"
THEIRS = "other.example/stays"
DEFINITION = "gatewayclasses.gateway.networking.k8s.io"
VERSION = "gateway.networking.k8s.io/bundle-version"
# By the names in pkg/features of Gateway API v1.7.0.
FEATURES = set("""Gateway GatewayAddressEmpty GatewayBackendClientCertificate GatewayFrontendClientCertificateValidation
GatewayFrontendClientCertificateValidationInsecureFallback GatewayHTTPListenerIsolation
GatewayHTTPSListenerDetectMisdirectedRequests GatewayInfrastructure GatewayPort8080
GatewayRouteHostnameIntersectionPrecedence GatewayStaticAddresses ListenerSet ClusterTrustBundle GatewayAddressRoutability
GatewayAddressRoutabilityCluster GatewayListenerFilters ReferenceGrant HTTPRoute HTTPRoute303RedirectStatusCode
HTTPRoute307RedirectStatusCode HTTPRoute308RedirectStatusCode HTTPRouteBackendProtocolH2C
HTTPRouteBackendProtocolWebSocket HTTPRouteBackendRequestHeaderModification HTTPRouteBackendTimeout
HTTPRouteBackendURLRewrite HTTPRouteCORS HTTPRouteHostRewrite HTTPRouteMethodMatching HTTPRouteNamedRouteRule
HTTPRouteParentRefPort HTTPRoutePathRedirect HTTPRoutePathRewrite HTTPRoutePortRedirect HTTPRouteQueryParamMatching
HTTPRouteRequestMirror HTTPRouteRequestMultipleMirrors HTTPRouteRequestPercentageMirror HTTPRouteRequestTimeout
HTTPRouteResponseHeaderModification HTTPRouteRetryCodes HTTPRouteRetryConnectionError HTTPRouteSchemeRedirect
HTTPRouteDestinationPortMatching GRPCRoute GRPCRouteNamedRouteRule GRPCRouteRequestHeaderModifier TLSRoute
TLSRouteModeMixed TLSRouteModeTerminate TCPRoute UDPRoute BackendTLSPolicy BackendTLSPolicySANValidation""".split())
# No objects are made for a Gateway in host mode, so none can carry its labels.
OF_PROVISIONING = {"GatewayInfrastructure"}


def gateway(namespace, name="g"):
    return {"apiVersion": API, "kind": "Gateway", "metadata": {"name": name, "namespace": namespace},
            "spec": {"gatewayClassName": namespace, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}


class Control:
    """A watcher and a translator, whose class has the name of the namespace."""

    def __init__(self, kube, namespace, folder, provisioning=False, **watcher):
        config = folder / "portolan.yaml"
        config.write_text(f"portolan: {{gateway: {{controller-name: portolan.io/{namespace}, provisioning: {str(provisioning).lower()}}}}}\n")
        self.client, self.name = kube.client, namespace
        self.klass = {"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": namespace, "finalizers": [THEIRS]},
                      "spec": {"controllerName": f"portolan.io/{namespace}"}}
        self.watcher = KubeWatcher(kube, folder / "w", "--config", config, "--no-leader-election", **watcher)
        self.translator = Stage("translator", folder / "w")

    def __enter__(self):
        self.client.create(self.klass)
        self.watcher.start()
        self.translator.start()
        return self

    def __exit__(self, *_):
        self.translator.close()
        self.watcher.close()
        # No controller is there to remove it.
        self.client.patch(self.klass, {"metadata": {"finalizers": None}})
        self.client.delete(self.klass)

    def condition(self, kind="SupportedVersion"):
        found = self.client.get("GatewayClass", None, self.name).get("status", {}).get("conditions", ())
        return next(((c["status"], c["reason"]) for c in found if c["type"] == kind), None)

    def has(self, *finalizers):
        self.client.wait_for("GatewayClass", None, self.name,
                             lambda c: sorted(c["metadata"].get("finalizers", ())) == sorted(finalizers))


def test_a_class_that_a_gateway_uses_has_the_finalizer(gateway_kube, namespace, tmp_path):
    client = gateway_kube.client
    with Control(gateway_kube, namespace, tmp_path) as one:
        poll(lambda: one.condition("Accepted") == ("True", "Accepted"))
        one.has(THEIRS)
        first, second = (client.create(gateway(namespace, name)) for name in "gh")
        one.has(THEIRS, OURS)
        client.delete(first)
        # The class is asked to go, and waits for its last Gateway.
        client.patch(one.klass, {"metadata": {"finalizers": [OURS]}})
        client.call("DELETE", client.path("GatewayClass", name=namespace))
        one.has(OURS)
        client.delete(second)
        poll(lambda: namespace not in {c["metadata"]["name"] for c in client.list("GatewayClass")["items"]})
        client.create(one.klass)


def test_a_finalizer_that_is_taken_away_comes_back_and_a_later_start_removes_it(gateway_kube, namespace, tmp_path):
    client = gateway_kube.client
    with Control(gateway_kube, namespace, tmp_path) as one:
        g = client.create(gateway(namespace))
        one.has(THEIRS, OURS)
        client.patch(one.klass, {"metadata": {"finalizers": [THEIRS]}})
        one.has(THEIRS, OURS)
        for stage in (one.translator, one.watcher):
            stage.stop()
        client.delete(g)
        one.watcher.start()
        one.translator.start()
        one.has(THEIRS)


def test_a_role_that_may_not_write_finalizers_or_read_the_definition(gateway_kube, namespace, tmp_path):
    """Statuses are written all the same, and the version counts as supported."""
    items = [o for o in yaml.safe_load_all((TOP / "examples/rbac.yaml").read_text(encoding="utf-8")) if o]
    for item in items:
        if item["kind"] == "ClusterRole":
            item["rules"] = [r for r in item["rules"] if r["apiGroups"] != ["apiextensions.k8s.io"]]
            for one in item["rules"]:
                if "patch" in one["verbs"] and "gatewayclasses" in one["resources"]:
                    one["resources"].remove("gatewayclasses")
    gateway_kube.grant(items)
    account = gateway_kube.service_account_folder("portolan", "portolan")
    client = gateway_kube.client
    try:
        client.create(gateway(namespace))
        with Control(gateway_kube, namespace, tmp_path, account=account) as one:
            poll(lambda: one.condition() == ("True", "SupportedVersion"))
            one.watcher.wait_logged("cannot write the finalizers of GatewayClass")
            client.wait_for("Gateway", namespace, "g", lambda g: any(
                c["type"] == "Accepted" and c["status"] == "True" for c in g["status"]["conditions"]))
            one.has(THEIRS)
    finally:
        gateway_kube.delete_namespace("portolan")


VERSIONS = {"v1.3.0": "True", "v1.2.1": "False", "v1.8.0-rc.1": "True", "v2.0.0": "False", "x": "False", None: "False"}


def test_the_version_of_the_definitions_decides_what_is_supported(gateway_kube, namespace, tmp_path):
    """And a change of the definition while we run."""
    client = gateway_kube.client
    definition = gateway_api.definitions()["GatewayClass"]
    with Control(gateway_kube, namespace, tmp_path) as one:
        poll(lambda: one.condition() == ("True", "SupportedVersion"))
        try:
            for version, status in VERSIONS.items():
                client.patch(definition, {"metadata": {"annotations": {VERSION: version}}})
                poll(lambda wanted=status: one.condition() == (wanted, {
                    "True": "SupportedVersion", "False": "UnsupportedVersion"}[wanted]), 20)
                assert one.condition("Accepted") == ("True", "Accepted")
        finally:
            client.patch(definition, {"metadata": {"annotations": {VERSION: definition["metadata"]["annotations"][VERSION]}}})


@pytest.mark.parametrize("provisioning", [False, True])
def test_the_features_are_those_of_the_newest_version(gateway_kube, namespace, tmp_path, provisioning):
    with Control(gateway_kube, namespace, tmp_path, provisioning) as one:
        status = one.client.wait_for("GatewayClass", None, namespace, lambda c: c.get("status", {}).get("supportedFeatures"))["status"]
    names = [f["name"] for f in status["supportedFeatures"]]
    assert names == sorted(names) and len(names) <= 64
    assert set(names) == FEATURES - (set() if provisioning else OF_PROVISIONING)
