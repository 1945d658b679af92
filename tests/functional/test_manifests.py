"""The watcher over files: what it says of them, once and while it watches."""

import json
import subprocess

import pytest

import frames
import offline
from certs import Authority
from objects import app, tls_secret
from programs import program
from stage import Manifests, Stage

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n"
PATH_TYPE = ("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec:\n  rules:\n"
             "  - http:\n      paths:\n      - pathType: 5\n")


def once(*args, **more):
    command = [program("portolan-watcher"), "--once", *map(str, args)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, **more)


def test_once_names_file_document_line_and_field(folder):
    (folder / "web.yaml").write_text(f"{GOOD}---\n{PATH_TYPE}")
    done = once("--manifests", folder / "web.yaml", "--write-stream", "-")
    assert done.returncode == 1
    assert (f"{folder}/web.yaml, document 2, line 12: spec.rules[0].http.paths[0].pathType: must be a "
            "string, not a number: quote it") in done.stderr.decode()
    # The neighbour is in the stream all the same.
    assert [key for _, key in offline.read_state(done.stdout)] == [b"default/good"]


def test_once_is_content_with_warnings(folder):
    (folder / "web.yaml").write_text(GOOD + "typo: 1\n")
    done = once("--manifests", folder)
    assert done.returncode == 0
    assert "document 1, line 4: typo: unknown field, not read" in done.stderr.decode()


def test_once_reads_standard_input(folder):
    done = once("--manifests", "-", "--write-stream", folder / "stream", input=GOOD.encode())
    assert done.returncode == 0 and not done.stdout
    assert (folder / "stream").stat().st_mode & 0o777 == 0o600
    assert len(offline.read_state((folder / "stream").read_bytes())) == 1


def test_once_writes_the_same_bytes_again_but_for_what_names_the_run(folder):
    for i in range(30):
        (folder / f"{i}.json").write_text("\n".join(json.dumps(o) for o in app(f"a{i}", "10.0.0.1", 80)))
    states = [offline.read_state(once("--manifests", folder, "--write-stream", "-").stdout) for _ in "ab"]
    assert len(states[0]) == 90
    assert states[0] == states[1] and states[0].digest() == states[1].digest()


@pytest.mark.parametrize("args, said", [
    (["--manifests", "/nowhere"], "cannot read /nowhere: No such file or directory"),
    ([], "--once needs --manifests PATH"),
])
def test_once_says_what_it_lacks(args, said):
    done = once(*args)
    assert done.returncode in (1, 2) and said in done.stderr.decode()


@pytest.fixture
def watcher(folder):
    manifests = Manifests(folder / "m")
    watcher = Stage("watcher", folder / "run", "--manifests", manifests.path)
    watcher.dir.mkdir(mode=0o700)
    watcher.manifests = manifests
    yield watcher.start()
    watcher.close()


def sync(watcher):
    return json.loads(watcher.get("/debug/sync"))["source"]


def test_a_change_of_one_file_is_a_delta_of_its_objects(watcher):
    for i in range(20):
        watcher.manifests.write(f"a{i}.yaml", *app(f"a{i}", "10.0.0.1", 80))
    with frames.connect(watcher.dir / "objects.sock", "reader") as reader:
        reader.wait_source(sync(watcher))
        seen = reader.mirror.deltas
        watcher.manifests.write("a7.yaml", *app("a7", "10.0.0.2", 80))
        reader.wait_source(sync(watcher))
        assert reader.mirror.deltas == seen + 1
        _, puts, removes = reader.mirror.log[-1]
        assert [offline.KINDS[kind] for kind, _ in puts] == ["EndpointSlice"] and not removes
        watcher.manifests.remove("a7.yaml")
        reader.wait_source(sync(watcher))
        _, puts, removes = reader.mirror.log[-1]
        assert not puts and len(removes) == 3


def test_pages_list_objects_and_never_their_data(watcher):
    secret = tls_secret("tls", Authority().issue("a.example.com"))
    watcher.manifests.write("s.yaml", secret, *app("web", "10.0.0.1", 80))
    sync(watcher)
    body = watcher.get("/debug/objects")
    rows = json.loads(body)
    assert {(r["kind"], r["namespace"], r["name"]) for r in rows} >= {
        ("Secret", "default", "tls"), ("Ingress", "default", "web")}
    assert next(r for r in rows if r["kind"] == "Secret")["origin"].endswith("/s.yaml:1")
    key = secret["stringData"]["tls.key"].splitlines()[1]
    assert key not in body and key not in watcher.get("/debug/statuses") and key not in watcher.logged()
    assert [r["name"] for r in json.loads(watcher.get("/debug/objects?kind=svc&namespace=default"))] == ["web"]
    assert json.loads(watcher.get("/debug/objects?kind=nothing")) == []


def test_a_problem_is_logged_once_and_told_until_it_is_mended(watcher):
    watcher.manifests.write_text("a.yaml", PATH_TYPE)
    sync(watcher)
    watcher.manifests.write_text("a.yaml", PATH_TYPE + "# a comment\n")
    sync(watcher)
    assert watcher.logged().count("pathType: must be a string, not a number: quote it") == 1
    status, = json.loads(watcher.get("/debug/statuses?kind=Ingress&name=web"))
    assert status["verdict"] == "rejected"
    assert status["problems"][0]["field"] == "spec.rules[0].http.paths[0].pathType"
    assert watcher.metrics()["portolan_manifests_unreadable_documents"] == 1
    watcher.manifests.write_text("a.yaml", PATH_TYPE.replace("5", "Prefix"))
    sync(watcher)
    assert json.loads(watcher.get("/debug/statuses")) == []
    assert watcher.metrics()["portolan_manifests_unreadable_documents"] == 0
