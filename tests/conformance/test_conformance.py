"""Gateway API's conformance suite, as released, run by a Portolan in host mode with a real Envoy against a real API
server with the suite's own CRDs (experimental channel). All of it is in a network namespace: Gateways get addresses of a
pool, and Pods are the suite's own echo server (standin/).

    scripts/conformance            run all of it and write docs/conformance/

PORTOLAN_CONFORMANCE_RUN=NAME runs one test of the suite; PORTOLAN_CONFORMANCE_REPORT=FILE keeps the report there.
"""

import faulthandler
import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

import gateway_api
from envoy_process import Envoy
from kube import KubeCluster
from kube_fixtures import make
from kube_watcher import KubeWatcher
from programs import TOP, missing
from stage import Stage, XdsServer

CONTROLLER = "portolan.io/gateway-controller"
PROFILES = ["GATEWAY-HTTP", "GATEWAY-TLS", "GATEWAY-GRPC", "GATEWAY-TCP", "GATEWAY-UDP"]
POOL = [f"10.1.0.{i}" for i in range(1, 121)]
# A Gateway may ask for an address of the pool: the suite's other Gateways never get this one.
USABLE, UNUSABLE = "10.1.0.1", "192.0.2.1"
# In host mode no objects are made that could carry a Gateway's labels and annotations, so the
# feature is not claimed.
NOT_IN_HOST_MODE = {"GatewayInfrastructure": {"GatewayInfrastructureMetadata", "GatewayInvalidParametersRef"}}
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
    """An API server, all stages and an Envoy, in one namespace."""

    def __init__(self, folder, programs):
        self.folder = folder
        self.programs = programs
        self.kube = make(KubeCluster, folder, apiserver_flags=["--allow-privileged=true"])
        self.processes = []
        self.open = []

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
        self.kube.client.create({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
                                 "metadata": {"name": "portolan"}, "spec": {"controllerName": CONTROLLER}})
        config = self.folder / "config.yaml"
        config.write_text(json.dumps({"portolan": {"gateway": {"addresses": POOL}}}), encoding="utf-8")
        run = self.folder / "run"
        watcher = KubeWatcher(self.kube, run, "--config", config, "--no-leader-election")
        # Ingresses have an address of their own, so that Gateways may have their ports.
        stages = [watcher, Stage("translator", run, "--listen-address", "10.2.0.1"), XdsServer(run)]
        stages[2].prefix = self.kube.netns.prefix()
        for stage in stages:
            self.open.append(stage)
            stage.start(ready=False)
        for stage in stages:
            stage.wait_ready()
        envoy = Envoy(self.folder, stages[2].address, prefix=self.kube.netns.prefix())
        self.open.append(envoy)
        envoy.start(60)
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
            "gatewayClassName": "portolan", "conformanceProfiles": PROFILES, "mode": "host",
            "exemptFeatures": list(NOT_IN_HOST_MODE),
            "usableNetworkAddresses": [{"type": "IPAddress", "value": USABLE}],
            "unusableNetworkAddresses": [{"type": "IPAddress", "value": UNUSABLE}],
            "cleanupBaseResources": False, "cleanupTestResources": True, "reportOutputPath": str(report),
            "runTest": os.environ.get("PORTOLAN_CONFORMANCE_RUN", ""),
            "implementation": {"organization": "portolan", "project": "portolan", "url": "https://portolan.example",
                               "version": version(), "contact": ["https://portolan.example/issues"]}}), encoding="utf-8")
        process = self.popen("conformance.test", "-test.v", f"-test.timeout={SECONDS}s", "-conformance-options-file", options)
        process.wait(SECONDS + 60)
        return process.returncode, (self.folder / "conformance.test.log").read_text(encoding="utf-8", errors="replace")

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        for one in reversed(self.open):
            try:
                one.close()
            except AssertionError as error:
                print(error)
        self.kube.__exit__(None, None, None)

    def __exit__(self, kind, *_):
        self.close()
        keep = os.environ.get("PORTOLAN_CONFORMANCE_LOGS")
        if keep:
            subprocess.run(["cp", "-r", self.folder, keep], check=False)


def version():
    done = subprocess.run(["git", "-C", TOP, "describe", "--always"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def results(log):
    """{test: "PASS", "FAIL" or "SKIP"} of the suite's own tests."""
    found = re.findall(r"^    --- (PASS|FAIL|SKIP): TestConformance/(\w+) \(", log, re.M)
    return {name: word for word, name in found if not name.startswith("Mesh")}


@pytest.mark.xdist_group("conformance")
def test_every_profile_passes_with_every_feature_of_host_mode(tmp_path, programs):
    faulthandler.cancel_dump_traceback_later()  # it takes longer than tests do
    report = pathlib.Path(os.environ.get("PORTOLAN_CONFORMANCE_REPORT") or tmp_path / "report.yaml").resolve()
    with Site(tmp_path, programs) as site:
        status, log = site.run_suite(report)
    found = results(log)
    allowed = {test for tests in NOT_IN_HOST_MODE.values() for test in tests}
    bad = {name: word for name, word in found.items() if word == "FAIL" or word == "SKIP" and name not in allowed}
    print(f"{len(found)} tests, {len(bad)} not passed: {bad}\n{log[-4000:] if bad or status else ''}")
    one = os.environ.get("PORTOLAN_CONFORMANCE_RUN")
    assert found.get(one) == "PASS" if one else bad == {} and len(found) > 130
    assert status == 0
    if one:
        return
    profiles = {p["name"]: p for p in yaml.safe_load(report.read_text(encoding="utf-8"))["profiles"]}
    assert sorted(profiles) == sorted(PROFILES)
    for profile in profiles.values():
        for level in ("core", "extended"):
            assert profile[level]["result"] == "success" and "skippedTests" not in profile[level]
            assert profile[level]["statistics"]["Failed"] == profile[level]["statistics"]["Skipped"] == 0
        assert set(profile["extended"].get("unsupportedFeatures", [])) <= set(NOT_IN_HOST_MODE)
