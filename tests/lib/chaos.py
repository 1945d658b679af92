"""Trouble on machines, done to the stages of one `portolan run` in an order that a seed gives, and
the witnesses of its effects.

An incident ends when its stage is whole again, and is then in the log, in metrics and in `portolan
status`.
"""

import contextlib
import ctypes
import http.client
import os
import pathlib
import random
import re
import resource
import select
import signal
import socket
import threading
from typing import NamedTuple

import grpc

import frames
import offline
import stage
from certs import Authority
from events import PATIENCE, Deadline, Folder, Growing, readable
from objects import ingress, path, port, rule, service, slice_of, tls_secret
from xds_client import StreamEnded, World

STAGES = ("watcher", "translator", "xds-server")
LISTENS = {"watcher": "objects.sock", "translator": "resources.sock"}
ROLES = {"objects.sock": ("watcher", "translator"), "resources.sock": ("translator", "xds-server")}
CONNECTS = {"translator": "objects.sock", "xds-server": "resources.sock"}
_libc = ctypes.CDLL(None, use_errno=True)


class SmallDisk:
    """A tmpfs of our own as the runtime directory; `mounted` is false where we may not mount."""

    def __init__(self, folder, size="16m"):
        self.path = pathlib.Path(folder)
        self.path.mkdir(mode=0o700)
        words = (b"portolan-test", os.fsencode(self.path), b"tmpfs", 0, f"size={size},mode=700".encode())
        self.mounted = os.geteuid() == 0 and _libc.mount(*words) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            _libc.umount2(os.fsencode(self.path), 2)  # MNT_DETACH

    @contextlib.contextmanager
    def full(self):
        filler = self.path / "filler"
        try:
            with open(filler, "wb", buffering=0) as f, contextlib.suppress(OSError):
                for size in (1 << 20, 4096, 1):
                    with contextlib.suppress(OSError):
                        while f.write(bytes(size)) == size:
                            pass
            yield
        finally:
            filler.unlink()


class Struck(NamedTuple):
    kind: str
    stage: str
    died: bool


class Chaos:
    def __init__(self, run, seed, disk=None):
        self.run = run
        # Not the object that other threads write with.
        self.manifests = stage.Manifests(run.manifests.path) if isinstance(run.manifests, stage.Manifests) else run.manifests
        self.random = random.Random(seed)
        self.disk = disk
        self.struck = []
        self.expected_deaths = dict.fromkeys(STAGES, 0)
        self.skipped = [] if disk and disk.mounted else ["full"]

    def all(self):
        """Each incident with each stage, in this seed's order."""
        pairs = [(kind, name) for kind in KINDS if kind not in self.skipped for name in STAGES]
        self.random.shuffle(pairs)
        return pairs

    def some(self):
        """Each kind once, and the stages in turn."""
        kinds = [kind for kind in KINDS if kind not in self.skipped]
        names = list(STAGES)
        self.random.shuffle(kinds)
        self.random.shuffle(names)
        return [(kind, names[i % len(names)]) for i, kind in enumerate(kinds)]

    def strike(self, kind, name):
        pid = self.run.pid(name)
        with Growing(self.run.log) as log:
            died = KINDS[kind](self, name, pid, log)
        self.struck.append(Struck(kind, name, died))
        return died

    # ---- naming ----

    def times(self, name, kind, subject):
        """How often the stage that runs now has met with it."""
        rows = self.run.ask(name, "/debug/incidents")
        return sum(r["times"] for r in rows if (r["kind"], r["subject"]) == (kind, subject))

    def named(self, name, kind, subject, text, before=0):
        """Everything logged is in the stage's metrics and in `portolan status`, too."""
        assert self.times(name, kind, subject) > before
        _, page = stage.ask(self.run.dir / f"{name}.control", "/metrics")
        counted = re.search(rf'^portolan_incidents_total{{kind="{kind}"}} (\d+)$', page, re.M)
        assert counted and int(counted[1]) > before, page
        _, status = self.run.command("status")
        assert re.search(rf"^{name} +{kind} +\d+ +\d+s +.*{text}", status, re.M), status

    # ---- waiting ----

    def wait_gone(self, pid, timeout=PATIENCE):
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            try:
                readable([fd], Deadline(timeout), f"the end of {pid}")
            finally:
                os.close(fd)

    def dies(self, name, pid, log, pattern, do, kinds=("ended",)):
        """Ends the stage in some way; waits until its successor answers, and all report how it
        ended."""
        before = {kind: self.times("supervisor", kind, name) for kind in kinds}
        control = self.run.dir / f"{name}.control"
        folder = Folder(self.run.dir)
        try:
            control.unlink(missing_ok=True)
            do()
            log.wait_for(pattern, PATIENCE)
            folder.wait_for(control.name, timeout=PATIENCE)
        finally:
            folder.close()
        self.expected_deaths[name] += 1
        log.wait_for(rf"supervisor: {name} \(pid (?!{pid}\))\d+\) is ready", PATIENCE)
        child = self.run.children()[name]
        assert child["restarts"] >= self.expected_deaths[name], child
        assert child["last_exit"], child
        kind = next(k for k in kinds if self.times("supervisor", k, name) > before[k])
        self.named("supervisor", kind, name, rf"{name} \(pid {pid}\)", before[kind])
        return True

    def signalled(self, name, pid, log, sig):
        pattern = rf"{name} \(pid {pid}\) was killed by signal {int(sig)} "
        return self.dies(name, pid, log, pattern, lambda: os.kill(pid, sig))

    # ---- incidents ----

    def kill(self, name, pid, log):
        return self.signalled(name, pid, log, signal.SIGKILL)

    def abort(self, name, pid, log):
        return self.signalled(name, pid, log, signal.SIGABRT)

    def stop(self, name, pid, log):
        before = self.times("supervisor", "stuck", name)
        self.dies(name, pid, log, rf"{name} \(pid {pid}\) has not fed its watchdog",
                  lambda: os.kill(pid, signal.SIGSTOP))
        self.named("supervisor", "stuck", name, rf"{name} \(pid {pid}\) has not fed its watchdog", before)
        assert self.run.children()[name]["watchdog_kills"] >= 1
        return True

    def memory(self, name, pid, log):
        """Nothing can be allocated any more that needs pages of its own."""
        def exhaust():
            resource.prlimit(pid, resource.RLIMIT_AS, (1 << 20, resource.RLIM_INFINITY))
            resource.prlimit(pid, resource.RLIMIT_DATA, (0, resource.RLIM_INFINITY))
            # Memory that it returned to the C library lasts for a while.
            for n in (400, 1200, 3600):
                self.crowd(n)
                with contextlib.suppress(TimeoutError):
                    self.wait_gone(pid, 8)
                    return

        try:
            # The C library's and gRPC's own allocations end the process without a word.
            ended = rf"{name} \(pid {pid}\) (was killed|exited)"
            return self.dies(name, pid, log, ended, exhaust, kinds=("memory", "ended"))
        finally:
            self.manifests.write("crowd.yaml")

    def crowd(self, n):
        self.manifests.write("crowd.yaml", *[
            o for i in range(n) for o in (
                ingress(f"crowd-{i}", rule(f"crowd-{i}.example.com", path(f"crowd-{i}"))),
                service(f"crowd-{i}", 80, annotations={"note": "x" * 4000}),
                slice_of(f"crowd-{i}", 8080, "127.0.0.9"))])

    def files(self, name, pid, log):
        """No descriptor is left while its neighbour comes back."""
        neighbour = {"watcher": "translator", "translator": "watcher", "xds-server": "translator"}[name]
        other = self.run.pid(neighbour)

        def exhaust():
            had = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, had[1]))
            try:
                os.kill(other, signal.SIGKILL)
                log.wait_for(r"warning +\S+: link \w+: .*Too many open files", PATIENCE)
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, had)

        link = {"watcher": "objects", "translator": "objects", "xds-server": "resources"}[name]
        before = self.times(name, "descriptors", link)
        self.dies(neighbour, other, log, rf"{neighbour} \(pid {other}\) was killed by signal 9 ", exhaust)
        if name == "xds-server" and "for an Envoy that connected" in log.text:
            # gRPC listens no more: another one takes over.
            log.wait_for(rf"{name} \(pid {pid}\) exited with code 1", PATIENCE)
            log.wait_for(rf"supervisor: {name} \(pid (?!{pid}\))\d+\) is ready", PATIENCE)
            self.expected_deaths[name] += 1
            return True
        assert self.run.children()[name]["pid"] == pid
        self.named(name, "descriptors", link, "Too many open files", before)
        return False

    def full(self, name, pid, log):
        """No byte is left in the runtime directory while the stage ends and comes back."""
        with self.disk.full():
            self.kill(name, pid, log)
            if name == "xds-server":
                log.wait_for(r"cannot write \S*xds-server/state: No space left", PATIENCE)
                self.named(name, "storage", "state", "No space left")
        return True

    def garbage(self, name, pid, log):
        """On each socket that it listens at: bytes that are not a frame, and parts of one."""
        noise = self.random.randbytes(5000)
        whole = frames.encode(frames.HELLO, 0, frames.message(
            "Hello", product="portolan", role="reader", major=frames.MAJOR, minor=frames.MINOR))
        lies = [noise, whole[: self.random.randrange(1, len(whole))], whole + noise,
                whole + frames.encode(frames.DELTA, 7, b"", length=1 << 31),
                whole + frames.encode(frames.SNAPSHOT_ITEMS, 7, noise),
                whole + frames.encode(frames.SNAPSHOT_END, 7, b"\x08\x05")[:-1]]
        link = (LISTENS.get(name) or CONNECTS[name]).removesuffix(".sock")
        before = self.times(name, "frames", link)
        for lie in lies:
            for target in self.listens(name):
                with self.connect(target) as sock, contextlib.suppress(OSError):
                    sock.sendall(lie)
                    sock.shutdown(socket.SHUT_WR)
                    while select.select([sock], [], [], PATIENCE)[0] and sock.recv(65536):
                        pass
        assert self.run.children()[name]["pid"] == pid
        if name not in LISTENS:
            # And from where it connects to.
            before = 0
            self.dies(name, pid, log, rf"{name} \(pid {pid}\) was killed by signal 9 ",
                      lambda: self.host(name, lambda peer: peer.sock.sendall(noise), pid))
        log.wait_for(r"link \w+: .*bytes that are not a frame", PATIENCE)
        self.named(name, "frames", link, "", before)
        return name not in LISTENS

    def listens(self, name):
        if name in LISTENS:
            yield os.fspath(self.run.dir / LISTENS[name])
        else:
            yield xds_address(self.run)
        yield os.fspath(self.run.dir / f"{name}.control")

    @staticmethod
    def connect(target):
        sock = socket.socket(socket.AF_UNIX if "/" in target else socket.AF_INET)
        sock.settimeout(PATIENCE)
        sock.connect(target if "/" in target else (target.split(":")[0], int(target.split(":")[1])))
        return sock

    def version(self, name, pid, log):
        """Its neighbour is another release's: an older one's, and a newer one's."""
        link = (LISTENS.get(name) or CONNECTS[name]).removesuffix(".sock")
        for major in self.random.sample((0, frames.MAJOR + 1), 2):
            if name not in CONNECTS:
                self.visit(name, major)
            else:
                pid = self.run.pid(name)
                self.dies(name, pid, log, rf"{name} \(pid {pid}\) was killed by signal 9 ",
                          lambda: self.host(name, lambda peer: peer.write(self.hello(
                              ROLES[CONNECTS[name]][0], major)), pid))
                link = CONNECTS[name].removesuffix(".sock")
            log.wait_for(rf"protocol version {major} came", PATIENCE)
            self.named(name, "protocol", link, f"protocol version {major} came")
        if name in LISTENS:
            # A minor version is for additions that the other side may pass over.
            self.visit(name, frames.MAJOR, minor=9, role="reader")
        return name in CONNECTS

    def visit(self, name, major, minor=0, role=None):
        role = role or ROLES[LISTENS[name]][1]
        with self.connect(os.fspath(self.run.dir / LISTENS[name])) as sock:
            peer = frames.Connection(sock, role, hello=False)
            peer.write(self.hello(role, major, minor))
            if major == frames.MAJOR:
                peer.wait(lambda c: c.mirror.state.complete, PATIENCE)
            else:
                assert "protocol version" in peer.wait_closed(PATIENCE)

    @staticmethod
    def hello(role, major, minor=0):
        body = frames.message("Hello", product="portolan", role=role, major=major, minor=minor,
                              pid=os.getpid(), boot="test")
        return frames.encode(frames.HELLO, 0, body, major=major, minor=minor)

    def host(self, name, speak, pid):
        """The stage comes back, and another process listens in its neighbour's place: speak(peer)
        sends its bytes."""
        there = self.run.dir / CONNECTS[name]
        aside = there.with_suffix(".aside")
        role = ROLES[CONNECTS[name]][0]
        os.rename(there, aside)
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(os.fspath(there))
            listener.listen()
            listener.settimeout(PATIENCE)
            os.kill(pid, signal.SIGKILL)
            with listener.accept()[0] as sock:
                peer = frames.Connection(sock, role, hello=False)
                speak(peer)
                peer.wait_closed(PATIENCE)
        finally:
            os.rename(aside, there)
            listener.close()


KINDS = {
    "kill": Chaos.kill,
    "abort": Chaos.abort,
    "stop": Chaos.stop,
    "memory": Chaos.memory,
    "files": Chaos.files,
    "full": Chaos.full,
    "garbage": Chaos.garbage,
    "version": Chaos.version,
}


class Site:
    """Hosts that exist throughout, each of which changes in another way, and some that come and go.
    """

    STABLE = ("still", "move", "paths", "tls")

    def __init__(self, manifests, backends):
        self.manifests = manifests
        self.backends = backends
        self.authority = Authority()
        self.certificates = [self.authority.issue("tls.example.com") for _ in range(4)]
        self.step = 0

    def _slice(self, name, *backends):
        one = backends[0] if backends else self.backends[0]
        return slice_of(name, one.port, one.address)

    def _host(self, name, *paths, tls=()):
        return [ingress(name, rule(f"{name}.example.com", path(name), *paths), tls=tls),
                service(name, port(80))]

    def begin(self):
        for name in ("still", "move", "paths"):
            self.manifests.write(f"{name}.yaml", *self._host(name))
            self.manifests.write(f"{name}-slice.yaml", self._slice(name))
        self.manifests.write("tls.yaml", *self._host("tls", tls=[("cert", "tls.example.com")]))
        self.manifests.write("tls-slice.yaml", self._slice("tls"))
        self.manifests.write("cert.yaml", tls_secret("cert", self.certificates[0]))

    def change(self):
        """One more change; each of the five kinds in its turn."""
        n, kind = divmod(self.step, 5)
        self.step += 1
        if kind == 0:
            to = self.backends[n % len(self.backends)]
            self.manifests.write("move-slice.yaml", self._slice("move", to))
        elif kind == 1:
            self.manifests.write("paths.yaml", *self._host("paths", path("paths", at=f"/step-{n}")))
        elif kind == 2:
            self.manifests.write(f"new-{n}.yaml", *self._host(f"new-{n}"), self._slice(f"new-{n}"))
        elif kind == 3 and n >= 3:
            self.manifests.remove(f"new-{n - 3}.yaml")
        elif kind == 4:
            certificate = self.certificates[n % len(self.certificates)]
            self.manifests.write("cert.yaml", tls_secret("cert", certificate))


class Thread:
    """Work that is repeated until told to stop; its failure is in `error`."""

    def __init__(self, turn):
        self.turn = turn
        self.stopping = False
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self.stopping:
                self.turn()
        except Exception as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(PATIENCE)


class Witness:
    """A delta client beside Envoy that lives through all of it, comes back with its resources as
    Envoy does, and notes removals from the hosts that exist throughout, and unchanged resources
    that are sent again."""

    def __init__(self, address):
        self.address = address
        self.withdrawn = []
        self.needless = []
        self.connections = 0
        self.world = None
        self.lost = False  # its stream has ended
        self.sent = set()

    def close(self):
        if self.world:
            self.world.close()

    def _connect(self):
        old = self.world
        channel = grpc.insecure_channel(self.address, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 300)])
        grpc.channel_ready_future(channel).result(PATIENCE)
        self.world = World(self.address, node="witness", channel=channel,
                           have=old.snapshot() if old else None)
        self.connections += 1
        self.lost = False
        if old:
            old.close()
            self.world.resources = old.resources
            self.world._follow()

    def turn(self):
        try:
            if self.world is None or self.lost:
                self._connect()
            before = len(self.world.log)
            self.world.until(lambda w: len(w.log) > before, timeout=1)
            self._judge(self.world.log[-1])
        except TimeoutError:
            pass
        except StreamEnded:
            self.lost = True

    def _judge(self, response):
        for name in response.removed:
            if re.match(rf"(default/({'|'.join(Site.STABLE)})(/|$)|ingress_|https/tls\.)", name):
                self.withdrawn.append(f"{response.type} {name}")
        for name in response.names:
            if re.match(r"default/still(/|$)", name):
                if (response.type, name) in self.sent:
                    self.needless.append(f"{response.type} {name}")
                self.sent.add((response.type, name))


def settle(run, clients):
    """Until all stages are back and so many clients have accepted the present world."""
    deadline = Deadline(PATIENCE)
    while True:
        with Growing(run.log) as log:
            try:
                return _settle(run, clients)
            except (OSError, http.client.HTTPException):
                # One that was killed a moment ago: its successor says when it is there.
                log.wait_for(r"supervisor: \S+ \(pid \d+\) is ready", deadline.left("all stages"))


def _settle(run, clients):
    source = run.ask("watcher", "/debug/sync")["source"]
    wait = f"source={source}&timeout_ms={PATIENCE * 1000}"
    for name in ("translator", "xds-server"):
        run.ask(name, f"/debug/wait?{wait}", PATIENCE)
    rows = run.ask("xds-server", f"/debug/answered?{wait}&count={clients}", PATIENCE)
    assert sum(r["acked_source"] >= source for r in rows) >= clients, rows


def xds_address(run):
    return run.ask("xds-server", "/debug/status")["xds_address"]


def from_scratch(run, folder, options=()):
    """{type: {name: version}} of a translation of the present manifests, for the resources that
    served() asks for: it follows clusters and listeners, and is too old for shared TLS hosts."""
    made = offline.translate(folder, run.manifests.path, options=options)
    found = {}
    for (kind, name), (version, _) in frames.resources(made.resources).items():
        newer = name == "misdirected" or (kind == "secret" and "/" not in name)
        if kind in ("cluster", "endpoint", "listener", "route", "runtime", "secret") and not newer:
            found.setdefault(offline.URLS[kind], {})[name] = version
    return found


def served(run):
    """The same, from xds-server's answers to a new Envoy."""
    types = ("CDS", "EDS", "LDS", "RDS", "RTDS", "SDS")
    with World(xds_address(run), node="newcomer", types=types) as world:
        world.quiet(PATIENCE)
        return {kind: names for kind, names in world.snapshot().items() if names}


def restarts(run):
    """By the supervisor's metrics: {stage: times}."""
    _, text = stage.ask(run.dir / "supervisor.control", "/metrics")
    return {name: int(n) for name, n in
            re.findall(r'^portolan_child_restarts_total{child="([^"]*)"} (\d+)', text, re.M)}


def status_restarts(run):
    """The same, by `portolan status`."""
    _, text = run.command("status")
    table = next(part for part in text.split("\n\n") if "RESTARTS" in part)
    head, *lines = table.splitlines()
    at = head.index("RESTARTS")
    return {line.split()[0]: int(line[at:].split()[0]) for line in lines
            if line.split()[:1] and line.split()[0] in STAGES}
