"""Gateways' own Envoys, from the Gateway to an answer: all stages, a real API server, and real Envoys for the objects that
Portolan makes (envoy_pods.py)."""

import contextlib
import http.client
import json

import pytest

import crds
import envoy_pods
from certs import Authority
from gateway_objects import CLASS, backend, gateway, listener, route, rule
from kube import poll
from kube_fixtures import make
from kube_watcher import KubeWatcher
from node_site import Application
from stage import Stage

APPS = {"api_version": "apps/v1"}


class Site:
    """One namespace, an application in it, and a GatewayClass whose Gateways have one pod each."""

    def __init__(self, kube, namespace, folder):
        self.kube, self.client, self.namespace = kube, kube.client, namespace
        self.folder = folder
        self.stages = []
        self.application = Application(kube)
        self.pods = make(envoy_pods.EnvoyPods, kube, folder / "pods")
        self.klass = None

    def start(self):
        authority = Authority()
        self.kube.install(crds.shipped()["ContourDeployment"])
        parameters = envoy_pods.prepare(self.kube, self.namespace, authority)
        self.klass = self.client.create({**CLASS, "spec": {**CLASS["spec"], "parametersRef": parameters}})
        for item in self.application.backend(self.namespace):
            self.client.create(item)
        config = self.folder / "config.yaml"
        config.write_text(json.dumps({"portolan": envoy_pods.settings(self.namespace)}), encoding="utf-8")
        run = self.folder / "run"
        self.stages += [KubeWatcher(self.kube, run, "--config", config, "--no-leader-election"), Stage("translator", run),
                        envoy_pods.xds_server(self.kube, run, self.folder / "tls", authority)]
        for stage in self.stages:
            stage.start(ready=False)
        for stage in self.stages:
            stage.wait_ready()
        self.pods.start()

    def close(self):
        self.pods.close()
        for stage in reversed(self.stages):
            stage.close()
        self.application.close()
        if self.klass:
            # No controller is there to remove its finalizer.
            self.client.patch(self.klass, {"metadata": {"finalizers": None}})
            self.client.delete(self.klass)

    def programmed(self, *wanted):
        """Until the Gateway says so of its present form; its address, or None."""
        def is_so(g):
            status = g.get("status", {})
            found = {(c["type"], c["status"], c["reason"], c.get("observedGeneration")) for c in status.get("conditions", ())}
            return ("Programmed", *wanted, g["metadata"]["generation"]) in found

        try:
            found = self.client.wait_for("Gateway", self.namespace, "web", is_so, timeout=120)["status"].get("addresses")
        except TimeoutError:
            now = self.client.get("Gateway", self.namespace, "web")
            raise AssertionError(f"not {wanted}: {json.dumps(now, indent=1)}\n{self.pods.explain()}") from None
        return found[0]["value"] if found else None

    def get(self, address, port=80):
        connection = http.client.HTTPConnection(address)
        connection.sock = self.kube.netns.connect((address, port))
        with contextlib.closing(connection):
            connection.request("GET", "/")
            return connection.getresponse().status

    def is_reached(self, address, port):
        try:
            return self.get(address, port) == 200
        except OSError:
            return False

    def workloads(self):
        return {kind: len(self.client.list(kind, self.namespace, **APPS)["items"]) for kind in ("Deployment", "DaemonSet")}


@pytest.fixture
def cluster(gateway_kube, namespace, folder):
    one = Site(gateway_kube, namespace, folder)
    try:
        one.start()
        yield one
    finally:
        one.close()


WORKS = ("True", "Programmed")


def test_an_envoy_answers_as_long_as_its_gateway_is_there(cluster):
    client = cluster.client
    client.create(route("app", rule(backend("app")), namespace=cluster.namespace))
    web = client.create(gateway("web", listener("http", 80), namespace=cluster.namespace))
    address = cluster.programmed(*WORKS)
    poll(lambda: cluster.is_reached(address, 80), 60)

    # What the Service has no port for is not reached, also where Envoy listens.
    assert not cluster.is_reached(address, 8002)
    client.patch(web, {"spec": {"listeners": [listener("http", 80), listener("more", 81)]}})
    poll(lambda: cluster.is_reached(address, 81), 60)

    parameters = client.get("ContourDeployment", cluster.namespace, "one-pod", api_version="projectcontour.io/v1alpha1")
    client.patch(parameters, {"spec": {"envoy": {"workloadType": "DaemonSet"}}})
    poll(lambda: cluster.workloads() == {"Deployment": 0, "DaemonSet": 1}, 120)
    assert cluster.programmed(*WORKS) == address and cluster.get(address) == 200

    client.patch(web, {"spec": {"addresses": [{"value": "192.0.2.1"}]}})
    assert cluster.programmed("False", "AddressNotUsable") is None
    client.patch(web, {"spec": {"addresses": [{"value": "172.21.3.3"}]}})
    assert cluster.programmed(*WORKS) == "172.21.3.3"
    assert cluster.get("172.21.3.3") == 200 and not cluster.is_reached(address, 80)

    client.delete(web)
    poll(lambda: not client.list("Pod", cluster.namespace)["items"] and not cluster.pods.pods, 120)
    assert not cluster.is_reached("172.21.3.3", 80)
    assert cluster.pods.faults() == []
