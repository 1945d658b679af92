"""The chart on a real node: pods become ready and serve, and no request is lost during restarts,
upgrades and failures."""

import base64
import os
import signal
import subprocess

import pytest

from backends import Load
from node import ENVOY_IMAGE
from node_site import HOST, Balancer, is_ready, restarts, with_values
from programs import TOP

pytestmark = pytest.mark.xdist_group("node")
STAGES = ["admin", "translator", "watcher", "xds-server"]


@pytest.fixture(autouse=True)
def all_is_ready(installed):
    installed.wait_ready()


def test_an_ingress_is_served_and_its_status_says_where(installed, node):
    assert installed.balancer.get() == (200, b"ok\n")
    for pod in installed.pods("control-plane"):
        assert sorted(restarts(pod)) == STAGES
    said = node.kubectl("-n", installed.namespace, "exec", "deploy/portolan", "-c", "translator", "--",
                        "portolan", "status", "ingress/default/app")
    assert "accepted" in said.stdout


def test_the_example_of_the_installation_page_is_answered(installed, node):
    node.kubectl("apply", "-f", TOP / "examples/hello.yaml")

    def is_answered():
        return installed.balancer.get("hello.example.com") == (200, b"Hello from Portolan\n")

    node.wait("the example is answered", is_answered)


def test_each_container_is_as_small_as_it_can_be(installed, node):
    """Only the watcher has the token, and no container has a capability or another user's rights.
    """
    [pod, _] = installed.pods("control-plane")
    for stage in STAGES:
        pid = node.process(pod, stage, f"portolan-{stage}")
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
        assert status["Uid"].split() == ["65532"] * 4
        assert int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        token = f"/proc/{pid}/root/var/run/secrets/kubernetes.io/serviceaccount/token"
        assert os.path.exists(token) == (stage == "watcher")
        assert os.path.exists(f"/proc/{pid}/root/etc/portolan-xds/tls.key") == (stage == "xds-server")
        assert not any(os.path.exists(f"/proc/{pid}/root{p}") for p in ("/bin/sh", "/usr/bin/sh", "/usr/bin/dpkg"))
    envoy = node.process(installed.pods("envoy")[0], "envoy", "envoy")
    assert not os.path.exists(f"/proc/{envoy}/root/var/run/secrets")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_killed_is_back_without_its_container_and_without_a_failed_request(installed, node, stage):
    [pod, _] = installed.pods("control-plane")
    before = restarts(pod)
    with installed.load() as load:
        load.more(20)
        for _ in range(3):
            pid = node.process(pod, stage, f"portolan-{stage}")
            os.kill(pid, signal.SIGKILL)

            def is_back():
                try:
                    return node.process(pod, stage, f"portolan-{stage}") != pid
                except (LookupError, OSError):
                    return False  # it was looked at while it began or ended

            node.wait(f"{stage} is back", is_back, 60)
        load.more(50)
        installed.wait_ready()
    assert load.failed == []
    [same] = [p for p in installed.pods("control-plane") if p["metadata"]["name"] == pod["metadata"]["name"]]
    assert restarts(same) == before


@pytest.mark.parametrize("stage", ["translator", "xds-server"])
def test_a_container_that_is_killed_is_started_by_the_kubelet(installed, node, stage):
    [pod, _] = installed.pods("control-plane")
    before = restarts(pod)
    with installed.load() as load:
        os.kill(node.process(pod, stage, "portolan-supervisor"), signal.SIGKILL)

        def is_counted():
            return any(restarts(p) == {**before, stage: before[stage] + 1} for p in installed.pods("control-plane"))

        node.wait(f"{stage} was started again, and no other", is_counted)
        installed.wait_ready()
        load.more(50)
    assert load.failed == []


def test_the_leader_is_killed_and_the_other_writes_statuses(installed, node):
    def holder():
        lease = node.client.get("Lease", installed.namespace, "portolan")
        return lease["spec"].get("holderIdentity", "")

    node.wait("somebody leads", holder)
    first = holder()
    leader = next(p for p in installed.pods("control-plane") if p["metadata"]["name"] in first)
    with installed.load() as load:
        node.client.call("DELETE", f"/api/v1/namespaces/{installed.namespace}/pods/{leader['metadata']['name']}",
                         {"gracePeriodSeconds": 0})
        node.wait("the other one leads", lambda: holder() not in ("", first))
        load.more(50)
        installed.wait_ready()
    assert load.failed == []


def test_roll_outs_of_both_workloads_lose_no_request(installed, node):
    with installed.load() as load:
        for name in ("portolan", "portolan-envoy"):
            node.kubectl("-n", installed.namespace, "rollout", "restart", f"deployment/{name}")
            done = node.kubectl("-n", installed.namespace, "rollout", "status", f"deployment/{name}", "--timeout=300s",
                                timeout=330)
            assert "successfully rolled out" in done.stdout
            load.more(20)
        installed.wait_ready()
    assert load.failed == []


def test_an_upgrade_and_a_rollback_lose_no_request(installed, node):
    with installed.load() as load:
        # The configuration changes, and how Envoys start.
        values = with_values(config={"timeouts": {"request-timeout": "10s"}}, envoy={"maxConnections": 40000})
        installed.release.upgrade(values, "--wait", "--timeout", "480s")
        installed.wait_ready()
        installed.release.rollback()
        node.wait("the rollback is done", lambda: done(node, installed))
        installed.wait_ready()
        load.more(50)
    assert load.failed == []


def done(node, installed):
    return all(
        node.kubectl("-n", installed.namespace, "rollout", "status", f"deployment/{name}", "--watch=false").stdout
        .count("successfully rolled out") for name in ("portolan", "portolan-envoy"))


def test_renewed_certificates_are_taken_up_without_a_restart(installed, node):
    before = {p["metadata"]["name"]: restarts(p) for c in ("control-plane", "envoy") for p in installed.pods(c)}
    secret = node.client.get("Secret", installed.namespace, "portolan-xds-server")
    # Near its expiry: the job finds it missing and makes another, signed by the same authority.
    node.client.patch(secret, {"data": {"tls.crt": "", "tls.key": secret["data"]["tls.key"]}})
    with installed.load() as load:
        node.kubectl("-n", installed.namespace, "create", "job", "renew", "--from=cronjob/portolan-certgen")
        node.kubectl("-n", installed.namespace, "wait", "--for=condition=complete", "job/renew", "--timeout=300s",
                     timeout=330)
        renewed = node.client.get("Secret", installed.namespace, "portolan-xds-server")
        assert renewed["data"]["tls.crt"] not in ("", secret["data"]["tls.crt"])
        assert renewed["data"]["ca.crt"] == secret["data"]["ca.crt"]

        def is_served():
            certificate = subprocess.run(
                [*node.netns.prefix(), "openssl", "s_client", "-connect",
                 f"{installed.pods('control-plane')[0]['status']['podIP']}:8001", "-alpn", "h2"],
                input="", capture_output=True, text=True, timeout=60).stdout
            wanted = base64.b64decode(renewed["data"]["tls.crt"]).decode().split("\n")[1]
            return wanted in certificate

        node.wait("the new certificate is served", is_served)
        load.more(20)
    assert load.failed == []
    assert before == {p["metadata"]["name"]: restarts(p) for c in ("control-plane", "envoy") for p in installed.pods(c)}


GATEWAY = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: projectcontour.io/v1alpha1
kind: ContourDeployment
metadata: {name: small, namespace: shop}
spec:
  envoy:
    deployment: {replicas: 1}
    networkPublishing: {type: ClusterIPService}
    resources: {requests: {cpu: 10m, memory: 64Mi}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec:
  gatewayClassName: portolan
  infrastructure:
    parametersRef: {group: projectcontour.io, kind: ContourDeployment, name: small}
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [gateway.example.com]
  rules:
  - backendRefs: [{name: app, port: 80}]
"""


def is_programmed(node, name):
    gateway = node.client.get("Gateway", "shop", name)
    return any(c["type"] == "Programmed" and c["status"] == "True" for c in gateway["status"]["conditions"])


def left(node, *names):
    """Objects that are still there, of those that Gateways have got."""
    listed = node.kubectl("-n", "shop", "get", "-o", "name", "all,secret,serviceaccount,endpointslice").stdout.split()
    return [found for found in listed if any(f"/{name}-portolan" in found for name in names)]


def test_a_gateway_gets_an_envoy_that_answers_and_leaves_nothing_behind(installed, node, application):
    """Its pod passes the admission of Pod Security's profile, like all of ours."""
    node.kubectl("apply", "-f", "-", input=GATEWAY)
    for item in application.backend("shop"):
        node.client.apply(item)
    node.wait("the Gateway web is programmed", lambda: is_programmed(node, "web"))
    [address] = node.client.get("Gateway", "shop", "web")["status"]["addresses"]
    assert address["value"] == node.client.get("Service", "shop", "web-portolan")["spec"]["clusterIP"]
    balancer = Balancer(node, "shop", service="web-portolan", port_name="p-80-tcp")
    try:
        node.wait("it answers", lambda: balancer.ready and balancer.get("gateway.example.com") == (200, b"ok\n"))
        # The fleets are apart.
        assert balancer.get(HOST)[0] == 404 and installed.balancer.get("gateway.example.com")[0] == 404
        upgrade_two(installed, node, balancer)
    finally:
        balancer.close()
    node.kubectl("-n", "shop", "delete", "gateway/web", "gateway/side")
    node.wait("nothing is left of the Gateways", lambda: not left(node, "web", "side"))
    node.kubectl("delete", "namespace", "shop", "--wait=false")


def upgrade_two(installed, node, balancer):
    """A new image reaches a second Gateway's Envoy before the first one's, whose name is greater, and no request is lost."""
    side = node.client.get("Gateway", "shop", "web")
    side = {**side, "metadata": {"name": "side", "namespace": "shop"}, "status": {}}
    node.client.create(side)
    node.wait("the Gateway side is programmed", lambda: is_programmed(node, "side"))
    image = ENVOY_IMAGE.replace("test", "next")
    node.ctr("images", "tag", ENVOY_IMAGE, image, check=True)
    with Load(balancer, "gateway.example.com", threads=2, per_connection=5) as load:
        installed.release.upgrade(with_values(config={"portolan": {"gateway": {"envoy-image": image}}}))

        def has_new_image(name):
            pods = node.pods("shop", **{"gateway.networking.k8s.io/gateway-name": name})
            return [p["spec"]["containers"][0]["image"] for p in pods] == [image] and is_ready(pods[0])

        node.wait("both have the new image", lambda: has_new_image("side") and has_new_image("web"))
        load.more(20)
    assert load.failed == []
    [side], [web] = (node.pods("shop", **{"gateway.networking.k8s.io/gateway-name": n}) for n in ("side", "web"))
    [ready] = [c["lastTransitionTime"] for c in side["status"]["conditions"] if c["type"] == "Ready"]
    assert web["metadata"]["creationTimestamp"] >= ready


def test_a_node_that_is_drained_loses_no_request(installed, node):
    """All pods are evicted, one after the other as the disruption budgets allow. The node takes them again,
    since it is the only one: the drain cannot end before it is uncordoned."""
    names = {p["metadata"]["name"] for c in ("control-plane", "envoy") for p in installed.pods(c)}
    with installed.load() as load:
        for name in sorted(names):
            def is_evicted():
                answer = node.client.request(
                    "POST", f"/api/v1/namespaces/{installed.namespace}/pods/{name}/eviction",
                    {"apiVersion": "policy/v1", "kind": "Eviction",
                     "metadata": {"name": name, "namespace": installed.namespace}})
                return answer.status in (200, 201, 404)

            node.wait(f"{name} may be evicted", is_evicted)
        node.wait("all are others", lambda: not names & {
            p["metadata"]["name"] for c in ("control-plane", "envoy") for p in installed.pods(c)})
        installed.wait_ready()
        load.more(20)
    assert load.failed == []


def test_uninstalling_leaves_nothing(installed, node):
    """Last: the release is then gone. Objects that depend on its objects go a little later."""
    installed.release.uninstall("--wait", "--timeout", "480s")
    kinds = "all,secret,configmap,serviceaccount,role,rolebinding,pdb,networkpolicy,cronjob,endpointslice,lease"

    def left():
        listed = node.kubectl("-n", installed.namespace, "get", "-o", "name", kinds).stdout.split()
        return set(listed) - {"configmap/kube-root-ca.crt", "serviceaccount/default"}

    node.wait("nothing is left in the namespace", lambda: not left())
    cluster_wide = node.kubectl("get", "-o", "name", "clusterrole,clusterrolebinding,ingressclass").stdout
    assert "portolan" not in cluster_wide
