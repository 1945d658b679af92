"""The image: built by buildah without a daemon, twice the same, small, and with nothing superfluous
in it; run by runc under the profile `restricted`. There is no registry here: a Debian made by
debootstrap replaces the base that the Containerfile pins."""

import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile

import pytest

from container import Container
from kube import poll
from netns import NetworkNamespace, Unavailable
from programs import SANITIZED, TOP, missing
from objects import ingress, path, rule, service

pytestmark = pytest.mark.xdist_group("image")
BASE = "localhost/portolan-base:debootstrap"
STAGES = ("watcher", "translator", "xds-server", "admin", "recorder", "supervisor", "certgen", "envoy-shutdown",
          "passwords", "xds-client")


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


class Store:
    """buildah's, of the tests' own."""

    def __init__(self, folder):
        self.options = ["--root", folder / "store", "--runroot", folder / "run", "--storage-driver", "overlay"]
        base = subprocess.run([TOP / "scripts/image-base"], capture_output=True, text=True)
        if base.returncode == 77:
            missing(base.stderr.strip())
        assert base.returncode == 0, base.stderr
        container = self.buildah("from", "scratch")
        mounted = self.buildah("mount", container)
        run("cp", "-a", f"{base.stdout.strip()}/.", mounted)
        self.buildah("umount", container)
        self.buildah("commit", "--quiet", container, BASE)
        self.buildah("rm", container)

    def buildah(self, *words):
        return run("buildah", *self.options, *words)

    def build(self, checkout, output):
        return run(checkout / "scripts/image", "--base", BASE, "--output", output, env={
            **os.environ, "STORAGE_OPTS": " ".join(map(str, self.options)), "SOURCE_DATE_EPOCH": "1700000000"})


@pytest.fixture(scope="module")
def folder():
    if os.geteuid() != 0:
        missing("only root can build and run images in these tests")
    for name in ("buildah", "runc", "debootstrap"):
        if not shutil.which(name):
            missing(f"not installed: {name} (scripts/deps --install node)")
    if SANITIZED:
        pytest.skip("the image is built anew, without sanitizers")
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-image-"))
    yield path
    subprocess.run(["umount", "-l", path / "store/overlay"], capture_output=True)
    shutil.rmtree(path, ignore_errors=True)


def checkout(folder, name):
    """The files that git would have, in another folder; of another time."""
    to = folder / name
    files = run("git", "-C", TOP, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, files):
        source = TOP / name
        if source.is_symlink() or source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name, follow_symlinks=False)
            if not source.is_symlink():
                os.utime(to / name, (1, 1))
    return to


@pytest.fixture(scope="module")
def archives(folder):
    """Two, from two folders."""
    checkouts = [checkout(folder, name) for name in ("one", "a-longer-name/two")]
    store = Store(folder)
    for made in checkouts:
        store.build(made, folder / f"{made.name}.tar")
    return [folder / f"{made.name}.tar" for made in checkouts]


class Image:
    def __init__(self, archive, folder):
        self.dir = folder / "layout"
        with tarfile.open(archive) as tar:
            tar.extractall(self.dir, filter="data")
        [self.manifest] = json.loads((self.dir / "index.json").read_text())["manifests"]
        self.config = self.blob(self.blob(self.manifest)["config"])
        self.layers = self.blob(self.manifest)["layers"]
        self.root = folder / "root"
        self.members = []
        for layer in self.layers:
            with tarfile.open(self.path(layer)) as tar:
                self.members += tar.getmembers()
                tar.extractall(self.root, filter=lambda member, _: member)

    def path(self, descriptor):
        return self.dir / "blobs" / descriptor["digest"].replace(":", "/")

    def blob(self, descriptor):
        return json.loads(self.path(descriptor).read_text())

    def files(self):
        return {"/" + m.name.removeprefix("./").strip("/") for m in self.members}


@pytest.fixture(scope="module")
def image(archives, folder):
    return Image(archives[0], folder)


def test_two_checkouts_give_the_same_image(archives):
    digests = {hashlib.file_digest(open(a, "rb"), "sha256").hexdigest() for a in archives}
    manifests = set()
    for archive in archives:
        with tarfile.open(archive) as tar:
            manifests.add(json.load(tar.extractfile("index.json"))["manifests"][0]["digest"])
    assert len(manifests) == 1, digests


def test_it_is_small(image):
    assert sum(m.size for m in image.members) < 45_000_000
    assert sum(layer["size"] for layer in image.layers) < 20_000_000


def test_each_program_is_in_it_and_nothing_that_helps_an_intruder(image):
    files = image.files()
    assert "/usr/bin/portolan" in files
    assert {f"/usr/libexec/portolan/portolan-{s}" for s in STAGES} <= files
    assert {f for f in files if re.match(r"/(usr/)?s?bin/.", f)} == {"/usr/bin/portolan"}
    executable = {"/" + m.name.removeprefix("./") for m in image.members if m.isfile() and m.mode & 0o111}
    assert {f for f in executable if not f.startswith("/usr/lib")} == {"/usr/bin/portolan"}
    assert {f for f in executable if f.startswith("/usr/libexec")} == {f"/usr/libexec/portolan/portolan-{s}" for s in STAGES}
    for m in image.members:
        assert not m.mode & (stat.S_ISUID | stat.S_ISGID), m.name
        if not m.issym() and m.mode & stat.S_IWOTH:
            assert m.name.strip("./") == "tmp" and m.mode & stat.S_ISVTX
        assert (m.uid, m.gid) == (0, 0)


def test_every_library_that_is_needed_is_in_it(image):
    names = {os.path.basename(f) for f in image.files()}
    for f in image.files():
        inside = image.root / f.lstrip("/")
        if inside.is_symlink() or not inside.is_file() or inside.read_bytes()[:4] != b"\x7fELF":
            continue
        listed = run("readelf", "-d", inside)
        for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", listed):
            assert needed in names, f"{f} needs {needed}"
        # Paths of the build would tell where it was made, and differ from build to build.
        assert b"/src/common" not in inside.read_bytes(), f


def test_it_says_what_it_is_and_runs_as_nobody_in_particular(image):
    config = image.config["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/usr/bin/portolan"] and config["StopSignal"] == "SIGTERM"
    version = re.search(r"AC_INIT\(\[portolan\], \[(.*?)\]", (TOP / "configure.ac").read_text())[1]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == version
    assert labels["org.opencontainers.image.created"] == "2023-11-14T22:13:20Z"
    assert {f"org.opencontainers.image.{k}" for k in ("title", "description", "revision")} <= set(labels)
    assert "/etc/passwd" in image.files()


def test_scanners_find_every_package_and_its_licence(image):
    packages = set(os.listdir(image.root / "var/lib/dpkg/status.d"))
    assert len(packages) > 35 and {"libc6", "libgrpc29", "libssl3"} <= packages
    for package in packages:
        assert (image.root / "usr/share/doc" / package / "copyright").stat().st_size > 0
        said = (image.root / "var/lib/dpkg/status.d" / package).read_text()
        assert f"Package: {package}\n" in said and re.search(r"^Version: \S", said, re.M)
    sbom = json.loads((image.root / "usr/share/portolan/sbom.spdx.json").read_text())
    assert sbom["spdxVersion"] == "SPDX-2.3"
    assert {p["name"] for p in sbom["packages"]} == packages | {"portolan"}


def test_the_base_is_pinned_and_the_context_is_an_allow_list():
    [base] = re.findall(r"^ARG BASE=(\S+)$", (TOP / "Containerfile").read_text(), re.M)
    assert re.fullmatch(r"docker\.io/library/debian:bookworm-slim@sha256:[0-9a-f]{64}", base)
    froms = re.findall(r"^FROM (\S+)", (TOP / "Containerfile").read_text(), re.M)
    assert froms == ["${BASE}", "scratch"]
    rules = [l for l in (TOP / ".dockerignore").read_text().splitlines() if l and not l.startswith("#")]
    assert rules[0] == "*"
    allowed = {r[1:] for r in rules if r.startswith("!")}
    assert all((TOP / a).exists() for a in allowed)
    assert not allowed & {".git", "tests", "docs", "build", "bench", "examples"}


# ---- running it ----


@pytest.fixture
def pod(image, folder):
    """Volumes as a pod's, a network, and containers of the image in it."""
    with NetworkNamespace() as netns, tempfile.TemporaryDirectory(dir=folder) as scratch:
        here = pathlib.Path(scratch)
        volume, manifests = here / "volume", here / "manifests"
        for made in (volume, manifests):
            made.mkdir()
        # Like the kubelet's emptyDir in memory.
        run("mount", "-t", "tmpfs", "-o", "size=64m,mode=3777,gid=65532", "none", volume)
        containers = {}

        def start(stage, *args, uid=65532):
            containers[stage] = Container(
                here, stage, image.root, [f"/usr/libexec/portolan/portolan-{stage}", *args], netns=netns, uid=uid,
                mounts={"/run/portolan": volume, "/tmp": manifests}, env=["RUNTIME_DIRECTORY=/run/portolan"])
            return containers[stage]

        start.netns, start.manifests, start.volume = netns, manifests, volume
        try:
            yield start
        finally:
            for container in containers.values():
                container.close()
            run("umount", "-l", volume)


def wait_ready(container, stage):
    try:
        poll(lambda: container.exec("/usr/bin/portolan", "health", "--ready", stage).returncode == 0)
    except TimeoutError:
        raise AssertionError(container.logged()) from None


@pytest.mark.parametrize("uid", [65532, 1000680000], ids=["usual", "openshift"])
def test_the_stages_run_in_containers_of_their_own_and_come_back(pod, uid):
    (pod.manifests / "web.yaml").write_text(json.dumps(service("web")) + "\n---\n" +
                                            json.dumps(ingress("web", rule("web.example.com", path("web")))))
    for p in pod.manifests.iterdir():
        p.chmod(0o644)
    pod.manifests.chmod(0o755)
    arguments = {"watcher": ["--manifests", "/tmp"], "translator": [],
                 "xds-server": [], "admin": []}
    running = {stage: pod(stage, *words, uid=uid) for stage, words in arguments.items()}
    for stage, container in running.items():
        wait_ready(container, stage)
    assert "sandbox lacks" not in "".join(c.logged() for c in running.values())
    said = running["admin"].exec("/usr/bin/portolan", "status", "ingress/default/web")
    assert "Ingress default/web: accepted" in said.stdout, said.stderr
    for stage in arguments:
        running[stage].kill()
        running[stage].close()
        shutil.rmtree(running[stage].dir)
        running[stage] = pod(stage, *arguments[stage], uid=uid)
        wait_ready(running[stage], stage)
    for stage, container in running.items():
        assert container.kill("TERM") == 0, stage


def test_it_cannot_write_anywhere_but_to_its_volumes(pod):
    admin = pod("admin")
    wait_ready(admin, "admin")
    for path_inside in ("/x", "/usr/x", "/etc/x", "/var/lib/x"):
        done = admin.exec("/usr/bin/portolan", "bootstrap", path_inside)
        assert done.returncode == 1 and "Read-only file system" in done.stderr, done.stderr
