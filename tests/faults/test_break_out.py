"""Each stage tries to get out of its sandbox, from inside: the programs are the real ones, built with a
page that asks for it (tests/faults/break-out.c)."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess

import pytest

from certs import Authority
from programs import BUILD, SANITIZED, missing, program
from stage import Stage, XdsServer, ask

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
STOPPED = {"EPERM", "EACCES", "ENOSYS"}
STAGES = ("translator", "xds-server", "watcher", "recorder", "admin")

pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer does what the sandbox forbids")


def arguments(name, folder):
    manifests = folder / "manifests"
    manifests.mkdir()
    (folder / "recorded").mkdir()
    return {"watcher": ["--manifests", manifests], "recorder": [folder / "recorded" / "recording"],
            "admin": ["--admin-address", "127.0.0.1:0"]}.get(name, [])


@pytest.fixture
def started(request, folder):
    """start(name, *arguments): a stage that can be asked to break out."""
    stages = []

    def start(name, *args, account=()):
        (folder / "run").mkdir(mode=0o700, exist_ok=True)
        args = args or arguments(name, folder)
        made = XdsServer(folder / "run", *args) if name == "xds-server" else Stage(name, folder / "run", *args)
        made.program = f"tests/faults/portolan-{name}"
        made.refusals = True
        made.prefix = list(account)
        made.env = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"} if account else {}
        stages.append(made)
        made.start(ready=False)
        made.ask("/readyz")  # who answers is in its sandbox
        if "the sandbox lacks" in made.logged():
            pytest.skip(made.logged().split("the sandbox lacks")[1].splitlines()[0])
        return made

    yield start
    for made in stages:
        if made.running:
            made.kill()
        made.close()


def break_out(stage, way, argument=""):
    return stage.get(f"/debug/break-out?{way}={argument}")


@pytest.fixture
def outside(folder):
    """{way: argument} of the targets: a TCP port, a socket, a file of another stage."""
    others = folder / "run" / "other"
    (folder / "run").mkdir(mode=0o700)
    others.mkdir()
    (others / "state").write_text("a key")
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(os.fspath(folder / "socket"))
        unix.listen()
        yield {"tcp": tcp.getsockname()[1], "unix": folder / "socket", "read": others / "state",
               "write": others / "new", "exec": "/bin/true", "fork": "", "signal": os.getpid(),
               "limit": os.getpid(), "code": "", "unshare": ""}


# The purpose of a stage. A watcher of manifests reads any files that they link to.
MAY = {"watcher": {"tcp", "unix", "read"}}


@pytest.mark.parametrize("name", STAGES)
def test_no_stage_gets_out_of_its_sandbox(started, outside, name):
    stage = started(name)
    found = {way: break_out(stage, way, argument) for way, argument in outside.items()}
    found["passwd"] = break_out(stage, "read", "/etc/passwd")
    may = MAY.get(name, set())
    may = may | ({"passwd"} if "read" in may else set())
    assert {way for way, what in found.items() if what == "out"} == may
    assert {what for way, what in found.items() if way not in may} <= STOPPED, found
    assert not (outside["write"]).exists()
    # It lives, and has reported the refused calls.
    refused = {row["subject"] for row in stage.incidents() if row["kind"] == "call"}
    assert {"execve", "clone", "mmap", "unshare"} <= refused
    assert stage.metrics()['portolan_incidents_total{kind="call"}'] >= len(refused)
    assert "a system call was refused: execve " in stage.logged()


@pytest.mark.parametrize("way", ["ptrace", "mount", "bpf"])
@pytest.mark.parametrize("name", STAGES)
def test_what_no_stage_can_want_ends_it(started, name, way):
    stage = started(name)
    argument = {"ptrace": os.getpid(), "mount": stage.dir}.get(way, "")
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(stage.dir / f"{name}.control", f"/debug/break-out?{way}={argument}")
    assert stage.process.wait(60) == -signal.SIGSYS
    stage.process = None


@pytest.fixture
def account(folder):
    """The words that run a program where a pod's service account is."""
    path = folder / "account"
    path.mkdir()
    for name, text in (("token", "a.b.c"), ("namespace", "default"), ("ca.crt", Authority().text)):
        (path / name).write_text(text)
    script = f"mount -t tmpfs none /run && mkdir -p {ACCOUNT} && mount --bind {path} {ACCOUNT} && exec \"$@\""
    words = ["unshare", "-m", "sh", "-c", script, "sh"]
    if subprocess.run([*words, "true"], capture_output=True).returncode:
        missing("no mounts of our own here")
    return words


def test_a_watcher_in_a_pod_reads_its_service_account_and_no_more(started, outside, account):
    stage = started("watcher", "--in-cluster", "--no-leader-election", account=account)
    assert break_out(stage, "read", "/etc/passwd") in STOPPED
    assert break_out(stage, "read", outside["read"]) in STOPPED
    assert break_out(stage, "read", f"{ACCOUNT}/token") == "out"
    assert break_out(stage, "read", "/etc/hosts") == "out"


def test_xds_server_reads_its_certificates_when_they_are_links(started, outside, folder):
    """Like certbot and Kubernetes: live/key.pem leads to archive/key1.pem, and tomorrow to
    key2.pem."""
    live, archive = folder / "live", folder / "archive"
    live.mkdir()
    archive.mkdir()
    for n in (1, 2):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-subj", "/CN=xds", "-keyout", archive / f"key{n}.pem", "-out",
                        archive / f"cert{n}.pem"], check=True, capture_output=True)
    for what in ("key", "cert"):
        (live / f"{what}.pem").symlink_to(f"../archive/{what}1.pem")
    stage = started("xds-server", "--tls-cert", live / "cert.pem", "--tls-key", live / "key.pem", "--tls-ca",
                    live / "cert.pem")
    assert stage.address
    for what in ("cert", "key"):
        (live / "new").symlink_to(f"../archive/{what}2.pem")
        os.rename(live / "new", live / f"{what}.pem")
    assert break_out(stage, "read", live / "key.pem") == "out"
    assert break_out(stage, "read", outside["read"]) in STOPPED


def test_no_program_that_users_get_can_be_asked_to_break_out(tmp_path):
    for name in (*STAGES, "supervisor"):
        assert b"/debug/break-out" not in program(f"portolan-{name}").read_bytes()
    assert b"portolan.io/fault" not in program("portolan-translator").read_bytes()
    assert b"/debug/break-out" in program("tests/faults/portolan-translator").read_bytes()
    # Faulty programs are not installed.
    subprocess.run(["make", "-C", BUILD, "-s", "install", f"DESTDIR={tmp_path}"], check=True, capture_output=True)
    installed = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(installed) > 10
    assert [path for path in installed if b"/debug/break-out" in path.read_bytes()] == []
