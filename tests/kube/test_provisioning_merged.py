"""Gateways of a class that share their Envoys, on a real API server: one set of objects, in Portolan's own namespace, of the
GatewayClass, for as long as it has a Gateway. (P-OBJ-5)"""

import base64

import pytest
from cryptography import x509
from test_provisioning import WORKS, control, gateway  # noqa: F401

MERGE = {"metadata": {"annotations": {"portolan.io/merge-gateways": "true"}}}
NAMES = {"ServiceAccount": "merged-portolan", "Secret": "merged-portolan-xds", "Deployment": "merged-portolan",
         "Service": "merged-portolan"}


@pytest.fixture
def merged(control):  # noqa: F811
    control.client.patch(control.klass, MERGE)
    return control


def programmed(control, name, *wanted):  # noqa: F811
    def is_so(g):
        found = {c["type"]: (c["status"], c["reason"]) for c in g.get("status", {}).get("conditions", ())}
        return found.get("Programmed") == wanted
    return control.client.wait_for("Gateway", control.namespace, name, is_so)


def make_ready(control):  # noqa: F811
    """The statuses of a load balancer and a kubelet."""
    client = control.client
    client.patch(control.made("Service", NAMES["Service"]), {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}},
                 sub="status")
    client.patch(control.made("Deployment", NAMES["Deployment"]),
                 {"status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}}, sub="status")


def service_has(*ports):
    return lambda s: s and [p["port"] for p in s["spec"]["ports"]] == list(ports)


def all_gone(control):  # noqa: F811
    for kind, name in NAMES.items():
        control.gone(kind, name)


def test_gateways_share_objects_that_their_class_owns(merged):
    client, namespace = merged.client, merged.namespace
    uid = client.get("GatewayClass", None, "portolan")["metadata"]["uid"]
    one = client.create(gateway(namespace, "one", 80))
    client.create(gateway(namespace, "two", 81))
    merged.made("Service", NAMES["Service"], service_has(80, 81))
    for kind, name in NAMES.items():
        [owner] = merged.made(kind, name)["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("GatewayClass", "portolan", uid)
    make_ready(merged)
    for name in ("one", "two"):
        found = programmed(merged, name, *WORKS)
        assert found["status"]["addresses"] == [{"type": "IPAddress", "value": "192.0.2.7"}]
    before = merged.made("Deployment", NAMES["Deployment"])["metadata"]["uid"]
    # The older one goes, the other is served on.
    client.delete(one)
    merged.made("Service", NAMES["Service"], service_has(81))
    assert merged.made("Deployment", NAMES["Deployment"])["metadata"]["uid"] == before
    programmed(merged, "two", *WORKS)


def test_the_shared_envoys_have_the_identity_of_the_class(merged):
    merged.client.create(gateway(merged.namespace))
    data = merged.made("Secret", NAMES["Secret"])["data"]
    cert = x509.load_pem_x509_certificate(base64.b64decode(data["tls.crt"]))
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["portolan://fleet/GatewayClass/portolan"]


def test_the_last_gateway_takes_all_objects_with_it(merged):
    made = merged.client.create(gateway(merged.namespace))
    merged.made("Service", NAMES["Service"])
    merged.client.delete(made)
    all_gone(merged)


def test_what_went_while_we_were_away_is_taken_away(merged):
    made = merged.client.create(gateway(merged.namespace))
    merged.made("Service", NAMES["Service"])
    merged.stop()
    merged.client.delete(made)
    merged.start()
    all_gone(merged)


def test_a_class_that_changes_its_mind_changes_the_envoys(control):  # noqa: F811
    client = control.client
    client.create(gateway(control.namespace))
    control.made("Service")
    client.patch(control.klass, MERGE)
    control.made("Service", NAMES["Service"])
    control.gone("Deployment")
    client.patch(control.klass, {"metadata": {"annotations": {"portolan.io/merge-gateways": "false"}}})
    control.made("Service")
    all_gone(control)


def test_a_gateway_that_cannot_share_is_refused_and_harms_no_neighbour(merged):
    client, namespace = merged.client, merged.namespace
    client.create(gateway(namespace, "one", 80))
    reference = {"parametersRef": {"group": "projectcontour.io", "kind": "ContourDeployment", "name": "some"}}
    client.create(gateway(namespace, "two", 81, infrastructure=reference))
    found = programmed(merged, "two", "False", "Invalid")
    [accepted] = [c for c in found["status"]["conditions"] if c["type"] == "Accepted"]
    assert accepted["reason"] == "InvalidParameters" and "share their Envoys" in accepted["message"]
    merged.made("Service", NAMES["Service"], service_has(80))
    make_ready(merged)
    programmed(merged, "one", *WORKS)
