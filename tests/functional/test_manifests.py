"""The watcher over files: its messages, once and while it watches."""

import json
import os
import resource
import subprocess

import pytest

import frames
import offline
from certs import Authority
from events import Deadline, Growing
from objects import app, tls_secret
from programs import program
from stage import Manifests, Stage

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n"
PATH_TYPE = ("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec:\n  rules:\n"
             "  - http:\n      paths:\n      - pathType: 5\n"
             "        backend: {service: {name: web, port: {number: 80}}}\n")


def once(*args, **more):
    command = [program("portolan-watcher"), "--once", *map(str, args)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **more)


def test_once_names_file_document_line_and_field(folder):
    (folder / "web.yaml").write_text(f"{GOOD}---\n{PATH_TYPE}")
    done = once("--manifests", folder / "web.yaml", "--write-stream", "-")
    assert done.returncode == 1
    assert (f"{folder}/web.yaml, document 2, line 12: spec.rules[0].http.paths[0].pathType: must be a "
            "string, not a number: quote it") in done.stderr.decode()
    # The neighbour is in the stream all the same, with a note for objects that refer to the other.
    assert sorted(key for _, key in offline.read_state(done.stdout)) == [b"1 default/web", b"default/good"]


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


def test_what_could_not_be_read_for_a_moment_is_there_as_soon_as_somebody_asks_for_all_changes(watcher):
    """By itself the watcher tries again after two seconds."""
    pid = watcher.process.pid
    had = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with Growing(watcher.log) as log:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, had[1]))
        try:
            watcher.manifests.write("a.yaml", *app("a", "10.0.0.1", 80))
            log.wait_for("a.yaml.*Too many open files", 60)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, had)
    sync(watcher)
    assert '"a"' in watcher.get("/debug/objects")


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


# ---- volumes ----


class Volume:
    """A file system in memory, in the mount namespace of a watcher."""

    def __init__(self, stage, path):
        self.stage, self.path = stage, path

    def run(self, *words):
        subprocess.run(["nsenter", "-t", str(self.stage.process.pid), "-m", "--", *map(str, words)], check=True)

    def mount(self, *files):
        # Prepared aside: the watcher sees it whole.
        aside = self.stage.dir / "aside"
        aside.mkdir(exist_ok=True)
        self.path.mkdir(exist_ok=True)
        self.run("mount", "-t", "tmpfs", "tmpfs", aside)
        for name, text in files:
            self.run("sh", "-c", f"cat > {aside}/{name} <<'E'\n{text}E")
        self.run("mount", "--move", aside, self.path)

    def umount(self, *options):
        self.run("umount", *options, self.path)


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"


@pytest.fixture
def watcher_of_volumes(folder):
    """A watcher with a mount namespace of its own, over a folder and its subfolders."""
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("only root can mount")
    for name in ("run", "manifests"):
        (folder / name).mkdir(mode=0o700)
    stage = Stage("watcher", folder / "run", "--manifests", folder / "manifests")
    stage.prefix = ["unshare", "-m", "--propagation", "private"]
    yield stage.start()
    stage.close()


def names(stage):
    return sorted(f"{o['namespace']}/{o['name']}" for o in json.loads(stage.get("/debug/objects")) if o["kind"] == "ConfigMap")


def wait_for(stage, wanted):
    deadline = Deadline(60)
    while names(stage) != wanted:
        deadline.left(f"{wanted}; there are {names(stage)}")


@pytest.mark.parametrize("place", ["manifests", "manifests/below"])
@pytest.mark.parametrize("how", [[], ["--lazy"]])
def test_an_unmounted_volume_withdraws_nothing_and_a_mount_is_noticed(watcher_of_volumes, folder, place, how):
    stage, volume = watcher_of_volumes, Volume(watcher_of_volumes, folder / place)
    volume.mount(("a.yaml", CONFIG_MAP.format("a")), ("b.yaml", CONFIG_MAP.format("b")))
    wait_for(stage, ["default/a", "default/b"])
    assert "gone" not in stage.get("/readyz")

    volume.umount(*how)
    deadline = Deadline(60)
    while f"the volume at {folder / place} is gone" not in stage.get("/readyz"):
        deadline.left("it says so")
    json.loads(stage.get("/debug/sync"))
    assert names(stage) == ["default/a", "default/b"]
    assert f"the volume at {folder / place} is gone" in stage.logged()

    volume.mount(("b.yaml", CONFIG_MAP.format("b")), ("c.yaml", CONFIG_MAP.format("c")))
    wait_for(stage, ["default/b", "default/c"])
    assert "gone" not in stage.get("/readyz")


def test_what_is_written_into_the_mount_point_is_the_new_content(watcher_of_volumes, folder):
    stage, volume = watcher_of_volumes, Volume(watcher_of_volumes, folder / "manifests" / "below")
    volume.mount(("a.yaml", CONFIG_MAP.format("a")))
    wait_for(stage, ["default/a"])
    volume.umount()
    (folder / "manifests" / "below" / "new.yaml").write_text(CONFIG_MAP.format("new"))
    wait_for(stage, ["default/new"])
    (folder / "manifests" / "below" / "new.yaml").unlink()
    wait_for(stage, [])
