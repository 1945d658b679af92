"""New images for Gateways' own Envoys on a real API server: one Gateway's at a time, the next when Kubernetes says that
the former's pods are available; one that does not get there holds the rest. (P-OBJ-7)

The test is the controller of Deployments: it writes their statuses."""

import json
import signal

import pytest

from kube import poll
from test_provisioning import Control, control, gateway  # noqa: F401

GATEWAYS = ("a", "b", "c")


def configure(control, image, upgrades="one-at-a-time"):
    file = control.watcher.args[control.watcher.args.index("--config") + 1]
    with open(file, "w", encoding="utf-8") as out:
        out.write(f"portolan: {{gateway: {{provisioning: true, xds-address: 'x:8001', envoy-image: '{image}', image: 'p:1', "
                  f"controller-name: portolan.io/{control.namespace}, xds-authority: {control.namespace}/ca, "
                  f"envoy-upgrades: {upgrades}}}}}\n")
    seen = len(control.watcher.logged())
    control.watcher.process.send_signal(signal.SIGHUP)
    control.watcher.wait_logged("the configuration was read again", since=seen)


def image_of(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]["image"]


def has(image):
    return lambda d: d and image_of(d) == image


def image(control, name):
    return image_of(control.made("Deployment", f"{name}-portolan"))


def write_status(control, name, conditions=(), **counts):
    """As a controller that has seen the Deployment's present form."""
    deployment = control.made("Deployment", f"{name}-portolan")
    status = {"observedGeneration": deployment["metadata"]["generation"], "replicas": 2, "readyReplicas": 2,
              "updatedReplicas": 2, "availableReplicas": 2, "conditions": list(conditions), **counts}
    control.client.patch(deployment, {"status": status}, sub="status")


def seen(control, name):
    """Until the watcher has seen all changes of Deployments up to now: it restores a label, the last of them. (An
    annotation would make a new generation of a Deployment.)"""
    deployment = control.made("Deployment", f"{name}-portolan")
    label = "gateway.networking.k8s.io/gateway-class-name"
    control.client.patch(deployment, {"metadata": {"labels": {label: "spoilt"}}})
    control.made("Deployment", f"{name}-portolan", lambda d: d["metadata"]["labels"][label] == "portolan")


def upgrade(control):
    """(how many wait, whose is under way)"""
    report = control.watcher.status()["kubernetes"]
    return report["fleets_waiting"], report["fleet_upgrading"].rpartition("/")[2]


def until(control, waiting, upgrading):
    poll(lambda: upgrade(control) == (waiting, upgrading))


def problems(control, name):
    """Reasons that a Gateway's status gives for its Envoys not being upgraded."""
    rows = json.loads(control.watcher.get("/debug/statuses"))
    return [p["reason"] for r in rows if (r["kind"], r["name"]) == ("Gateway", name) for p in r.get("problems", ())
            if p["reason"].startswith("Upgrade")]


@pytest.fixture
def fleets(control):  # noqa: F811
    """Three Gateways whose Envoys are ready, with e:1."""
    for name in GATEWAYS:
        control.client.create(gateway(control.namespace, name))
    for name in GATEWAYS:
        control.made("Deployment", f"{name}-portolan", has("e:1"))
        write_status(control, name)
    seen(control, "a")
    return control


def test_one_fleet_after_the_other(fleets):
    configure(fleets, "e:2")
    for n, name in enumerate(GATEWAYS):
        fleets.made("Deployment", f"{name}-portolan", has("e:2"))
        until(fleets, len(GATEWAYS) - n - 1, name)
        assert [image(fleets, g) for g in GATEWAYS] == ["e:2"] * (n + 1) + ["e:1"] * (len(GATEWAYS) - n - 1)
        write_status(fleets, name)
    until(fleets, 0, "")
    log = fleets.watcher.logged()
    for name in GATEWAYS:
        assert f"Gateway {fleets.namespace}/{name}: upgrading it from p:1, e:1 to p:1, e:2" in log
        assert f"Gateway {fleets.namespace}/{name}: all pods have their new images" in log


def test_half_of_a_roll_out_is_not_enough_and_a_restart_goes_on(fleets):
    configure(fleets, "e:2")
    fleets.made("Deployment", "a-portolan", has("e:2"))
    write_status(fleets, "a", updatedReplicas=1, replicas=3)
    seen(fleets, "a")
    until(fleets, 2, "a")
    fleets.stop()
    fleets.start()
    until(fleets, 2, "a")
    assert [image(fleets, g) for g in GATEWAYS] == ["e:2", "e:1", "e:1"]
    poll(lambda: problems(fleets, "b") == ["UpgradeWaits"])
    write_status(fleets, "a")
    fleets.made("Deployment", "b-portolan", has("e:2"))
    assert image(fleets, "c") == "e:1"


def test_one_that_does_not_become_ready_holds_the_rest_and_says_so(fleets):
    configure(fleets, "e:2")
    fleets.made("Deployment", "a-portolan", has("e:2"))
    write_status(fleets, "a", [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                                "message": "it has timed out progressing"}], updatedReplicas=1, replicas=3)
    fleets.watcher.wait_logged("do not become available, and upgrades of other Gateways' Envoys wait for them: it has timed out")
    poll(lambda: problems(fleets, "a") == ["UpgradeStuck"])
    [reason] = fleets.watcher.reasons()
    assert f"Gateway {fleets.namespace}/a does not become ready" in reason and "2 others wait" in reason
    assert fleets.watcher.metrics()["portolan_kube_fleets_waiting"] == 2
    assert [image(fleets, g) for g in GATEWAYS] == ["e:2", "e:1", "e:1"]
    # Back again: only that one has to be changed.
    configure(fleets, "e:1")
    fleets.made("Deployment", "a-portolan", has("e:1"))
    write_status(fleets, "a")
    until(fleets, 0, "")
    poll(lambda: problems(fleets, "a") == [] and fleets.watcher.reasons() == [])
    assert fleets.watcher.logged().count("upgrading it from") == 2


def test_a_fleet_that_is_not_ready_anyway_comes_last(fleets):
    write_status(fleets, "a", availableReplicas=1)
    seen(fleets, "a")
    configure(fleets, "e:2")
    for name in ("b", "c", "a"):
        fleets.made("Deployment", f"{name}-portolan", has("e:2"))
        write_status(fleets, name)
    until(fleets, 0, "")
    order = [line for line in fleets.watcher.logged().splitlines() if "upgrading it from" in line]
    assert [f"/{name}: upgrading" in line for name, line in zip("bca", order, strict=True)] == [True] * 3


def test_an_upgrade_is_held_until_the_configuration_allows_it(fleets):
    configure(fleets, "e:2", "hold")
    for name in GATEWAYS:
        poll(lambda name=name: problems(fleets, name) == ["UpgradeHeld"])
    # A new Gateway starts with the new image, and its start holds nobody back.
    fleets.client.create(gateway(fleets.namespace, "d"))
    fleets.made("Deployment", "d-portolan", has("e:2"))
    until(fleets, 3, "")
    assert [image(fleets, g) for g in GATEWAYS] == ["e:1"] * 3
    configure(fleets, "e:2")
    fleets.made("Deployment", "a-portolan", has("e:2"))
    until(fleets, 2, "a")
    poll(lambda: problems(fleets, "b") == ["UpgradeWaits"])
    # Or all together, without waiting for the first.
    configure(fleets, "e:2", "at-once")
    for name in GATEWAYS:
        fleets.made("Deployment", f"{name}-portolan", has("e:2"))
    until(fleets, 0, "a")


def test_other_objects_do_not_wait_and_a_fleet_that_goes_holds_nobody(fleets):
    configure(fleets, "e:2")
    fleets.made("Deployment", "a-portolan", has("e:2"))
    until(fleets, 2, "a")
    made = fleets.client.get("Gateway", fleets.namespace, "b")
    fleets.client.patch(made, {"spec": {"listeners": [{"name": "a", "port": 90, "protocol": "TCP"}]}})
    fleets.made("Service", "b-portolan", lambda s: [p["port"] for p in s["spec"]["ports"]] == [90])
    # The one that waits goes: the others do not wait for it.
    fleets.client.delete(fleets.client.get("Gateway", fleets.namespace, "a"))
    fleets.made("Deployment", "b-portolan", has("e:2"))
    write_status(fleets, "b")
    fleets.made("Deployment", "c-portolan", has("e:2"))
