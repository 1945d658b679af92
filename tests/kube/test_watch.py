"""The watcher follows a real API server: existing objects, changes, failures."""

import signal

import pytest
import yaml

from crds import shipped
from kube import poll
from kube_watcher import KINDS, KubeWatcher, stopped
from objects import ingress, path, rule, service

def secret(name, namespace, type, **data):
    return {"apiVersion": "v1", "kind": "Secret", "type": type, "stringData": data,
            "metadata": {"name": name, "namespace": namespace}}


def endpoint_slice(name, namespace, *addresses):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": name, "namespace": namespace},
            "endpoints": [{"addresses": [a]} for a in addresses], "ports": [{"port": 80}]}


def web(name, namespace, host="web.example"):
    return ingress(name, rule(host, path(name)), namespace=namespace)


def proxy(name, namespace):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"virtualhost": {"fqdn": "proxy.example"}}}


def config_map(name, namespace, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": {"name": name, "namespace": namespace}}


def test_objects_of_every_built_in_kind_come_change_and_go(kube, namespace, tmp_path):
    objects = [
        (web("a", namespace), {"spec": {"rules": [{"host": "other.example"}]}}),
        (service("a", namespace=namespace), {"spec": {"externalTrafficPolicy": None,
                                                      "ports": [{"port": 81}]}}),
        (endpoint_slice("a", namespace, "10.0.0.9"), {"endpoints": []}),
        (secret("a", namespace, "Opaque", x="1"), {"data": {"x": "Mg=="}}),
        (config_map("a", namespace, **{"ca.crt": "1"}), {"data": {"ca.crt": "2"}}),
        ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{namespace}-x"}},
         {"metadata": {"labels": {"a": "b"}}}),
        ({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
          "metadata": {"name": namespace}, "spec": {"controller": "a.example/b"}},
         {"metadata": {"annotations": {"a": "b"}}}),
    ]
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        for item, change in objects:
            kind, meta = item["kind"], item["metadata"]
            key = f"{meta.get('namespace', '')}/{meta['name']}"
            kube.client.create(item)
            first = seen.wait_for(kind, key)
            kube.client.patch(item, change)
            seen.wait_for(kind, key, lambda now: now and now.value != first.value)
            if kind == "Namespace":
                kube.delete_namespace(meta["name"])
            else:
                kube.client.delete(item)
            seen.wait_gone(kind, key)
        assert seen.mirror.snapshots == 1
        metrics = watcher.metrics()
        # All of it on one connection: a list and a watch each.
        assert metrics["portolan_kube_connections_total"] == 1
        for kind in {item["kind"] for item, _ in objects}:
            assert metrics[f'portolan_kube_lists_total{{kind="{kind}"}}'] == 1
            assert metrics[f'portolan_kube_watches_total{{kind="{kind}"}}'] == 1
            assert metrics[f'portolan_kube_events_total{{kind="{kind}"}}'] >= 3


def test_what_nobody_reads_changes_nothing(kube, namespace, tmp_path):
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        item = kube.client.create(web("a", namespace))
        kube.client.create(service("a", namespace=namespace))
        # Events of two kinds come in any order.
        seen.wait_for("Ingress", f"{namespace}/a")
        seen.wait_for("Service", f"{namespace}/a")
        seen.changes()
        kube.client.patch(item, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}},
                          sub="status")
        last = "kubectl.kubernetes.io/last-applied-configuration"
        kube.client.patch(item, {"metadata": {"annotations": {last: "{}"}}})
        kube.client.patch(item, {"metadata": {"finalizers": ["tests.example/stay"]}})
        kube.client.patch(item, {"metadata": {"finalizers": None}})
        # Events of one kind come in order: with this one, those before have come.
        kube.client.create(web("b", namespace))
        seen.wait_for("Ingress", f"{namespace}/b")
        assert seen.changes() == [("Ingress", f"{namespace}/b")]


def test_secrets_that_can_not_be_used_are_left_out(kube, namespace, tmp_path):
    docker = secret("docker", namespace, "kubernetes.io/dockerconfigjson")
    docker["stringData"] = {".dockerconfigjson": '{"auths": {"hidden": {}}}'}
    for item in (
        secret("release", namespace, "helm.sh/release.v1", release="hidden"),
        docker,
        config_map("other", namespace, text="hidden"),
        secret("tls", namespace, "kubernetes.io/tls", **{"tls.crt": "shown", "tls.key": "k"}),
        config_map("ca", namespace, **{"ca.crt": "shown", "other": "hidden"}),
    ):
        kube.client.create(item)
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        seen.wait_for("Secret", f"{namespace}/tls")
        assert seen.get("Secret", f"{namespace}/release") is None
        assert b"shown" in seen.get("Secret", f"{namespace}/tls").value
        assert b"shown" in seen.get("ConfigMap", f"{namespace}/ca").value
        assert seen.get("Secret", f"{namespace}/docker") is not None
        assert not [item.key for item in seen.state.values() if b"hidden" in item.value]


@pytest.mark.parametrize("how", ["not", "by an option", "by the configuration"])
def test_the_settings_of_ingress_nginx_are_read_where_it_is_served(kube, namespace, tmp_path, how):
    """Its controller's ConfigMap, and those that this names. Of other ConfigMaps only a CA bundle
    is kept."""
    config = tmp_path / "portolan.yaml"
    config.write_text("ingressNginx: {enabled: true}\n")
    options = {"not": [], "by an option": ["--ingress-nginx"], "by the configuration": ["--config", config]}[how]
    settings = config_map("controller", namespace)
    settings["data"] = {"global-auth-url": "http://auth.example/", "ca.crt": "a bundle"}
    kube.client.create(settings)
    with KubeWatcher(kube, tmp_path / "w", *options) as watcher, watcher.objects() as seen:
        kept = seen.wait_for("ConfigMap", f"{namespace}/controller").value
        assert b"a bundle" in kept
        assert (b"auth.example" in kept) == (how != "not")


def test_only_the_namespaces_asked_for_are_watched(kube, namespace, tmp_path):
    other = f"{namespace}-other"
    kube.create_namespace(other)
    try:
        for place in (namespace, other, "default"):
            kube.client.apply(config_map("mine", place))
        with KubeWatcher(kube, tmp_path / "w", "--watch-namespaces",
                         f"{namespace},{other}") as watcher, watcher.objects() as seen:
            seen.wait_for("ConfigMap", f"{namespace}/mine")
            found = {item.key.split(b"/")[0].decode() for item in seen.state.values()
                     if item.kind != KINDS["Namespace"]}
            assert found == {namespace, other}
            kube.client.create(service("late", namespace=other))
            seen.wait_for("Service", f"{other}/late")
    finally:
        kube.delete_namespace(other)


def test_a_killed_api_server_changes_nothing_and_is_found_again(own_kube, tmp_path):
    kube = own_kube
    for i in range(50):
        kube.client.create(config_map(f"m{i}", "default"))
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        seen.wait_for("ConfigMap", "default/m49")
        before = dict(seen.state)
        kube.kill_apiserver()
        end = watcher.wait_logged("Couldn't connect to server: trying again")
        status, why = watcher.ask("/readyz")
        assert status == 200 and "connect" in why
        assert dict(seen.state) == before
        kube.start_apiserver()
        watcher.wait_logged("answers again", since=end)
        # Kinds without a change say so as well, long before their watches end.
        poll(lambda: not [r for r in watcher.reasons() if r.startswith("kubernetes: ")], 60)
        kube.client.create(config_map("after", "default"))
        seen.wait_for("ConfigMap", "default/after")
        # Unchanged objects were not sent again.
        assert seen.changes() == [("ConfigMap", "default/after")]
        assert seen.mirror.snapshots == 1


def test_an_expired_version_is_listed_again(own_kube, tmp_path):
    kube = own_kube
    kube.client.create(config_map("stays", "default", **{"ca.crt": "1"}))
    kube.client.create(config_map("goes", "default"))
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        first = seen.wait_for("ConfigMap", "default/stays")
        seen.wait_for("ConfigMap", "default/goes")
        with stopped(watcher.process, signal.SIGCONT, signal.SIGSTOP):
            # Or the changes would wait for us in the socket.
            kube.restart_apiserver(signal.SIGKILL)
            kube.client.delete(config_map("goes", "default"))
            kube.client.patch(config_map("stays", "default"), {"data": {"ca.crt": "2"}})
            kube.client.create(config_map("comes", "default"))
            kube.expire_history()
        seen.wait_gone("ConfigMap", "default/goes")
        seen.wait_for("ConfigMap", "default/comes")
        assert seen.wait_for("ConfigMap", "default/stays").value != first.value
        assert watcher.kind("ConfigMap")["relists"] == 1
        assert "too old resource version" in watcher.logged()


def test_a_history_that_was_lost_is_noticed(own_kube, tmp_path):
    kube = own_kube
    kube.client.create(config_map("old", "default"))
    kube.save("before")
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        for i in range(20):
            kube.client.create(config_map(f"lost{i}", "default"))
        seen.wait_for("ConfigMap", "default/lost19")
        kube.rewind("before")
        seen.wait_gone("ConfigMap", "default/lost19", timeout=120)
        assert seen.get("ConfigMap", "default/old")
        assert not [k for k in seen.state if b"lost" in k[1]]
        # Its version is one that we had seen before.
        kube.client.create(config_map("new", "default"))
        seen.wait_for("ConfigMap", "default/new")


def test_a_server_that_has_gone_silent_is_left(own_kube, tmp_path):
    kube = own_kube
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        seen.wait_for("Namespace", "/default")
        with stopped(kube.apiserver.popen, signal.SIGCONT, signal.SIGSTOP):
            watcher.wait_logged("has gone silent: connecting again", timeout=120)
            assert watcher.ask("/readyz")[0] == 200
        kube.client.create(config_map("after", "default"))
        seen.wait_for("ConfigMap", "default/after")
        assert watcher.metrics()["portolan_kube_connections_dropped_total"] >= 1


def test_a_kind_whose_definition_comes_late_is_picked_up(own_kube, tmp_path):
    kube = own_kube
    with KubeWatcher(kube, tmp_path / "w") as watcher, watcher.objects() as seen:
        assert watcher.kind("HTTPProxy")["state"] == "absent"
        assert watcher.kind("HTTPProxy")["synced"]
        assert not [r for r in watcher.reasons() if "HTTPProxy" in r]
        assert "HTTPProxy" not in "".join(
            line for line in watcher.logged().splitlines() if " debug " not in line)
        kube.install(shipped()["HTTPProxy"])
        item = kube.client.create(proxy("a", "default"))
        assert b"proxy.example" in seen.wait_for("HTTPProxy", "default/a").value
        kube.client.patch(item, {"spec": {"virtualhost": {"fqdn": "other.example"}}})
        seen.wait_for("HTTPProxy", "default/a", lambda now: b"other.example" in now.value)
        kube.client.delete(shipped()["HTTPProxy"])
        seen.wait_gone("HTTPProxy", "default/a")
        watcher.wait_logged("HTTPProxy: the API server does not have this kind: waiting", timeout=120)


RBAC = "examples/rbac.yaml"


def rbac():
    from programs import TOP

    return [o for o in yaml.safe_load_all((TOP / RBAC).read_text()) if o]


def apply_rbac(kube, change=lambda item: item):
    kube.grant(change(item) for item in rbac())
    return kube.service_account_folder("portolan", "portolan")


@pytest.fixture
def account(own_kube):
    """The folder of a service account with exactly the rights of examples/rbac.yaml."""
    return apply_rbac(own_kube)


def test_a_rotated_token_is_used(own_kube, account, tmp_path):
    kube = own_kube
    with KubeWatcher(kube, tmp_path / "w", account=account) as watcher, watcher.objects() as seen:
        seen.wait_for("Namespace", "/default")
        (account / "token").write_text("worthless")
        kube.restart_apiserver()
        end = watcher.wait_logged("does not accept our credentials", timeout=120)
        assert watcher.ask("/readyz")[0] == 200
        kube.client.create(config_map("after", "default"))
        kube.service_account_folder("portolan", "portolan")
        watcher.wait_logged("token has changed", timeout=120, since=end)
        seen.wait_for("ConfigMap", "default/after", timeout=120)


def test_a_kind_that_we_may_not_read_is_named(own_kube, tmp_path):
    kube = own_kube

    def without_secrets(item):
        for one in item.get("rules", []):
            one["resources"] = [r for r in one["resources"] if r != "secrets"] or ["none"]
        return item

    account = apply_rbac(kube, without_secrets)
    watcher = KubeWatcher(kube, tmp_path / "w", account=account)
    try:
        watcher.start(ready=False)
        watcher.wait_logged("Secret: not allowed")
        status, why = watcher.ask("/readyz")
        assert status == 503
        assert 'Secret: not allowed (RBAC): secrets is forbidden: User ' \
               '"system:serviceaccount:portolan:portolan" cannot' in why
        assert why.count("not allowed") == 1
        assert watcher.status()["generation"] == 0
        apply_rbac(kube)
        watcher.wait_ready()
        assert watcher.ask("/readyz")[0] == 200
    finally:
        watcher.close()
