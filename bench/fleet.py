"""The three stages over a folder of manifests, and what happens in them when it changes."""

import dataclasses
import socket
import subprocess
import threading
import time

from processes import STAGES, Failure, Lines, Process, Stage, ask, cpu, free_port, memory, program


@dataclasses.dataclass
class Arrival:
    """What a client received because of one change."""

    usec: float  # CLOCK_MONOTONIC when all that was waited for had arrived
    response_bytes: int
    resource_bytes: int  # of those the resources themselves, without the protocol's fields
    changed_bytes: int  # of those the necessary ones
    resources: list  # (kind, name)
    by_client: dict  # client number: usec


class Client:
    """bench/xds-client on the fleet's port."""

    def __init__(self, fleet, expect, clients=1, others=()):
        """others: addresses that the clients are spread over, too, and go on at when a stream ends."""
        command = [program("xds-client"), "--address", fleet.address, "--clients", clients]
        for address in others:
            command += ["--address", address, "--reconnect"]
        for kind, count in expect.items():
            command += ["--expect", f"{kind}={count}"]
        self.process = Process(
            "xds-client", command, fleet.world.root / "client.log", stdout=subprocess.PIPE
        )
        self.clients = clients
        self.lines = Lines(self.process.popen.stdout)
        self.first = {}

    def line(self, timeout):
        try:
            return self.lines.read(timeout)
        except EOFError:
            self.process.popen.wait()
            self.process.check()

    def wait_complete(self, timeout=180):
        """(usec, responses, resources, bytes) of the client that was complete last."""
        missing, last = self.clients, None
        while missing:
            line = self.line(timeout)
            if line is None:
                raise Failure(f"{missing} clients did not get a complete answer: saw {self.first}")
            word, client, usec, *rest = line.split()
            if word == "first" and client == "0":
                self.first[rest[0]] = float(usec)
            if word == "complete":
                missing -= 1
                last = (float(usec), *map(int, rest))
        self.drain()
        return last

    def drain(self):
        while self.line(0.02) is not None:
            pass

    def collect(self, wanted, timeout=30):
        """Reads until each of wanted, functions of (kind, name), was true once for each client, and
        then until no more comes."""
        missing = {(c, i) for c in range(self.clients) for i in range(len(wanted))}
        out = Arrival(0, 0, 0, 0, [], {})
        usec = 0
        while True:
            line = self.line(timeout if missing else 0.01)
            if line is None and not missing:
                return out
            if line is None:
                raise Failure(f"{len(missing)} of {self.clients * len(wanted)} did not arrive")
            word, client, *rest = line.split()
            if word == "response":
                usec = float(rest[0])
                out.response_bytes += int(rest[4])
            elif word == "resource":
                kind, name, _, size = rest
                out.resource_bytes += int(size)
                out.resources.append((kind, name))
                if any(want(kind, name) for want in wanted):
                    out.changed_bytes += int(size)
                for i, want in enumerate(wanted):
                    if (int(client), i) in missing and want(kind, name):
                        missing.discard((int(client), i))
                        out.usec = out.by_client[int(client)] = usec

    def stop(self):
        self.process.stop()


class Fleet:
    def __init__(self, world, translator=(), name="run", watcher=()):
        """translator, watcher: further options for them."""
        self.world = world
        self.more, self.more_of_watcher = list(translator), list(watcher)
        self.runtime = world.root / name
        self.runtime.mkdir(mode=0o700)
        self.address = f"127.0.0.1:{free_port()}"
        self.http_port, self.https_port = free_port(), free_port()
        self.stages = {}
        self.complete = {}  # stage: ns from the start until it had a whole world

    def arguments(self, name):
        return {
            "watcher": ["--manifests", self.world.manifests, *self.more_of_watcher],
            "translator": [
                "--listen-address", "127.0.0.1",
                "--http-port", self.http_port,
                "--https-port", self.https_port,
                *self.more,
            ],
            "xds-server": ["--xds-address", self.address, "--insecure-plaintext"],
        }[name]  # fmt: skip

    def start(self):
        """Starts all stages at once. Returns when: CLOCK_MONOTONIC in ns."""
        began = time.monotonic_ns()
        for name in STAGES:
            self.stages[name] = Stage(name, self.runtime, *self.arguments(name))
        self.waiters = [
            threading.Thread(target=self._wait_complete, args=(name, began), daemon=True)
            for name in STAGES
        ]
        for waiter in self.waiters:
            waiter.start()
        return began

    def _wait_complete(self, name, began):
        stage = self.stages[name]
        while stage.popen.poll() is None:
            try:
                ask(stage.control, "/debug/wait?timeout_ms=30000")
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.001)
                continue
            except (Failure, TimeoutError):  # not in this time: a busy machine, a large world
                continue
            self.complete[name] = time.monotonic_ns() - began
            return

    def wait_listening(self):
        host, port = self.address.rsplit(":", 1)
        for _ in range(30000):
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                self.stages["xds-server"].check()
                time.sleep(0.001)
        raise Failure("xds-server does not listen")

    def wait_complete(self):
        for waiter in self.waiters:
            waiter.join(120)
        for name in STAGES:
            self.stages[name].check()
            if name not in self.complete:
                raise Failure(f"{name} did not get a whole world")

    def expect(self):
        n = len(self.world.hosts)
        out = {"cluster": n, "endpoint": n, "listener": 1, "route": 1}
        if self.world.tls:
            out |= {"secret": n, "listener": 2, "route": n}
        return out

    def memory(self):
        return {name: memory(stage.pid) for name, stage in self.stages.items()}

    def cpu(self):
        return {name: cpu(stage.pid) for name, stage in self.stages.items()}

    def units_run(self):
        return self.stages["translator"].metrics()["portolan_translator_units_run_total"]

    def stop(self):
        for stage in reversed(self.stages.values()):
            stage.stop()


def wanted(world, change, host):
    """The resources that must arrive for a change of a host: functions of (kind, name)."""
    mine = f"{host.namespace}/{host.name}"

    def named(kind, *names):
        return lambda k, name: k == kind and name.startswith(names)

    routes = f"https/{host.host}" if world.tls else "ingress_http"
    if change == "endpoint":
        return [named("endpoint", mine)]
    if change == "path":
        return [named("route", routes)]
    out = [named("cluster", mine), named("endpoint", mine), named("route", routes)]
    if world.tls:
        # On the plaintext port the host is there too.
        out += [named("secret", mine), named("listener", "ingress_https")]
        out += [named("route", "ingress_http")]
    return out
