"""A booted host of its own: a Debian in a folder, with Portolan installed by make install. It
shares the test's network, so it listens on a loopback address of its own."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from addresses import loopback
from backends import Client
from events import Deadline, Notify
from programs import BUILD, SANITIZED, TOP, missing, venv
from stage import Manifests, Stage, XdsServer, ask

STAGES = ("watcher", "translator", "xds-server", "admin")


def tree():
    """The folder to copy, or a skip."""
    if SANITIZED:
        # No lack of the machine's: CI boots the plain build.
        pytest.skip("the hardened units do not let sanitizers work")
    done = subprocess.run([TOP / "scripts" / "boot-tree"], text=True, capture_output=True)
    if done.returncode:
        missing(done.stderr.strip())
    return pathlib.Path(done.stdout.strip())


def previous():
    """An older Portolan, as make install leaves it."""
    done = subprocess.run([TOP / "scripts" / "previous-build"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def put(root, installed):
    """Like a package: programs are renamed into place under running ones."""
    for path in pathlib.Path(installed).rglob("*"):
        if path.is_file():
            to = root / path.relative_to(installed)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, f"{to}.new")
            os.rename(f"{to}.new", to)


def install(root):
    """make install of this build."""
    with tempfile.TemporaryDirectory() as stage:
        subprocess.run(["make", "-C", BUILD, "-s", "install", f"DESTDIR={stage}"], check=True,
                       capture_output=True)
        put(root, stage)


class ControlGroup:
    """A control group of a host's own in each hierarchy that its systemd uses, so that two hosts do not take
    each other's for theirs."""

    def __init__(self, name):
        lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
        found = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
        self.paths = []
        for mount, controllers in (("unified", ""), ("systemd", "name=systemd"), ("", "")):
            base = pathlib.Path("/sys/fs/cgroup", mount, found.get(controllers, "/").lstrip("/"))
            if (base / "cgroup.procs").exists():
                self.paths.append(base / name)
        for path in self.paths:
            path.mkdir()

    def enter(self):
        for path in self.paths:
            (path / "cgroup.procs").write_text(str(os.getpid()))

    def processes(self):
        return [pid for path in self.paths for file in path.rglob("cgroup.procs") for pid in file.read_text().split()]

    def remove(self, timeout=60):
        """Of those that a killed nspawn leaves some are still ending."""
        deadline = Deadline(timeout)
        while left := self.processes():
            deadline.left(f"processes {left} end")
        for path in self.paths:
            for folder in (*sorted(path.rglob("*"), reverse=True), path):
                if folder.is_dir():
                    folder.rmdir()


class Host:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.address = loopback()
        self.client = Client(self.address)
        self.nspawn = self.leader = None
        self.log = self.root.with_name("console")
        subprocess.run(["cp", "-a", "--reflink=auto", tree(), self.root], check=True)
        self.install()
        envoy = self.root / "usr/local/bin/envoy"
        envoy.touch()
        self.bind = f"--bind-ro={venv('envoy')}:/usr/local/bin/envoy"
        (self.root / "etc/portolan/manifests").mkdir(parents=True, exist_ok=True)
        self.manifests = Manifests(self.root / "etc/portolan/manifests")
        (self.root / "etc/portolan/host.env").write_text(
            f"TRANSLATOR_OPTIONS=--listen-address={self.address}\n"
            f"ADMIN_OPTIONS=--admin-address={self.address}:8000\n"
            "ENVOY_OPTIONS='--concurrency 2'\n")

    def install(self):
        install(self.root)

    # ---- power ----

    def boot(self, timeout=180):
        """Until systemd says that it is up."""
        notify = Notify(self.root.with_name("notify"))
        self.group = ControlGroup(self.root.parent.name)
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--notify-ready=yes",
                   "--link-journal=no", "--resolv-conf=off", "--timezone=off", self.bind, "--boot",
                   "--directory", self.root]
        try:
            with open(self.log, "ab") as log:
                self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                               preexec_fn=self.group.enter,
                                               env={**os.environ, "NOTIFY_SOCKET": notify.path})
            notify.wait_for("READY", self.nspawn, timeout)
        except (ChildProcessError, TimeoutError) as error:
            said = self.log.read_text(errors="replace")[-2000:]
            self.cut_power()
            missing(f"nothing can be booted here: {error}\n{said}")
        finally:
            notify.close()
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children")
        self.leader = int(children.read_text().split()[0])
        return self

    def power_off(self, timeout=120):
        self.run("systemctl", "poweroff", check=False)
        self.nspawn.wait(timeout)
        self.group.remove()
        self.nspawn = self.leader = None

    def cut_power(self):
        if not self.nspawn:
            return
        if self.leader:
            os.kill(self.leader, signal.SIGKILL)  # its init: the kernel ends all that is in there
            self.nspawn.wait(60)
        self.nspawn.kill()
        self.nspawn.wait()
        self.group.remove()
        self.nspawn = self.leader = None

    # ---- inside ----

    def run(self, *words, check=True, timeout=60):
        done = subprocess.run(["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-p", "--", *words],
                              stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=timeout)
        if check and done.returncode:
            logged = self.run("journalctl", "-q", "-n", "40", "-o", "cat", check=False)
            raise AssertionError(f"{words}: {done.stdout}{done.stderr}\n{logged}")
        return done.stdout

    def systemctl(self, *words, **options):
        return self.run("systemctl", *words, **options)

    def by_tcp(self, *more):
        """xDS by plain TCP, which builds of before know, too; more: options of xds-server. None: no more."""
        file = self.root / "etc/portolan/xds.env"
        if None in more:
            file.unlink()
            return
        file.write_text(f"XDS_ADDRESS_OPTIONS=--xds-address={self.address}:8001\n"
                        f"XDS_SERVER_OPTIONS='--xds-address={self.address}:8001 {' '.join(more)}'\n"
                        f"BOOTSTRAP_OPTIONS=--xds-address={self.address}:8001\n")

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def pid(self, stage):
        """Inside; 0 if it does not run."""
        return int(self.show(f"portolan-{stage}", "MainPID"))

    def pids(self):
        return {stage: self.pid(stage) for stage in (*STAGES, "envoy")}

    def kill(self, stage):
        """kill -9, and until systemd has started it again and it is ready."""
        before, deadline = self.pid(stage), Deadline(60)
        self.systemctl("kill", "-s", "KILL", f"portolan-{stage}")
        while self.pid(stage) in (0, before):
            deadline.left(f"{stage} is started again")
        self.systemctl("start", f"portolan-{stage}")

    @property
    def runtime(self):
        return pathlib.Path(f"/proc/{self.leader}/root/run/portolan")

    def journal(self, unit):
        self.run("journalctl", "--sync")
        rows = self.run("journalctl", "-q", "-u", unit, "-o", "json").splitlines()
        return [json.loads(row) for row in rows]

    # ---- worlds ----

    def stage(self, name):
        return XdsServer(self.runtime) if name == "xds-server" else Stage(name, self.runtime)

    def settle(self, envoys=1):
        """Waits until Envoy has accepted the present folder of manifests."""
        source = json.loads(self.stage("watcher").get("/debug/sync"))["source"]
        for name in ("translator", "xds-server"):
            self.stage(name).wait_source(source)
        self.stage("xds-server").wait_accepted(source, envoys)
        return source

    def write(self, name, *objects):
        self.manifests.write(name, *objects)
        return self.settle()

    def pushed(self):
        """Updates that Envoy has taken or refused, by its own count."""
        status, text = ask(f"/proc/{self.leader}/root/run/portolan-envoy/admin.sock",
                           "/stats?filter=update_success|update_rejected|config_reload$")
        assert status == 200
        return sorted(text.splitlines())
