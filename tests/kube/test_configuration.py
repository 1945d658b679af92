"""The configuration as an object of a real API server: found by its name, followed, with its faults
in its status."""

import subprocess

import pytest

from crds import FOLDER, shipped
from kube_watcher import KubeWatcher
from programs import program
from stage import Stage

KIND = "ContourConfiguration"
KEY = "portolan/portolan"
VERSION = "projectcontour.io/v1alpha1"
NAMED = ["--contour-config-name", "main", "--contour-config-namespace", "gateways"]


@pytest.fixture
def kube(own_kube):
    own_kube.kubectl("apply", "-f", FOLDER)
    for definition in shipped().values():
        own_kube.install(definition)
    for name in ("gateways", "portolan"):
        own_kube.create_namespace(name)
    return own_kube


def configuration(tls, namespace="gateways", name="main"):
    return {"apiVersion": VERSION, "kind": KIND, "metadata": {"name": name, "namespace": namespace},
            "spec": {"envoy": {"listener": {"tls": {"minimumProtocolVersion": tls}}}}}


def change(kube, tls):
    """The object at that time."""
    return kube.client.patch(configuration(tls), {"spec": configuration(tls)["spec"]})


def wait_condition(kube, status, generation, namespace="gateways", name="main"):
    """The condition, when it is about that generation."""
    def there(item):
        return any(c["status"] == status and c.get("observedGeneration") == generation
                   for c in item.get("status", {}).get("conditions", []))

    item = kube.client.wait_for(KIND, namespace, name, there, api_version=VERSION)
    (condition,) = item["status"]["conditions"]
    assert condition["type"] == "Valid"
    return condition


def test_a_named_configuration_is_followed_and_told_what_is_wrong(kube, tmp_path):
    # An object of the default name has no effect here.
    kube.client.create(configuration("1.3", *KEY.split("/")))
    watcher = KubeWatcher(kube, tmp_path / "w", *NAMED)
    try:
        watcher.start(ready=False)
        watcher.wait_logged("gateways/main does not exist: nothing is served before it does")
        code, why = watcher.ask("/readyz")
        assert code == 503 and "ContourConfiguration gateways/main does not exist" in why
        # Bad at first: nothing is served, and the status says why.
        kube.client.create(configuration("1.4"))
        condition = wait_condition(kube, "False", 1)
        (error,) = condition["errors"]
        assert error["type"] == error["reason"] == "WrongValue"
        assert error["message"].startswith("spec.envoy.listener.tls.minimumProtocolVersion: ")
        code, why = watcher.ask("/readyz")
        assert code == 503 and "gateways/main is refused: spec.envoy.listener.tls.minimum" in why
        assert watcher.status()["generation"] == 0
        change(kube, "1.3")
        watcher.wait_ready()
        with watcher.translator() as translator:
            assert b"1.3" in translator.wait_for(KIND, KEY).value
            assert [key for kind, key in translator.state if kind == 11] == [KEY.encode()]
            translator.set_status(KIND, KEY, generation=2)
            assert wait_condition(kube, "True", 2)["message"] == "Valid ContourConfiguration"
            change(kube, "1.2")
            translator.wait_for(KIND, KEY, lambda now: b"1.2" in now.value)
            translator.set_status(KIND, KEY, generation=3)
            wait_condition(kube, "True", 3)
            # Bad again: the former one stays in force.
            translator.changes()
            change(kube, "1.4")
            wait_condition(kube, "False", 4)
            code, why = watcher.ask("/readyz")
            assert code == 200 and "degraded: the configuration stays as it was" in why
            assert watcher.metrics()["portolan_watcher_config_refused"] == 1
            # Remarks on the one in force do not go to the refused one.
            translator.set_status(KIND, KEY, 1, [("NoEffect", "a")], generation=3)
            # Gone: the former one still stays in force.
            kube.client.delete(configuration("1.4"))
            watcher.wait_logged("gateways/main does not exist: the configuration stays as it was")
            code, why = watcher.ask("/readyz")
            assert code == 200 and "gateways/main does not exist" in why
            assert translator.changes() == []
            kube.client.create(configuration("1.3"))
            translator.wait_for(KIND, KEY, lambda now: b"1.3" in now.value)
            assert "ContourConfiguration" not in watcher.ask("/readyz")[1]
            assert watcher.metrics()["portolan_watcher_config_refused"] == 0
            assert watcher.metrics()["portolan_kube_status_failures_total"] == 0
            # A watcher that starts again while it is bad, or gone, goes on with the last good one.
            change(kube, "1.4")
            wait_condition(kube, "False", 2)
        for reason in ("is refused: spec.envoy", "does not exist"):
            watcher.restart()
            code, why = watcher.ask("/readyz")
            assert code == 200
            assert f"stays as it was: ContourConfiguration gateways/main {reason}" in why
            with watcher.translator() as translator:
                assert b"1.3" in translator.wait_for(KIND, KEY).value
            kube.client.request("DELETE", kube.client.path_of(configuration("")))
    finally:
        watcher.close()


def test_one_without_a_name_is_told_what_is_wrong(kube, tmp_path):
    """By the translator: a wrong field counts as absent."""
    kube.client.create(configuration("1.4", *KEY.split("/")))
    with KubeWatcher(kube, tmp_path / "w") as watcher:
        translator = Stage("translator", watcher.dir)
        try:
            translator.start()
            condition = wait_condition(kube, "False", 1, *KEY.split("/"))
            assert "minimumProtocolVersion" in condition["errors"][0]["message"]
            kube.client.patch(configuration("", *KEY.split("/")), {"spec": configuration("1.3")["spec"]})
            wait_condition(kube, "True", 2, *KEY.split("/"))
        finally:
            translator.close()


@pytest.mark.parametrize("options, said", [
    (["--contour-config-name", "a", "--config", "/dev/null", "--in-cluster"], "give one of them"),
    (["--contour-config-namespace", "a", "--in-cluster"], "goes with --contour-config-name"),
    (["--contour-config-name", "a", "--manifests", "/dev/null"], "portolan/portolan counts"),
    (["--contour-config-name", "A b", "--kubeconfig", "KUBECONFIG"], '--contour-config-name: "A b": must be'),
    (["--contour-config-name", "a", "--contour-config-namespace", "b.c", "--kubeconfig", "KUBECONFIG"],
     '--contour-config-namespace: "b.c": must be'),
])
def test_options_that_cannot_be_are_refused(tmp_path, options, said):
    config = tmp_path / "kubeconfig"
    config.write_text("""
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: a, context: {cluster: a}}]
current-context: a
""")
    (tmp_path / "run").mkdir(mode=0o700)
    options = [config if word == "KUBECONFIG" else word for word in options]
    done = subprocess.run([program("portolan-watcher"), "--runtime-dir", tmp_path / "run", *options],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78 and said in done.stderr
