"""`portolan dump` of a real API server, and the output of `translate` and `diff` for it."""

import base64
import json
import stat
import subprocess

import pytest
import yaml

import objects
from certs import Authority
from crds import shipped
from programs import program

PORTOLAN = program("portolan")
KEYS = ["tls.crt", "tls.key"]


def portolan(kube, *words, **options):
    return kube.netns.run([PORTOLAN, *map(str, words)], check=False, timeout=60, **options)


def dump(kube, namespace, *words, **options):
    return portolan(kube, "dump", f"--kubeconfig={kube.admin_kubeconfig}", "-n", namespace, *words, **options)


def read(path):
    return [o for o in yaml.safe_load_all(path.read_text()) if o]


@pytest.fixture
def world(kube, namespace):
    certificate = Authority().issue("a.example")
    there = [
        objects.ingress("web", objects.rule("a.example", objects.path("web")), namespace=namespace,
                        tls=[("cert", "a.example")], annotations={"x.example/note": "a: b\n# c"}),
        objects.service("web", objects.port(80), namespace=namespace),
        objects.slice_of("web", 8080, "10.0.0.1", namespace=namespace),
        objects.tls_secret("cert", certificate, namespace=namespace),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "word", "namespace": namespace},
         "stringData": {"password": "hunter2"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": namespace},
         "data": {"use-http2": "true", "text": "line\n---\nkind: Secret\n"}},
    ]
    for o in there:
        kube.client.create(o)
    return there


def names(objs, namespace):
    return [(o["kind"], o["metadata"]["name"]) for o in objs if o["metadata"].get("namespace") == namespace]


def test_a_dump_has_everything_in_order_and_nobody_else_may_read_it(kube, namespace, world, tmp_path):
    done = dump(kube, namespace, "-o", tmp_path / "all.yaml")
    assert done.returncode == 0, done.stderr
    assert "IN CLEAR" in done.stderr and " 1 ingresses" in done.stderr
    assert stat.S_IMODE((tmp_path / "all.yaml").stat().st_mode) == 0o600
    found = read(tmp_path / "all.yaml")
    assert [n for n in names(found, namespace) if n[1] != "kube-root-ca.crt"] == [
        ("Ingress", "web"), ("Service", "web"), ("EndpointSlice", "web-1"),
        ("Secret", "cert"), ("Secret", "word"), ("ConfigMap", "settings")]
    assert {"Namespace"} <= {o["kind"] for o in found}
    [ingress] = [o for o in found if o["kind"] == "Ingress"]
    assert ingress["metadata"]["annotations"] == world[0]["metadata"]["annotations"]
    assert not {"managedFields", "uid", "resourceVersion"} & set(ingress["metadata"])
    assert ingress["spec"] == world[0]["spec"]
    again = dump(kube, namespace, "-o", "-")
    assert again.stdout == (tmp_path / "all.yaml").read_text()


def test_redacted_the_secrets_are_out_and_translation_says_the_same(kube, namespace, world, tmp_path):
    clear, redacted = tmp_path / "clear.yaml", tmp_path / "redacted.yaml"
    assert dump(kube, namespace, "-o", clear).returncode == 0
    done = dump(kube, namespace, "--redact", "-o", redacted)
    assert done.returncode == 0 and "IN CLEAR" not in done.stderr
    text = redacted.read_text()
    key = world[3]["stringData"]["tls.key"]
    for secret in ("hunter2", base64.b64encode(b"hunter2").decode(), base64.b64encode(key.encode()).decode()):
        assert secret not in text
    assert base64.b64encode(b"hunter2").decode() in clear.read_text()
    secrets = {o["metadata"]["name"]: o for o in read(redacted) if o["kind"] == "Secret"}
    assert sorted(secrets["cert"]["data"]) == KEYS and secrets["cert"]["type"] == "kubernetes.io/tls"
    assert list(secrets["word"]["data"]) == ["password"]

    def statuses(path):
        done = subprocess.run([PORTOLAN, "translate", "--print", "json", path], capture_output=True, text=True,
                              timeout=60)
        return [(s["kind"], s["name"], s["verdict"]) for s in json.loads(done.stdout)["statuses"]]

    assert statuses(redacted) == statuses(clear)
    assert ("Ingress", "web", "accepted") in statuses(redacted)


def test_a_key_makes_redacted_dumps_equal(kube, namespace, world, tmp_path):
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    texts = []
    for i in range(2):
        done = dump(kube, namespace, "--redact", "--redact-key", tmp_path / "key", "-o", "-")
        assert done.returncode == 0, done.stderr
        texts.append([o for o in yaml.safe_load_all(done.stdout) if o and o["kind"] == "Secret" and
                      o["metadata"]["name"] == "word"])
    assert texts[0] == texts[1] and texts[0][0]["data"]["password"]


def test_a_directory_gets_a_file_a_kind(kube, namespace, world, tmp_path):
    done = dump(kube, namespace, "-o", f"{tmp_path}/dump/")
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "dump").iterdir())
    assert {f.name.split("-", 1)[1] for f in files} >= {"ingresses.yaml", "services.yaml", "secrets.yaml"}
    for f in files:
        assert stat.S_IMODE(f.stat().st_mode) == 0o600
        assert len({o["kind"] for o in read(f)}) == 1
    done = dump(kube, namespace, "-o", f"{tmp_path}/dump/")
    assert done.returncode == 1 and "not empty" in done.stderr


def test_contours_kinds_and_gateway_api_are_in_it(gateway_kube, namespace, tmp_path):
    kube = gateway_kube
    for definition in shipped().values():
        kube.install(definition)
    proxy = objects.proxy("p", {"services": [{"name": "web", "port": 80}]}, fqdn="p.example", namespace=namespace)
    kube.client.create(proxy)
    kube.client.create({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                        "metadata": {"name": "r", "namespace": namespace},
                        "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}})
    done = dump(kube, namespace, "-o", tmp_path / "all.yaml")
    assert done.returncode == 0, done.stderr
    found = {o["kind"]: o for o in read(tmp_path / "all.yaml")}
    assert found["HTTPProxy"]["spec"]["virtualhost"] == proxy["spec"]["virtualhost"]
    assert found["HTTPRoute"]["apiVersion"] == "gateway.networking.k8s.io/v1"


def test_what_may_not_be_listed_is_said_and_the_rest_is_there(kube, namespace, world, tmp_path):
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "reader", "namespace": namespace}}
    kube.grant([
        {**rbac, "kind": "Role", "rules": [
            {"apiGroups": ["", "networking.k8s.io", "discovery.k8s.io"], "verbs": ["list"],
             "resources": ["ingresses", "services", "endpointslices", "configmaps"]}]},
        {**rbac, "kind": "RoleBinding",
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
         "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}]}])
    config = kube.kubeconfig("reader", kube.user("reader"))
    done = portolan(kube, "dump", f"--kubeconfig={config}", "-n", namespace, "-o", tmp_path / "all.yaml")
    assert done.returncode == 1
    assert f"secrets in namespace {namespace}: not allowed to list them" in done.stderr
    kinds = {o["kind"] for o in read(tmp_path / "all.yaml")}
    assert {"Ingress", "Service", "EndpointSlice"} <= kinds and "Secret" not in kinds


def test_diff_against_the_cluster(kube, namespace, world, tmp_path):
    changed = json.loads(json.dumps(world[0]))
    changed["spec"]["rules"][0]["host"] = "b.example"
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(changed))
    done = portolan(kube, "diff", "--against", "live", f"--kubeconfig={kube.admin_kubeconfig}", "-n", namespace,
                    tmp_path / "new.yaml")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "host removed" in done.stdout and "https://a.example" in done.stdout
    assert "+ host added         http://b.example" in done.stdout


def test_a_cluster_that_is_away_is_no_answer(tmp_path):
    config = tmp_path / "kubeconfig"
    config.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
    done = subprocess.run([PORTOLAN, "dump", f"--kubeconfig={config}", "-o", tmp_path / "all.yaml"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cannot list" in done.stderr, done.stderr
    assert not (tmp_path / "all.yaml").exists()
