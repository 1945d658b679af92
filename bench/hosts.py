"""Many hosts of one sort before a real Envoy: with TLS, in both forms of tls.hosts, and hosts that
only redirect.

The clock runs from the rename of a file to the first answer that shows the change. The other figure
is the processor time of Envoy's main thread, which only applies configuration: it is the same
however busy the machine is.
"""

import functools
import os
import pathlib
import socket
import ssl
import time

from envoy import Asker, Envoy
from figures import MB, summary
from fleet import Fleet
from processes import Failure
from world import ProxyHost, World, certificate

REDIRECT = """\
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata:
  name: {name}
  namespace: default
  generation: {generation}
spec:
  virtualhost:
    fqdn: {host}
  routes:
  - requestRedirectPolicy:
      scheme: https
      statusCode: {status}
"""


def main_thread(pid):
    """Seconds of processor time that a process's first thread has used."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


class TlsAsker(Asker):
    """A connection for one server name; `shown` is the certificate that it was answered with."""

    def __init__(self, port, name):
        super().__init__(port)
        self.name = name
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.shown = None

    def status(self, host, path):
        try:
            if not self.socket:
                plain = socket.create_connection(("127.0.0.1", self.port), 30)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.socket = self.context.wrap_socket(plain, server_hostname=self.name)
                self.shown = self.socket.getpeercert(True)
        except OSError:
            self.close()
            return 0
        return super().status(host, path)

    def wait_for_other_certificate(self, than, host, timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.close()
            if self.status(host, "/") and self.shown != than:
                return time.monotonic_ns()
            time.sleep(0.001)
        raise Failure(f"Envoy did not show another certificate for {host}")


def start(fleet):
    began = fleet.start()
    fleet.wait_listening()
    fleet.wait_complete()
    return began


def timed(envoy, change, seen):
    """One change: (ms until it is seen, ms of Envoy's main thread)."""
    used = main_thread(envoy.process.pid)
    began = time.monotonic_ns()
    change()
    at = seen()
    # Envoy's work after the first answer belongs to the change, too.
    while True:
        before = main_thread(envoy.process.pid)
        time.sleep(0.02)
        if main_thread(envoy.process.pid) - before < 0.001:
            break
    return (at - began) / 1e6, (main_thread(envoy.process.pid) - used) * 1e3


def tls_changes(fleet, envoy, kept):
    """{kind: function that makes one change and says (ms, ms of the main thread)}"""
    world = fleet.world

    def new_host():
        host, rename = world.new_host()
        asker = TlsAsker(fleet.https_port, host.host)
        try:
            return timed(envoy, rename, functools.partial(
                asker.wait_for, 503, host.host, "/", again=0.001))  # fmt: skip
        finally:
            asker.close()

    def path():
        host = world.pick()
        old = host.path
        asker = TlsAsker(fleet.https_port, host.host)
        asker.wait_for(503, host.host, old)
        try:
            rename = world.path(host)[1]
            return timed(envoy, rename, functools.partial(asker.wait_for, 404, host.host, old))
        finally:
            asker.close()

    def rotation():
        host = world.pick()
        asker = TlsAsker(fleet.https_port, host.host)
        asker.wait_for(503, host.host, host.path)
        host.tls = certificate(host.host)
        rename = world.prepare(host)
        try:
            return timed(envoy, rename, functools.partial(
                asker.wait_for_other_certificate, asker.shown, host.host))  # fmt: skip
        finally:
            asker.close()

    def checked(change):
        found = change()
        if kept.status(kept.name, "/") != 503:
            raise Failure("a connection of another host was closed")
        return found

    return {f.__name__: functools.partial(checked, f) for f in (new_host, path, rotation)}


def run_tls(folder, n, repeat, form):
    """n TLS hosts in this form."""
    fleet = Fleet(World(folder, n, tls=True, kind=ProxyHost), translator=["--tls-hosts", form])
    envoy = None
    try:
        start(fleet)
        world = fleet.world
        began = time.monotonic_ns()
        envoy = Envoy(fleet)
        kept = TlsAsker(fleet.https_port, world.hosts[-1].host)
        full = kept.wait_for(503, kept.name, "/") - began
        # Each certificate is fetched once, as by the clients of a fleet that has run for a while.
        for host in world.hosts:
            asker = TlsAsker(fleet.https_port, host.host)
            asker.wait_for(503, host.host, host.path)
            asker.close()
        out = {"hosts": n, "version": envoy.version(), "start_ms": full / 1e6, "changes": {}}
        for kind, change in tls_changes(fleet, envoy, kept).items():
            change()
            runs = [change() for _ in range(repeat)]
            out["changes"][kind] = {"ms": summary([r[0] for r in runs]),
                                    "main_ms": summary([r[1] for r in runs])}  # fmt: skip
        kept.close()
        out["rss"], _ = envoy.memory()
        out["stages"] = {name: rss for name, (rss, _) in fleet.memory().items()}
        return out
    finally:
        if envoy:
            envoy.stop()
        fleet.stop()


class Redirects:
    """A folder of hosts that only redirect, all alike; the world that Fleet needs."""

    def __init__(self, folder, n):
        self.root = pathlib.Path(folder)
        self.manifests, self.beside = self.root / "manifests", self.root / "beside"
        self.manifests.mkdir()
        self.beside.mkdir()
        self.n = 0
        while self.n < n:
            self.prepare(self.n, 301)()
            self.n += 1

    @staticmethod
    def host(number):
        return f"host-{number:05d}.example.com"

    def prepare(self, number, status, generation=1):
        name = f"host-{number:05d}"
        (self.beside / name).write_text(REDIRECT.format(
            name=name, host=self.host(number), status=status, generation=generation))  # fmt: skip
        return functools.partial(os.rename, self.beside / name, self.manifests / f"{name}.yaml")


def run_redirects(folder, n, repeat):
    world = Redirects(folder, n)
    fleet = Fleet(world)
    envoy = None
    try:
        start(fleet)
        began = time.monotonic_ns()
        envoy = Envoy(fleet)
        full = envoy.asker.wait_for(301, world.host(n - 1), "/") - began
        out = {"hosts": n, "version": envoy.version(), "start_ms": full / 1e6, "changes": {}}

        def new_host(_):
            number, world.n = world.n, world.n + 1
            return timed(envoy, world.prepare(number, 301),
                         functools.partial(envoy.asker.wait_for, 301, world.host(number), "/"))  # fmt: skip

        def other_redirect(i):
            number = i * 7919 % n
            return timed(envoy, world.prepare(number, 302, 2 + i),
                         functools.partial(envoy.asker.wait_for, 302, world.host(number), "/"))  # fmt: skip

        for change in (new_host, other_redirect):
            change(repeat)
            runs = [change(i) for i in range(repeat)]
            out["changes"][change.__name__] = {"ms": summary([r[0] for r in runs]),
                                               "main_ms": summary([r[1] for r in runs])}  # fmt: skip
        out["rss"], _ = envoy.memory()
        out["stages"] = {name: rss for name, (rss, _) in fleet.memory().items()}
        return out
    finally:
        if envoy:
            envoy.stop()
        fleet.stop()


TITLES = {
    "new_host": "new host", "path": "changed path", "rotation": "new certificate",
    "other_redirect": "another redirect",
}  # fmt: skip


def rows(name, found):
    """Of a table: one for each kind of change."""
    stages = found["stages"]
    return [(
        f"{name}: {TITLES[kind]}", f"{found['hosts']:,}", f"{s['ms']['p50']:.1f}", f"{s['ms']['min']:.1f}",
        f"{s['ms']['p99']:.1f}", f"{s['main_ms']['p50']:.1f}", f"{s['main_ms']['min']:.1f}",
        f"{found['start_ms']:.0f}", f"{found['rss'] / MB:.0f}",
        *(f"{stages[stage] / MB:.0f}" for stage in ("watcher", "translator", "xds-server")),
    ) for kind, s in found["changes"].items()]  # fmt: skip


HEAD = ("manifest to Envoy's answer, ms", "hosts", "p50", "min", "p99", "Envoy's main thread p50", "min",
        "Envoy's start", "Envoy RSS MB", "watcher", "translator", "xds-server")  # fmt: skip
