"""The watcher and Gateway API's kinds on a real API server: they come and go with their CRDs, at
the served version; statuses are written beside those of others (S-RT-2, S-W-1 to S-W-7, B-2), no
more often than needed."""

import copy
import json
import time

import pytest
import yaml

import frames
import gateway_api
from kube import poll
from kube_watcher import KubeWatcher
from programs import TOP
from test_gateway_bulk import most_writes

US = "portolan.io/gateway-controller"
API = "gateway.networking.k8s.io/v1"
ACCEPTED, _, _, IGNORED = range(4)
# Entries of another controller, as the API server keeps them.
THEIR_CONDITION = {"type": "other.example/Seen", "status": "True", "reason": "Seen", "message": "ä\n",
                   "lastTransitionTime": "2020-01-01T00:00:00Z", "observedGeneration": 0}
THEIR_ENTRY = {"controllerName": "other.example/c", "parentRef": {"name": "x", "group": "gateway.networking.k8s.io", "kind": "Gateway"},
               "conditions": [THEIR_CONDITION]}


def gateway(namespace, name="g", **spec):
    return {"apiVersion": API, "kind": "Gateway", "metadata": {"name": name, "namespace": namespace},
            "spec": {"gatewayClassName": "portolan", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}], **spec}}


def route(namespace, name="r", *parents, kind="HTTPRoute", api=API, **spec):
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {"parentRefs": [{"name": parent} for parent in parents], **spec}}


def condition(kind="Accepted", status=1, reason="Accepted", text=""):
    return frames.message("Condition", type=kind, status=status, reason=reason, message=text)


def parent(namespace, name="g", *conditions, **more):
    return frames.message("ParentStatus", group="gateway.networking.k8s.io", kind="Gateway", namespace=namespace, name=name,
                          conditions=conditions or [condition()], **more)


def listener(attached=0):
    return frames.message("ListenerStatus", name="http", attached_routes=attached, conditions=[condition()],
                          supported_kinds=[frames.message("RouteKind", group="gateway.networking.k8s.io", kind="HTTPRoute")])


def say_gateway(translator, key, generation, attached=0):
    translator.say("Gateway", key, observed_generation=generation, controller=US, conditions=[condition()],
                   listeners=[listener(attached)],
                   addresses=[frames.message("AddressStatus", type="IPAddress", value="192.0.2.7")])


def say_route(translator, key, generation, *parents, kind="HTTPRoute"):
    translator.say(kind, key, observed_generation=generation, controller=US, parents=parents)


@pytest.fixture
def started(gateway_kube, namespace, tmp_path):
    """(watcher, translator) of a watcher that writes."""
    with KubeWatcher(gateway_kube, tmp_path / "w", "--lease-namespace", namespace) as watcher, \
            watcher.translator() as translator:
        watcher.wait_logged("writing statuses")
        yield watcher, translator


def test_a_gateway_and_a_route_have_their_statuses_written_once(gateway_kube, namespace, started):
    watcher, translator = started
    client = gateway_kube.client
    client.create(gateway(namespace))
    client.create(route(namespace, "r", "g"))
    for kind, name in (("Gateway", "g"), ("HTTPRoute", "r")):
        translator.wait_for(kind, f"{namespace}/{name}")
    say_gateway(translator, f"{namespace}/g", 1, attached=1)
    say_route(translator, f"{namespace}/r", 1, parent(namespace))
    translator.commit()
    status = client.wait_for("Gateway", namespace, "g", lambda g: g["status"].get("addresses"))["status"]
    assert status["addresses"] == [{"type": "IPAddress", "value": "192.0.2.7"}]
    assert status["listeners"][0]["attachedRoutes"] == 1
    assert status["listeners"][0]["supportedKinds"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]
    # "Programmed", which the API server fills in and we did not speak of, is ours to take away.
    assert [(c["type"], c["status"], c["observedGeneration"]) for c in status["conditions"]] == [("Accepted", "True", 1)]
    status = client.wait_for("HTTPRoute", namespace, "r", lambda r: r.get("status"))["status"]
    assert [(p["controllerName"], p["parentRef"]["namespace"], p["parentRef"]["name"]) for p in status["parents"]] == [
        (US, namespace, "g")]
    # The same again, and an event of the objects that does not change their entries.
    say_route(translator, f"{namespace}/r", 1, parent(namespace))
    say_gateway(translator, f"{namespace}/g", 1, attached=1)
    translator.commit()
    for kind, name in (("Gateway", "g"), ("HTTPRoute", "r")):
        client.patch(client.get(kind, namespace, name), {"metadata": {"labels": {"a": "b"}}})
        translator.wait_for(kind, f"{namespace}/{name}", lambda now: b"\n\1a\x12\1b" in now.value)
    # A write is counted when its answer is there, which may be after the object is seen.
    poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 2)


def test_what_others_wrote_stays_byte_for_byte(gateway_kube, namespace, started):
    """GatewayPreserveForeignConditions, HTTPRoutePreserveForeignStatus, BackendTLSPolicyPreserveForeignStatus."""
    _, translator = started
    client = gateway_kube.client
    policy = {"apiVersion": API, "kind": "BackendTLSPolicy", "metadata": {"name": "p", "namespace": namespace},
              "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "s"}],
                       "validation": {"hostname": "a", "wellKnownCACertificates": "System"}}}
    theirs = {"ancestorRef" if k == "parentRef" else k: v for k, v in THEIR_ENTRY.items()}
    client.patch(client.create(gateway(namespace)), {"status": {
        "conditions": [THEIR_CONDITION], "listeners": [{"name": "http", "attachedRoutes": 0, "supportedKinds": [],
                                                        "conditions": [THEIR_CONDITION]}]}}, sub="status")
    client.patch(client.create(route(namespace, "r", "g")), {"status": {"parents": [THEIR_ENTRY]}}, sub="status")
    client.patch(client.create(policy), {"status": {"ancestors": [theirs]}}, sub="status")
    for generation in (1, 2):
        for kind, name in (("Gateway", "g"), ("HTTPRoute", "r"), ("BackendTLSPolicy", "p")):
            translator.wait_for(kind, f"{namespace}/{name}")
        say_gateway(translator, f"{namespace}/g", generation)
        say_route(translator, f"{namespace}/r", generation, parent(namespace))
        translator.say("BackendTLSPolicy", f"{namespace}/p", observed_generation=generation, controller=US,
                       ancestors=[parent(namespace)])
        translator.commit()

        def done(conditions):
            return any(c["type"] == "Accepted" and c.get("observedGeneration") == generation for c in conditions)

        got = client.wait_for("Gateway", namespace, "g", lambda g: done(g["status"]["conditions"]))["status"]
        assert THEIR_CONDITION in got["conditions"] and THEIR_CONDITION in got["listeners"][0]["conditions"]
        got = client.wait_for("HTTPRoute", namespace, "r", lambda r: len(r["status"]["parents"]) == 2 and done(
            r["status"]["parents"][1]["conditions"]))["status"]
        assert json.dumps(got["parents"][0], sort_keys=True) == json.dumps(THEIR_ENTRY, sort_keys=True)
        got = client.wait_for("BackendTLSPolicy", namespace, "p", lambda r: len(r["status"]["ancestors"]) == 2 and done(
            r["status"]["ancestors"][1]["conditions"]))["status"]
        assert json.dumps(got["ancestors"][0], sort_keys=True) == json.dumps(theirs, sort_keys=True)
        client.patch(client.get("Gateway", namespace, "g"), {"spec": {"listeners": [{"name": "http", "port": 81, "protocol": "HTTP"}]}})
        client.patch(client.get("HTTPRoute", namespace, "r"), {"spec": {"hostnames": ["a.example"]}})
        client.patch(client.get("BackendTLSPolicy", namespace, "p"), {"spec": {"validation": {"hostname": "b"}}})


def test_an_entry_that_somebody_removed_or_that_is_in_the_way_is_put_right(gateway_kube, namespace, started):
    """S-RT-2, S-W-2, S-W-6: conflicts are resolved against the present object."""
    _, translator = started
    client = gateway_kube.client
    item = client.create(route(namespace, "r", "g"))
    translator.wait_for("HTTPRoute", f"{namespace}/r")
    say_route(translator, f"{namespace}/r", 1, parent(namespace))
    translator.commit()
    client.wait_for("HTTPRoute", namespace, "r", lambda r: r.get("status"))
    client.patch(item, {"status": {"parents": [THEIR_ENTRY]}}, sub="status")
    client.wait_for("HTTPRoute", namespace, "r", lambda r: len(r["status"]["parents"]) == 2)
    # They write while we do: the second writer sees the other's entries.
    for i in range(20):
        other = copy.deepcopy(THEIR_ENTRY)
        other["conditions"][0]["message"] = str(i)
        now = client.get("HTTPRoute", namespace, "r")["status"]["parents"]
        say_route(translator, f"{namespace}/r", 1, parent(namespace, "g", condition(text=str(i))))
        translator.commit()
        client.patch(item, {"status": {"parents": [other, *(p for p in now if p["controllerName"] == US)]}}, sub="status")
    got = client.wait_for("HTTPRoute", namespace, "r", lambda r: sorted(
        p["conditions"][0]["message"] for p in r["status"]["parents"]) == ["19", "19"])
    assert len(got["status"]["parents"]) == 2
    say_route(translator, f"{namespace}/r", 1)
    translator.commit()
    got = client.wait_for("HTTPRoute", namespace, "r", lambda r: len(r["status"]["parents"]) == 1)
    assert got["status"]["parents"][0]["controllerName"] == "other.example/c"


def test_a_status_of_an_older_generation_is_not_written(gateway_kube, namespace, started):
    watcher, translator = started
    client = gateway_kube.client
    item = client.create(gateway(namespace))
    client.patch(item, {"spec": {"listeners": [{"name": "http", "port": 81, "protocol": "HTTP"}]}})
    translator.wait_for("Gateway", f"{namespace}/g", lambda i: i and b"\x18Q" in i.value)
    say_gateway(translator, f"{namespace}/g", 1)
    translator.commit()
    say_gateway(translator, f"{namespace}/g", 2, attached=5)
    translator.commit()
    got = client.wait_for("Gateway", namespace, "g", lambda g: "listeners" in g["status"])["status"]
    assert got["listeners"][0]["attachedRoutes"] == 5
    # A write is counted when its answer is there, which may be after the object is seen.
    poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 1)


def test_a_thousand_routes_that_come_at_once_are_few_writes_of_their_gateway(gateway_kube, namespace, started):
    """No more than its pace allows; every route has its own write and no more."""
    watcher, translator = started
    client = gateway_kube.client
    client.create(gateway(namespace))
    translator.wait_for("Gateway", f"{namespace}/g")
    first = client.list("Gateway", namespace)["metadata"]["resourceVersion"]
    items = [route(namespace, f"r{i}", "g") for i in range(1000)]
    for start in range(0, 1000, 100):
        client.bulk("create", items[start:start + 100])
        # The watcher leaves a peer that does not read for half a minute.
        translator.wait_for("HTTPRoute", f"{namespace}/r{start}")
    with client.watch(client.path("Gateway", namespace), resourceVersion=first) as events:
        began = time.monotonic()
        for start in range(0, 1000, 25):
            for i in range(start, start + 25):
                say_route(translator, f"{namespace}/r{i}", 1, parent(namespace))
            say_gateway(translator, f"{namespace}/g", 1, attached=start + 25)
            translator.commit()
        writes = 0
        for event in events:
            writes += event["type"] == "MODIFIED"
            if event["object"]["status"].get("listeners", [{}])[0].get("attachedRoutes") == 1000:
                break
    assert writes <= most_writes(time.monotonic() - began)
    for i in (0, 500, 999):
        client.wait_for("HTTPRoute", namespace, f"r{i}", lambda r: r.get("status"))
    poll(lambda: watcher.metrics()["portolan_kube_status_waiting"] == 0)
    # A write is counted when its answer is there, which may be after the object is seen.
    poll(lambda: watcher.metrics()["portolan_kube_status_writes_total"] == 1000 + writes)


# ---- CRDs come, go, and are of other versions ----

def with_versions(definition, *names):
    """The definition as of a bundle that had only these versions."""
    definition = copy.deepcopy(definition)
    definition["spec"]["versions"] = [v for v in definition["spec"]["versions"] if v["name"] in names]
    definition["spec"]["versions"][0]["storage"] = True
    return definition


def test_kinds_come_with_their_crds_and_a_missing_one_holds_nothing_up(own_kube, tmp_path):
    kube, crds = own_kube, gateway_api.definitions()
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.translator() as translator:
        assert watcher.kind("HTTPRoute")["state"] == "absent" and watcher.reasons() == []
        watcher.wait_logged("writing statuses")
        # TLSRoute as before v1.5, at an old version alone.
        kube.install(with_versions(crds["TLSRoute"], "v1alpha2"))
        kube.install(crds["HTTPRoute"])
        kube.client.create(route("default", "h", "g"))
        kube.client.create(route("default", "t", "g", kind="TLSRoute", api="gateway.networking.k8s.io/v1alpha2",
                                 hostnames=["a.example"], rules=[{"backendRefs": [{"name": "s", "port": 1}]}]))
        translator.wait_for("HTTPRoute", "default/h")
        translator.wait_for("TLSRoute", "default/t")
        assert watcher.kind("TLSRoute")["version"] == "v1alpha2"
        assert watcher.kind("UDPRoute")["state"] == "absent"
        for kind, name in (("HTTPRoute", "h"), ("TLSRoute", "t")):
            say_route(translator, f"default/{name}", 1, parent("default"), kind=kind)
        translator.commit()
        for kind, name, version in (("HTTPRoute", "h", "v1"), ("TLSRoute", "t", "v1alpha2")):
            kube.client.wait_for(kind, "default", name, lambda r: r.get("status"), api_version=f"gateway.networking.k8s.io/{version}")
        # The bundle is upgraded, and the old version goes.
        kube.install(crds["TLSRoute"])
        definition = copy.deepcopy(crds["TLSRoute"])
        for version in definition["spec"]["versions"]:
            version["served"] = version["name"] == "v1"
        kube.install(definition)
        kube.client.create(route("default", "new", "g", kind="TLSRoute", hostnames=["a.example"],
                                 rules=[{"backendRefs": [{"name": "s", "port": 1}]}]))
        translator.wait_for("TLSRoute", "default/new", timeout=120)
        poll(lambda: watcher.kind("TLSRoute")["version"] == "v1", 120)
        # A kind whose CRD is deleted is gone with its objects; the others stay.
        kube.client.call("DELETE", kube.client.path("CustomResourceDefinition", name="httproutes.gateway.networking.k8s.io"))
        translator.wait_gone("HTTPRoute", "default/h", timeout=120)
        assert translator.get("TLSRoute", "default/t") is not None
        # Its objects go before its watch ends.
        poll(lambda: watcher.kind("HTTPRoute")["state"] == "absent", 120)
        # The server may refuse a watch while it makes the new kind's storage ready.
        poll(lambda: watcher.reasons() == [], 30)


def test_a_role_without_gateway_api_holds_nothing_up(own_kube, tmp_path):
    """After an upgrade of Portolan without its ClusterRole, users are served as before."""
    items = [o for o in yaml.safe_load_all((TOP / "examples/rbac.yaml").read_text(encoding="utf-8")) if o]
    for item in items:
        if item["kind"] == "ClusterRole":
            item["rules"] = [r for r in item["rules"] if "gateway" not in r["apiGroups"][0]]
    own_kube.grant(items)
    own_kube.install(gateway_api.definitions()["HTTPRoute"])
    account = own_kube.service_account_folder("portolan", "portolan")
    with KubeWatcher(own_kube, tmp_path / "w", account=account) as watcher, watcher.translator():
        assert watcher.reasons() == []
        assert "not allowed" in watcher.kind("HTTPRoute")["problem"]
