"""Gateway API's conformance suite, as released, run by Portolan with real Envoys against a real API server with the
suite's own CRDs (experimental channel), in both of its modes. All of it is in network namespaces, and Pods are the
suite's own echo server (standin/).

    scripts/conformance            run all of it and write docs/conformance/

PORTOLAN_CONFORMANCE_RUN=NAME runs one test of the suite; PORTOLAN_CONFORMANCE_REPORTS=DIR keeps the reports there.
"""

import faulthandler
import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

import crds
import envoy_pods
import gateway_api
from certs import Authority
from envoy_process import Envoy
from kube import KubeCluster
from kube_fixtures import make
from kube_watcher import KubeWatcher
from programs import TOP, missing
from stage import Stage, XdsServer

CONTROLLER = "portolan.io/gateway-controller"
# A GatewayClass's status lists features by their names in v1.7.0, which has these no more.
RENAMED = {"HTTPRouteRetry", "HTTPRouteRetryBackendTimeout"}
PROFILES = ["GATEWAY-HTTP", "GATEWAY-TLS", "GATEWAY-GRPC", "GATEWAY-TCP", "GATEWAY-UDP"]
SECONDS = 40 * 60


def binaries():
    done = subprocess.run([TOP / "scripts/conformance-binaries", "--print"], capture_output=True, text=True)
    if done.returncode == 77:
        missing(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


@pytest.fixture(scope="module")
def programs():
    return binaries()


class Site:
    """An API server and all stages in one namespace. Who inherits from it brings the Envoys."""

    def __init__(self, folder, programs):
        self.folder = folder
        self.programs = programs
        self.run = folder / "run"
        self.kube = make(KubeCluster, folder, apiserver_flags=["--allow-privileged=true"])
        self.processes = []
        self.open = []
        self.errors = []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def start(self):
        self.kube.__enter__()
        for definition in gateway_api.definitions(gateway_api.SUITE).values():
            self.kube.install(definition)
        self.kube.client.create({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {
            "name": "portolan"}, "spec": {"controllerName": CONTROLLER, "parametersRef": self.parameters()}})
        config = self.folder / "config.yaml"
        config.write_text(json.dumps({"portolan": self.settings()}), encoding="utf-8")
        watcher = KubeWatcher(self.kube, self.run, "--config", config, "--no-leader-election")
        # Ingresses have an address of their own, so that Gateways may have their ports.
        stages = [watcher, Stage("translator", self.run, "--listen-address", "10.2.0.1"), self.xds_server()]
        for stage in stages:
            self.open.append(stage)
            stage.start(ready=False)
        for stage in stages:
            stage.wait_ready()
        self.start_envoys(stages[2])
        self.popen("standin", "--echo", self.programs / "echo-basic", "--node", self.kube.host, "--folder", self.folder / "volumes")

    def popen(self, name, *args):
        log = open(self.folder / f"{name}.log", "wb")
        process = self.kube.netns.popen([self.programs / name, *args], stdout=log, stderr=subprocess.STDOUT,
                                        env={**os.environ, "KUBECONFIG": str(self.kube.admin_kubeconfig)})
        self.processes.append(process)
        return process

    def run_suite(self, report):
        options = self.folder / "options.yaml"
        options.write_text(yaml.safe_dump({
            "gatewayClassName": "portolan", "conformanceProfiles": PROFILES, "mode": self.mode,
            "exemptFeatures": list(self.exempt),
            "usableNetworkAddresses": [{"type": "IPAddress", "value": self.usable}],
            "unusableNetworkAddresses": [{"type": "IPAddress", "value": self.unusable}],
            "cleanupBaseResources": False, "cleanupTestResources": True, "reportOutputPath": str(report),
            "runTest": os.environ.get("PORTOLAN_CONFORMANCE_RUN", ""),
            "implementation": {"organization": "portolan", "project": "portolan", "url": "https://portolan.example",
                               "version": version(), "contact": ["https://portolan.example/issues"]}}), encoding="utf-8")
        process = self.popen("conformance.test", "-test.v", f"-test.timeout={SECONDS}s", "-conformance-options-file", options)
        process.wait(SECONDS + 60)
        return process.returncode, (self.folder / "conformance.test.log").read_text(encoding="utf-8", errors="replace")

    def claimed(self):
        """The features that the GatewayClass's status lists."""
        found = self.kube.client.get("GatewayClass", None, "portolan")
        return {feature["name"] for feature in found["status"]["supportedFeatures"]}

    def faults(self):
        """What must not have happened meanwhile."""
        return self.errors

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        for one in reversed(self.open):
            try:
                one.close()
            except AssertionError as error:
                self.errors.append(str(error))
        self.kube.__exit__(None, None, None)

    def __exit__(self, kind, *_):
        self.close()
        keep = os.environ.get("PORTOLAN_CONFORMANCE_LOGS")
        if keep:
            subprocess.run(["mkdir", "-p", keep], check=True)
            subprocess.run(["cp", "-rT", self.folder, f"{keep}/{self.mode}"], check=False)


class Host(Site):
    """One Envoy of the host serves all Gateways, each at an address of its own from a pool."""

    mode = "host"
    # No objects are made that could carry a Gateway's labels and annotations, so the feature is not claimed.
    exempt = {"GatewayInfrastructure": {"GatewayInfrastructureMetadata", "GatewayInvalidParametersRef"}}
    pool = [f"10.1.0.{i}" for i in range(1, 121)]
    # A Gateway may ask for an address of the pool: the suite's other Gateways never get this one.
    usable, unusable = "10.1.0.1", "192.0.2.1"

    def parameters(self):
        return None

    def settings(self):
        return {"gateway": {"addresses": self.pool}}

    def xds_server(self):
        stage = XdsServer(self.run)
        stage.prefix = self.kube.netns.prefix()
        return stage

    def start_envoys(self, xds):
        envoy = Envoy(self.folder, xds.address, prefix=self.kube.netns.prefix())
        self.open.append(envoy)
        envoy.start(60)


class Provisioned(Site):
    """Each Gateway has an Envoy of its own, which comes and goes with its Deployment, and an address of its Service."""

    mode = "provisioned"
    exempt = {}
    # The load balancer has the first, which no other Gateway gets before tens of thousands have come.
    usable, unusable = "172.21.255.1", "192.0.2.1"

    def __init__(self, folder, programs):
        super().__init__(folder, programs)
        self.authority = Authority()
        self.pods = make(envoy_pods.EnvoyPods, self.kube, folder / "pods")

    def parameters(self):
        self.kube.install(crds.shipped()["ContourDeployment"])
        self.kube.create_namespace("portolan")
        return envoy_pods.prepare(self.kube, "portolan", self.authority)

    def settings(self):
        return envoy_pods.settings("portolan")

    def xds_server(self):
        return envoy_pods.xds_server(self.kube, self.run, self.folder / "tls", self.authority)

    def start_envoys(self, _):
        self.pods.start()
        self.open.append(self.pods)

    def faults(self):
        return self.errors + self.pods.faults()


def version():
    done = subprocess.run(["git", "-C", TOP, "describe", "--always"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def results(log):
    """{test: "PASS", "FAIL" or "SKIP"} of the suite's own tests."""
    found = re.findall(r"^    --- (PASS|FAIL|SKIP): TestConformance/(\w+) \(", log, re.M)
    return {name: word for word, name in found if not name.startswith("Mesh")}


@pytest.mark.xdist_group("conformance")
@pytest.mark.parametrize("mode", [Host, Provisioned], ids=lambda mode: mode.mode)
def test_every_profile_passes_with_every_feature(tmp_path, programs, mode):
    faulthandler.cancel_dump_traceback_later()  # it takes longer than tests do
    folder = pathlib.Path(os.environ.get("PORTOLAN_CONFORMANCE_REPORTS") or tmp_path).resolve()
    report = folder / f"{gateway_api.SUITE}-{mode.mode}.yaml"
    with mode(tmp_path, programs) as site:
        status, log = site.run_suite(report)
        claimed = site.claimed()
    found = results(log)
    allowed = {test for tests in mode.exempt.values() for test in tests}
    bad = {name: word for name, word in found.items() if word == "FAIL" or word == "SKIP" and name not in allowed}
    print(f"{len(found)} tests, {len(bad)} not passed: {bad}\n{log[-4000:] if bad or status else ''}")
    one = os.environ.get("PORTOLAN_CONFORMANCE_RUN")
    assert found.get(one) == "PASS" if one else bad == {} and len(found) > 130
    assert status == 0 and site.faults() == []
    if one:
        return
    profiles = {p["name"]: p for p in yaml.safe_load(report.read_text(encoding="utf-8"))["profiles"]}
    assert sorted(profiles) == sorted(PROFILES)
    for profile in profiles.values():
        for level in ("core", "extended"):
            assert profile[level]["result"] == "success" and "skippedTests" not in profile[level]
            assert profile[level]["statistics"]["Failed"] == profile[level]["statistics"]["Skipped"] == 0
        assert set(profile["extended"].get("unsupportedFeatures", [])) <= set(mode.exempt)
        assert set(profile["extended"]["supportedFeatures"]) <= claimed | RENAMED
