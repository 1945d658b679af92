"""What the watcher writes when others write an Envoy's Deployment at the same moment, and when the API server is slow to
show what it has: their number of pods stays. (P-NAM-7)"""

import json

import pytest

import frames
from fake_api import FakeApi, Gate, Head, refusal
from kube import poll
from kube_bytes import JSON, JSON_WATCH, bookmark, event, list_body
from kube_watcher import KubeWatcher

GROUP = "/apis/gateway.networking.k8s.io"
GATEWAYS = f"{GROUP}/v1/gateways"
DAEMON_SETS = "/apis/apps/v1/daemonsets"
DEPLOYMENTS = "/apis/apps/v1/deployments"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/web-portolan"
DESIRED = 59


def desired(text):
    """The Deployment that a translator wants; only an annotation differs from one text to the next."""
    safe = {"allowPrivilegeEscalation": False}
    pod = {"serviceAccountName": "web-portolan", "automountServiceAccountToken": False,
           "securityContext": {"runAsNonRoot": True}, "initContainers": [{"name": "files", "image": "p:1", "securityContext": safe}],
           "containers": [{"name": "envoy", "image": "e:1", "securityContext": safe}]}
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web-portolan", "namespace": "default",
                         "labels": {"portolan.io/fleet": "web", "app.kubernetes.io/managed-by": "portolan"},
                         "annotations": {"portolan.io/gateway": "default/web", "text": text}},
            "spec": {"replicas": 2, "template": {"spec": pod}}}


def changed(what, version, replicas, text):
    shown = desired(text)
    shown["metadata"].update(resourceVersion=str(version), uid="d", ownerReferences=[{"uid": "g"}])
    shown["spec"]["replicas"] = replicas
    return event(JSON_WATCH, what, "apps/v1", "Deployment", shown)


def listed(kind="Deployment"):
    return bookmark(JSON_WATCH, "apps/v1", kind, "5", end=True)


class Control:
    """A watcher whose translator is the test."""

    def __init__(self, api, watcher):
        self.api, self.watcher = api, watcher
        self.translator = watcher.translator()
        self.translator.wait(lambda _: self.translator.state.complete)

    def want(self, text):
        self.set("Deployment", desired(text))

    def set(self, kind, wanted, owner="default/web", namespace="default"):
        message = frames.message("DesiredObject", gateway=owner, kind=kind, namespace=namespace,
                                 name="web-portolan", json=json.dumps(wanted).encode())
        self.translator.send.put(DESIRED, f"{kind} {namespace}/web-portolan", message.SerializeToString())
        self.translator.commit()

    def written(self, count):
        request = self.api.wait_for(DEPLOYMENT, method="PATCH", count=count)
        body = json.loads(request.body)
        return body["metadata"]["annotations"]["text"], body["spec"]["replicas"], body["metadata"].get("resourceVersion")

    def answered(self, count):
        """The watcher has the answers to so many writes."""
        poll(lambda: self.watcher.status()["kubernetes"]["objects_applied"] == count)

    def settled(self):
        """What was wanted before this has been looked at: objects wait in a queue."""
        wanted = {k: v for k, v in desired("").items() if k != "spec"}
        self.set("ServiceAccount", {**wanted, "apiVersion": "v1", "kind": "ServiceAccount"})
        self.api.wait_for("/api/v1/namespaces/default/serviceaccounts/web-portolan", method="GET")


@pytest.fixture
def started(tmp_path):
    config = tmp_path / "portolan.yaml"
    config.write_text("portolan: {gateway: {provisioning: true, xds-address: 'x:8001'}}\n")
    gateway = {"metadata": {"name": "web", "namespace": "default", "uid": "g", "resourceVersion": "3"},
               "spec": {"gatewayClassName": "portolan", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]}}
    with FakeApi() as api:
        api.on(GROUP, [Head(), b'{"versions":[{"version":"v1"}]}'])
        api.on(f"{GROUP}/v1", [Head(), b'{"resources":[{"name":"gateways"},{"name":"gatewayclasses"}]}'])
        klass = {"metadata": {"name": "portolan", "uid": "c", "resourceVersion": "3"}, "spec": {"controllerName": "x/y"}}
        api.on(f"{GROUP}/v1/gatewayclasses", [Head(), list_body(JSON, f"{GROUP[6:]}/v1", "GatewayClass", [klass], "5")], watch=False)
        api.on(GATEWAYS, [Head(), list_body(JSON, "gateway.networking.k8s.io/v1", "Gateway", [gateway], "5")], watch=False)
        api.on(DAEMON_SETS, [Head(content_type=JSON_WATCH), listed("DaemonSet"), Gate()], watch=True)
        api.on(DEPLOYMENT, [Head(), b"{}"], method="PATCH")

        def start(*events):
            api.on(DEPLOYMENTS, [Head(content_type=JSON_WATCH), *events], watch=True)
            kubeconfig = api.kubeconfig(tmp_path / "kubeconfig", None, None)
            one = KubeWatcher(None, tmp_path / "w", "--no-leader-election", "--config", config, kubeconfig=kubeconfig)
            watchers.append(one)
            one.start()
            return Control(api, one)

        watchers = []
        yield start
        for one in watchers:
            one.close()


def test_a_deployment_that_the_watch_has_not_shown_yet_is_not_written_again(started):
    shown = Gate()
    control = started(listed(), shown, changed("ADDED", 7, 9, "one"), Gate())
    control.want("one")
    assert control.written(1) == ("one", 2, None)
    control.answered(1)
    control.want("two")
    control.settled()
    assert len(control.api.seen(DEPLOYMENT, method="PATCH")) == 1
    shown.open()
    assert control.written(2) == ("two", 9, "7")


def test_a_number_of_pods_that_was_changed_since_is_read_again(started):
    known = Gate()
    control = started(changed("ADDED", 7, 9, "one"), listed(), known, changed("MODIFIED", 8, 11, "one"), Gate())
    control.api.on(DEPLOYMENT, refusal(409, "Conflict", "the object has been modified"), method="PATCH", times=1)
    control.want("two")
    assert control.written(1) == ("two", 9, "7")
    known.open()
    control.api.wait_until(lambda: [r for r in control.api.seen(DEPLOYMENT, method="PATCH") if b'"8"' in r.body])
    last = len(control.api.seen(DEPLOYMENT, method="PATCH"))
    assert control.written(last) == ("two", 11, "8")
    assert "has been modified" not in control.watcher.logged()


def test_objects_in_our_own_namespace_are_the_authors_of_classes_to_ask_for(started):
    """A translator that was broken into could else have our Secrets mounted there."""
    control = started(listed(), Gate())
    wanted = desired("one")
    del wanted["metadata"]["namespace"]
    control.set("Deployment", wanted, owner="GatewayClass/portolan", namespace="")
    control.watcher.wait_logged("its GatewayClass does not say that its Gateways share Envoys")
    assert not control.api.seen(method="PATCH")
