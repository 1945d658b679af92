"""Two replicas with many Envoys: one is killed, its Envoys go over to the other.

Each replica is the whole chain on the same manifests. The clients are spread over both, as the
headless Service spreads Envoys, and report the versions that they hold to the other replica. Both
made the same bytes and so the same versions: nothing may be sent again. A change afterwards shows
that each client is served, and that it gets only the change.
"""

import pathlib
import time

from figures import MB
from fleet import Client, Fleet, wanted
from processes import Failure, cpu, memory
from world import World


class Replica(Fleet):
    """A chain beside another one on the same world, with the same ports, since those are part of
    the resources."""

    def __init__(self, world, name, http_port=None, https_port=None):
        super().__init__(world, name=name)
        self.http_port, self.https_port = http_port or self.http_port, https_port or self.https_port

    def kill(self):
        for stage in self.stages.values():
            stage.popen.kill()
            stage.popen.wait()


def wait_moved(client, addresses, clients, timeout=60):
    """Reads until half of the clients' streams have ended; (when the last one did, resources that came)."""
    ended, last, sent = set(), 0, 0
    while len(ended) < clients:
        line = client.line(timeout)
        if line is None:
            raise Failure(f"{len(ended)} of {clients} streams have ended")
        word, number, usec, *rest = line.split()
        if word == "ended":
            ended.add(number)
            last = float(usec)
            if rest[0] != addresses[1]:
                raise Failure(f"a stream of the replica that lives has ended: {line}")
        sent += word == "resource"
    return last, sent


def run_change(world, client, host):
    host, rename = world.endpoint(host)
    began = time.monotonic_ns()
    rename()
    found = client.collect(wanted(world, "endpoint", host), timeout=60)
    return {
        "last_ms": found.usec / 1e3 - began / 1e6,
        "resources": len(found.resources),
        "began_usec": began / 1e3,
    }


def measure(folder, hosts, clients):
    world = World(pathlib.Path(folder), hosts)
    first = Replica(world, "first")
    second = Replica(world, "second", first.http_port, first.https_port)
    try:
        for replica in (first, second):
            replica.start()
            replica.wait_listening()
            replica.wait_complete()
        client = Client(first, first.expect(), clients, [second.address])
        try:
            client.wait_complete()
            before = run_change(world, client, world.hosts[0])
            rss, spent = memory(first.stages["xds-server"].pid)[0], cpu(first.stages["xds-server"].pid)
            killed = time.monotonic_ns()
            second.kill()
            last, again = wait_moved(client, (first.address, second.address), clients // 2)
            after = run_change(world, client, world.hosts[1 % hosts])
            return {
                "hosts": hosts,
                "clients": clients,
                "moved": clients // 2,
                "ended_ms": last / 1e3 - killed / 1e6,
                "served_ms": after["last_ms"] + (after["began_usec"] / 1e3 - killed / 1e6),
                "again": again + after["resources"] - clients,
                "change_before_ms": before["last_ms"],
                "change_after_ms": after["last_ms"],
                "rss_before": rss,
                "rss_after": memory(first.stages["xds-server"].pid)[0],
                "cpu_ms_a_client": (cpu(first.stages["xds-server"].pid) - spent) * 1e3 / (clients // 2),
            }
        finally:
            client.stop()
    finally:
        first.stop()
        second.stop()


def rows(found):
    head = ["replicas, one killed", "clients", "that moved", "resources sent again", "all served after ms",
            "processor time ms a client", "xds-server RSS MB"]  # fmt: skip
    return [
        head,
        [f"{found['hosts']:,} hosts", f"{found['clients']:,}", f"{found['moved']:,}", f"{found['again']:,}",
         f"{found['served_ms']:.0f}", f"{found['cpu_ms_a_client']:.2f}",
         f"{found['rss_before'] / MB:.0f} → {found['rss_after'] / MB:.0f}"],
    ]  # fmt: skip
