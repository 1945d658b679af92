"""A Gateway's own Envoys on a real API server: their objects are made, mended and taken away by the watcher, as the
translator wants them. (P-NAM-5 to 7, P-OBJ-2, P-OBJ-5, P-ADR-2, P-ADR-4)"""

import base64

import pytest
import yaml
from cryptography import x509

import crds
import gateway_api
from certs import Authority
from kube import poll
from kube_watcher import KubeWatcher
from objects import tls_secret
from programs import TOP
from stage import Stage

API = "gateway.networking.k8s.io/v1"
KINDS = {"ServiceAccount": "web-portolan", "Secret": "web-portolan-xds", "Deployment": "web-portolan",
         "Service": "web-portolan"}

# No Envoy is connected here: as far as we know they are at another replica, and Kubernetes calls them available.
WORKS = ("True", "Programmed")


def gateway(namespace, name="web", *ports, **spec):
    listeners = [{"name": f"l{port}", "port": port, "protocol": "HTTP"} for port in ports or (80,)]
    return {"apiVersion": API, "kind": "Gateway", "metadata": {"name": name, "namespace": namespace},
            "spec": {"gatewayClassName": "portolan", "listeners": listeners, **spec}}


class Control:
    """A watcher and a translator whose class and lease belong to one namespace."""

    def __init__(self, kube, namespace, folder, account=None, name="portolan"):
        self.kube, self.namespace, self.client = kube, namespace, kube.client
        self.authority = Authority()
        folder.mkdir(exist_ok=True)
        config = folder / "portolan.yaml"
        config.write_text(f"portolan: {{gateway: {{provisioning: true, xds-address: 'x:8001', envoy-image: 'e:1', image: 'p:1', "
                          f"controller-name: {name}.io/{namespace}, xds-authority: {namespace}/{name}-ca}}}}\n")
        self.client.create(tls_secret(f"{name}-ca", self.authority.pair, namespace))
        self.klass = self.client.create({"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": name},
                                         "spec": {"controllerName": f"{name}.io/{namespace}"}})
        self.watcher = KubeWatcher(kube, folder / "w", "--config", config, "--lease-namespace", namespace,
                                   "--lease-name", name, account=account)
        self.translator = Stage("translator", folder / "w")

    def start(self):
        self.watcher.start()
        self.translator.start()
        self.watcher.wait_logged("writing statuses")
        return self

    def stop(self):
        self.translator.stop()
        self.watcher.stop()

    def close(self):
        self.translator.close()
        self.watcher.close()
        # No controller is there to remove its finalizer.
        self.client.patch(self.klass, {"metadata": {"finalizers": None}})
        self.client.delete(self.klass)

    def made(self, kind, name=None, wanted=lambda o: o is not None):
        return self.client.wait_for(kind, self.namespace, name or KINDS[kind], wanted, **self.api(kind))

    def gone(self, kind, name=None):
        query = {"fieldSelector": f"metadata.name={name or KINDS[kind]}"}
        poll(lambda: not self.client.list(kind, self.namespace, query=query, **self.api(kind))["items"])

    @staticmethod
    def api(kind):
        return {"api_version": "apps/v1"} if kind in ("Deployment", "DaemonSet") else {}

    def programmed(self, *wanted):
        def is_so(g):
            found = {c["type"]: (c["status"], c["reason"]) for c in g.get("status", {}).get("conditions", ())}
            return found.get("Programmed") == wanted
        return self.client.wait_for("Gateway", self.namespace, "web", is_so)

    def ready(self):
        """The status of a load balancer and a kubelet."""
        service = self.made("Service")
        self.client.patch(service, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}, sub="status")
        self.client.patch(self.made("Deployment"), {"status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}}, sub="status")


@pytest.fixture
def control(gateway_kube, namespace, tmp_path):
    one = Control(gateway_kube, namespace, tmp_path)
    try:
        yield one.start()
    finally:
        one.close()


def test_a_gateway_gets_its_objects_and_is_programmed_when_they_work(control):
    uid = control.client.create(gateway(control.namespace))["metadata"]["uid"]
    for kind in KINDS:
        made = control.made(kind)["metadata"]
        [owner] = made["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("Gateway", uid, True, True)
        assert made["labels"]["gateway.networking.k8s.io/gateway-name"] == "web"
        assert {m["manager"] for m in made["managedFields"]} == {"portolan"}
    service = control.made("Service")["spec"]
    assert service["type"] == "LoadBalancer" and [p["port"] for p in service["ports"]] == [80]
    control.programmed("False", "AddressNotAssigned")
    control.ready()
    found = control.programmed(*WORKS)
    assert found["status"]["addresses"] == [{"type": "IPAddress", "value": "192.0.2.7"}]


def test_the_envoys_certificate_is_of_the_fleet_and_of_our_authority(control):
    control.client.create(gateway(control.namespace))
    data = {k: base64.b64decode(v) for k, v in control.made("Secret")["data"].items()}
    cert = x509.load_pem_x509_certificate(data["tls.crt"])
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"portolan://fleet/{control.namespace}/web"]
    cert.verify_directly_issued_by(x509.load_pem_x509_certificate(control.authority.text.encode()))
    assert data["ca.crt"].decode() == control.authority.text
    # It stays while it is good, and is made anew when somebody spoils it.
    control.client.patch(control.made("Secret"), {"data": {"tls.crt": base64.b64encode(b"spoilt").decode()}})
    control.made("Secret", wanted=lambda s: s and b"BEGIN CERTIFICATE" in base64.b64decode(s["data"]["tls.crt"]))


def test_what_others_change_or_delete_is_restored_and_what_they_add_stays(control):
    control.client.create(gateway(control.namespace))
    deployment = control.made("Deployment")
    control.client.patch(deployment, {"spec": {"replicas": 7, "template": {"spec": {"terminationGracePeriodSeconds": 1}}},
                                      "metadata": {"labels": {"theirs": "x"}}})
    mended = control.made("Deployment", wanted=lambda d: d["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 60)
    assert mended["metadata"]["labels"]["theirs"] == "x" and mended["spec"]["replicas"] == 7
    for kind in KINDS:
        before = control.made(kind)
        control.client.delete(before)
        control.made(kind, wanted=lambda o, uid=before["metadata"]["uid"]: o and o["metadata"]["uid"] != uid)


def test_ports_follow_the_listeners(control):
    made = control.client.create(gateway(control.namespace, "web", 80, 81))
    control.made("Service", wanted=lambda s: s and [p["port"] for p in s["spec"]["ports"]] == [80, 81])
    control.client.patch(made, {"spec": {"listeners": [{"name": "a", "port": 90, "protocol": "TCP"}]}})
    control.made("Service", wanted=lambda s: s and [p["port"] for p in s["spec"]["ports"]] == [90])


def test_a_deleted_gateway_leaves_nothing(control):
    made = control.client.create(gateway(control.namespace))
    for kind in KINDS:
        control.made(kind)
    control.client.delete(made)
    for kind in KINDS:
        control.gone(kind)


def test_what_went_while_we_were_away_is_taken_away(control):
    """Without a garbage collector: owner references are for the time in between."""
    made = control.client.create(gateway(control.namespace))
    other = control.client.create(gateway(control.namespace, "other"))
    for kind in KINDS:
        control.made(kind)
    control.made("Deployment", "other-portolan")
    control.stop()
    control.client.delete(made)
    control.client.patch(other, {"spec": {"gatewayClassName": "another"}})
    control.start()
    for kind in KINDS:
        control.gone(kind)
    control.gone("Deployment", "other-portolan")


def test_two_portolans_leave_each_others_envoys_alone(control, tmp_path):
    """Each with a class of its own in one cluster."""
    theirs = Control(control.kube, control.namespace, tmp_path / "theirs", name="theirs")
    try:
        theirs.start()
        control.client.create(gateway(control.namespace))
        their_gateway = gateway(control.namespace, "their")
        their_gateway["spec"]["gatewayClassName"] = "theirs"
        control.client.create(their_gateway)
        made = {name: control.made("Deployment", name) for name in ("web-portolan", "their-theirs")}
        # Both have seen all of it, and look again at what is theirs.
        for one in (control, theirs):
            one.stop()
            one.start()
        for name in ("later", "last"):
            later = gateway(control.namespace, name)
            later["spec"]["gatewayClassName"] = "portolan" if name == "later" else "theirs"
            control.client.create(later)
        control.made("Deployment", "later-portolan")
        control.made("Deployment", "last-theirs")
        for name, before in made.items():
            assert control.made("Deployment", name)["metadata"]["uid"] == before["metadata"]["uid"], name
    finally:
        theirs.close()


def test_a_restart_writes_nothing(control):
    control.client.create(gateway(control.namespace))
    control.ready()
    control.programmed(*WORKS)
    versions = {kind: control.made(kind)["metadata"]["resourceVersion"] for kind in KINDS}
    versions["Gateway"] = control.client.get("Gateway", control.namespace, "web")["metadata"]["resourceVersion"]
    control.stop()
    control.start()
    poll(lambda: control.watcher.kind("Gateway")["synced"])
    # Something that comes after all that there was to do.
    control.client.create(gateway(control.namespace, "later"))
    control.made("Deployment", "later-portolan")
    assert {kind: control.made(kind)["metadata"]["resourceVersion"] for kind in KINDS} == {
        k: v for k, v in versions.items() if k != "Gateway"}
    assert control.client.get("Gateway", control.namespace, "web")["metadata"]["resourceVersion"] == versions["Gateway"]


def test_an_object_that_is_not_ours_is_left_alone_and_named(control):
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web-portolan", "namespace": control.namespace},
              "spec": {"ports": [{"port": 1}]}}
    theirs = control.client.create(theirs)
    control.client.create(gateway(control.namespace))
    found = control.programmed("False", "NoResources")
    [message] = [c["message"] for c in found["status"]["conditions"] if c["type"] == "Programmed"]
    assert f"Service {control.namespace}/web-portolan" in message and "has not made it" in message
    assert control.made("Service")["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]


def test_an_address_that_the_service_has_not_got_is_not_usable(control):
    control.client.create(gateway(control.namespace, addresses=[{"type": "IPAddress", "value": "192.0.2.99"}]))
    assert control.made("Service")["spec"]["loadBalancerIP"] == "192.0.2.99"
    control.ready()
    found = control.programmed("False", "AddressNotUsable")
    control.client.patch(found, {"spec": {"addresses": [{"type": "IPAddress", "value": "192.0.2.7"}]}})
    control.programmed(*WORKS)


# ---- parameters ----

def parameters(namespace, name="some", **envoy):
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourDeployment",
            "metadata": {"name": name, "namespace": namespace}, "spec": {"envoy": envoy}}


REFERENCE = {"parametersRef": {"group": "projectcontour.io", "kind": "ContourDeployment", "name": "some"}}


@pytest.fixture
def deployments(gateway_kube):
    """ContourDeployments are there."""
    gateway_kube.install(crds.shipped()["ContourDeployment"])


def accepted(*wanted):
    def is_so(o):
        found = {c["type"]: (c["status"], c["reason"]) for c in o.get("status", {}).get("conditions", ())}
        return found.get("Accepted") == wanted
    return is_so


def test_changed_parameters_reach_living_gateways(deployments, control):
    client, namespace = control.client, control.namespace
    made = client.create(parameters(
        namespace, deployment={"replicas": 3}, podAnnotations={"a": "b"}, resources={"limits": {"memory": "300Mi"}},
        networkPublishing={"type": "ClusterIPService", "serviceAnnotations": {"c": "d"}},
        nodePlacement={"tolerations": [{"key": "edge", "operator": "Exists"}]}))
    client.create(gateway(namespace, infrastructure=REFERENCE))
    deployment = control.made("Deployment", wanted=lambda d: d and d["spec"]["replicas"] == 3)
    pod = deployment["spec"]["template"]
    assert pod["metadata"]["annotations"]["a"] == "b" and pod["spec"]["tolerations"] == [{"key": "edge", "operator": "Exists"}]
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"memory": "300Mi"}
    service = control.made("Service")
    assert service["spec"]["type"] == "ClusterIP" and service["metadata"]["annotations"]["c"] == "d"
    # The author has set the number: kubectl scale does not change it.
    client.patch(deployment, {"spec": {"replicas": 7}})
    control.made("Deployment", wanted=lambda d: d["spec"]["replicas"] == 3)
    # What is no longer there goes, too, and another strategy does not trip over the one before.
    client.patch(made, {"spec": {"envoy": {"podAnnotations": None, "nodePlacement": None, "networkPublishing": None,
                                           "deployment": {"replicas": 1, "strategy": {"type": "Recreate"}}}}})
    deployment = control.made("Deployment", wanted=lambda d: d["spec"]["replicas"] == 1)
    pod = deployment["spec"]["template"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert "a" not in pod["metadata"]["annotations"] and "tolerations" not in pod["spec"]
    service = control.made("Service", wanted=lambda s: s["spec"]["type"] == "LoadBalancer")
    assert "c" not in service["metadata"]["annotations"]
    # Without a difference nothing is written.
    before = control.made("Deployment")["metadata"]["resourceVersion"]
    control.stop()
    control.start()
    client.create(gateway(namespace, "later"))
    control.made("Deployment", "later-portolan")
    assert control.made("Deployment")["metadata"]["resourceVersion"] == before


def test_a_deployment_stays_until_the_daemon_set_has_pods(deployments, control):
    client, namespace = control.client, control.namespace
    made = client.create(parameters(namespace))
    client.create(gateway(namespace, infrastructure=REFERENCE))
    control.ready()
    control.programmed(*WORKS)
    client.patch(made, {"spec": {"envoy": {"workloadType": "DaemonSet"}}})
    daemon_set = control.made("DaemonSet", "web-portolan")
    assert "deletionTimestamp" not in control.made("Deployment")["metadata"]
    client.patch(daemon_set, {"status": {
        "currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 1,
        "numberAvailable": 1}}, sub="status")
    control.gone("Deployment")


def test_wrong_parameters_are_reported_and_leave_all_as_it_is(deployments, control):
    client, namespace = control.client, control.namespace
    made = client.create(parameters(namespace, logLevel="debug"))
    client.create(gateway(namespace, infrastructure=REFERENCE))
    control.ready()
    control.programmed(*WORKS)
    before = {kind: control.made(kind)["metadata"]["resourceVersion"] for kind in KINDS}

    client.patch(made, {"spec": {"envoy": {"logLevel": "loud"}}})
    client.wait_for("Gateway", namespace, "web", accepted("False", "InvalidParameters"))
    client.delete(made)
    found = client.wait_for("Gateway", namespace, "web", lambda g: any(
        "there is no ContourDeployment" in c["message"] for c in g["status"]["conditions"]))
    assert accepted("False", "InvalidParameters")(found)
    # Of a new Gateway nothing is made.
    client.create(gateway(namespace, "new", infrastructure=REFERENCE))
    client.wait_for("Gateway", namespace, "new", accepted("False", "InvalidParameters"))
    client.create(gateway(namespace, "later"))
    control.made("Deployment", "later-portolan")
    control.gone("Deployment", "new-portolan")
    assert {kind: control.made(kind)["metadata"]["resourceVersion"] for kind in KINDS} == before

    client.create(parameters(namespace, logLevel="info"))
    control.programmed(*WORKS)
    control.made("Deployment", wanted=lambda d: "info" in d["spec"]["template"]["spec"]["containers"][0]["args"])


def test_a_class_has_parameters(deployments, control):
    client, namespace = control.client, control.namespace
    reference = {**REFERENCE["parametersRef"], "namespace": namespace}
    # Parameters of a class cannot be added to it.
    client.patch(control.klass, {"metadata": {"finalizers": None}})
    client.delete(control.klass)
    poll(lambda: not client.list("GatewayClass", query={"fieldSelector": "metadata.name=portolan"}, api_version=API)["items"])
    control.klass = client.create({
        "apiVersion": API, "kind": "GatewayClass", "metadata": {"name": "portolan"},
        "spec": {"controllerName": f"portolan.io/{namespace}", "parametersRef": reference}})
    client.wait_for("GatewayClass", None, "portolan", accepted("False", "InvalidParameters"))
    client.create(parameters(namespace, networkPublishing={"type": "NodePortService"}))
    client.wait_for("GatewayClass", None, "portolan", accepted("True", "Accepted"))
    client.create(gateway(namespace))
    control.made("Service", wanted=lambda s: s and s["spec"]["type"] == "NodePort")


def test_the_documented_rights_are_enough(own_kube, tmp_path):
    kube = own_kube
    for definition in gateway_api.definitions().values():
        kube.install(definition)
    kube.install(crds.shipped()["ContourDeployment"])
    for name in ("rbac.yaml", "rbac-provisioning.yaml"):
        kube.grant(o for o in yaml.safe_load_all((TOP / "examples" / name).read_text(encoding="utf-8")) if o)
    account = kube.service_account_folder("portolan", "portolan")
    control = Control(kube, "portolan", tmp_path, account=account).start()
    try:
        kube.client.create(parameters("portolan", podAnnotations={"a": "b"}))
        made = kube.client.create(gateway("portolan", infrastructure=REFERENCE))
        control.ready()
        control.programmed(*WORKS)
        assert control.made("Deployment")["spec"]["template"]["metadata"]["annotations"]["a"] == "b"
        assert control.made("Secret") and control.made("ServiceAccount")
        kube.client.patch(made, {"spec": {"listeners": [{"name": "a", "port": 90, "protocol": "TCP"}]}})
        control.made("Service", wanted=lambda s: s and [p["port"] for p in s["spec"]["ports"]] == [90])
        kube.client.delete(control.made("Deployment"))
        control.made("Deployment")
        kube.client.delete(made)
        for kind in KINDS:
            control.gone(kind)
        assert "forbidden" not in control.watcher.logged().lower()
    finally:
        control.translator.close()
        control.watcher.close()
