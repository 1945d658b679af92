"""HTTPProxies in trees, and a translator alone between two sockets: from the last byte of a frame
that changes one leaf to the last byte of the frame with the result.

The test plays the watcher's and xds-server's ends of the links, with the protocol of tests/lib, and
sends the objects that the real watcher reads from files.
"""

import collections
import functools
import pathlib
import select
import statistics
import subprocess
import sys
import time

from figures import MB, summary
from processes import TOP, Failure, Stage, cpu, memory, program

sys.path.append(str(TOP / "tests" / "lib"))
import frames

RUNS = "portolan_translator_unit_runs_total"
TREE = 10  # HTTPProxies in one: a root and its leaves

UPSTREAM = """\
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: {namespace}
spec:
  ports:
  - port: 80
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  namespace: {namespace}
  labels:
    kubernetes.io/service-name: web
addressType: IPv4
endpoints:
- addresses: ["127.1.{a}.{b}"]
  conditions: {{ready: true}}
ports:
- port: 8080
  protocol: TCP
---
"""

ROOT = """\
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata:
  name: root
  namespace: {namespace}
spec:
  virtualhost:
    fqdn: {namespace}.example.com
  includes:
{includes}"""

INCLUDE = """\
  - name: leaf-{leaf}
    conditions:
    - prefix: /{leaf}
"""

LEAF = """\
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata:
  name: leaf-{leaf}
  namespace: {namespace}
  generation: {generation}
spec:
  routes:
  - conditions:
    - prefix: /v{generation}
    services:
    - name: web
      port: 80
  - conditions:
    - prefix: /other
    services:
    - name: web
      port: 80
"""


def tree(number):
    fields = {"namespace": f"tree-{number:04d}", "a": number >> 8, "b": number & 255}
    leaves = range(TREE - 1)
    return (UPSTREAM + ROOT).format(**fields, includes="".join(INCLUDE.format(leaf=i) for i in leaves)) + "".join(
        LEAF.format(**fields, leaf=i, generation=1) for i in leaves)


def read(folder):
    """The state that the watcher makes of a folder."""
    run = [program("portolan-watcher"), "--once", "--manifests", folder, "--write-stream", "-"]
    done = subprocess.run(run, capture_output=True, stdin=subprocess.DEVNULL)
    mirror = frames.Mirror()
    for frame in frames.read_stream(done.stdout):
        if frame.type != frames.HELLO:
            mirror.take(frame)
    if not mirror.state.complete:
        raise Failure(done.stderr.decode()[-2000:])
    return mirror.state


class Translator:
    """A translator, with both its neighbours played by us."""

    def __init__(self, folder):
        self.runtime = pathlib.Path(folder) / "run"
        self.runtime.mkdir(mode=0o700)
        self.watcher = frames.Producer(self.runtime / "objects.sock", "watcher")
        self.stage = Stage("translator", self.runtime)
        while not (self.runtime / "resources.sock").exists():
            self.stage.check()
            time.sleep(0.001)
        reports = frames.State()
        reports.complete, reports.generation = True, 1
        self.xds = frames.connect(self.runtime / "resources.sock", "xds-server", reports)
        self.watcher.wait(lambda w: w.peer and w.peer.hello)
        # It waits for xds-server's reports before it sends anything itself.
        self.xds.wait(lambda x: x.hello and x.in_sync)
        self.source = 0

    def exchange(self, data, done):
        """Sends bytes to the translator and reads its resources until done(bytes): (ns from the
        last piece to the last byte, bytes). Its output for the watcher is read later: our end is
        slow."""
        sock, raw = self.xds.sock, bytearray()
        data = memoryview(data)
        watcher = self.watcher.peer.sock
        began = time.monotonic_ns()
        watcher.setblocking(False)
        while True:
            readable, writable, _ = select.select([sock], [watcher] if data else [], [], 60)
            if not readable and not writable:
                raise Failure("the translator does not answer")
            if writable:
                began = time.monotonic_ns() # of the last piece
                data = data[watcher.send(data):]
            if sock in readable:
                raw += sock.recv(1 << 20)
                now = time.monotonic_ns()
                if done(raw):
                    watcher.setblocking(True)
                    return now - began, bytes(raw)

    def take(self, raw):
        """Puts the received frames into the mirror, and acknowledges them."""
        self.xds.input.add(raw)
        for frame in self.xds.input:
            self.xds.handle(frame)

    def push(self, changed=None):
        """A new world: all of it, or with this item changed."""
        state = self.watcher.state
        since = state.generation
        if changed:
            state[changed.kind, changed.key] = changed
        self.source += 1
        state.generation, state.source, state.complete = since + 1, self.source, True
        data = frames.snapshot(state) if not changed else frames.delta(state, since, [changed], [])
        peer = self.watcher.peer
        peer.waiting_for, peer.sent = state.generation, dict(state)
        ns, raw = self.exchange(data, functools.partial(is_world, source=self.source))
        self.take(raw)
        self.watcher.wait_in_sync()
        return ns

    def units_run(self):
        """{kind of unit: runs}"""
        found = self.stage.metrics().items()
        return collections.Counter({n.split('"')[1]: int(v) for n, v in found if n.startswith(RUNS)})

    def stop(self):
        self.xds.close()
        self.watcher.close()
        self.stage.stop()


def is_world(raw, source):
    """Whether bytes of a link end with the whole of the world of that number."""
    at, last, began = 0, None, None
    while at + frames.HEADER.size <= len(raw):
        _, length, type, *_ = frames.HEADER.unpack_from(raw, at)
        end = at + frames.HEADER.size + length
        if end > len(raw):
            return False
        last = type, raw[at + frames.HEADER.size:end]
        if type == frames.SNAPSHOT_BEGIN:
            began = frames.schema()["SnapshotBegin"].FromString(bytes(last[1])).source
        at = end
    if at != len(raw) or last is None:
        return False
    if last[0] == frames.DELTA:
        delta = frames.schema()["Delta"].FromString(bytes(last[1]))
        return not delta.more and delta.source == source
    return last[0] == frames.SNAPSHOT_END and began == source


def measure(folder, n, repeat):
    """n HTTPProxies: the first translation, and changes of one leaf each."""
    folder = pathlib.Path(folder)
    manifests, changed = folder / "manifests", folder / "changed"
    manifests.mkdir()
    changed.mkdir()
    trees = n // TREE
    for i in range(trees):
        (manifests / f"tree-{i:04d}.yaml").write_text(tree(i))
    picks = [(i * 7919 % trees, i % (TREE - 1)) for i in range(repeat)]
    for i, (number, leaf) in enumerate(picks):
        text = LEAF.format(namespace=f"tree-{number:04d}", leaf=leaf, generation=2 + i)
        (changed / f"{i:04d}.yaml").write_text(text)
    items = {i.key: i for i in read(changed).values() if b"/leaf-" in i.key}
    translator = Translator(folder)
    try:
        translator.watcher.state.update(read(manifests))
        first = translator.push()
        out = {"proxies": n, "first_ms": first / 1e6, "first_cpu_ms": cpu(translator.stage.pid) * 1e3,
               "resources": len(translator.xds.mirror.state)}
        out["rss"], out["pss"] = memory(translator.stage.pid)
        times, units, spent = [], [], []
        for item in items.values():
            before, used = translator.units_run(), cpu(translator.stage.pid)
            times.append(translator.push(item) / 1e6)
            spent.append((cpu(translator.stage.pid) - used) * 1e3)
            units.append(translator.units_run() - before)
        out |= {"leaf_ms": times, "leaf_units": units, "leaf_cpu_ms": spent,
                "rss_after": memory(translator.stage.pid)[0]}
        return out
    finally:
        translator.stop()


def rows(found):
    """Of a table."""
    leaf = summary(found["leaf_ms"])
    return [
        ("translator alone, frame to frame, ms", "HTTPProxies", "first world", "its CPU", "RSS MB",
         "changed leaf p50", "min", "p99", "CPU", "units"),
        (f"trees of {TREE}", f"{found['proxies']:,}", f"{found['first_ms']:.0f}", f"{found['first_cpu_ms']:.0f}",
         f"{found['rss'] / MB:.0f}", f"{leaf['p50']:.2f}", f"{leaf['min']:.2f}", f"{leaf['p99']:.2f}",
         f"{statistics.median(found['leaf_cpu_ms']):.2f}",
         f"{statistics.median(sum(u.values()) for u in found['leaf_units']):.0f}: " + ", ".join(
             f"{n} {kind}" for kind, n in found["leaf_units"][-1].items())),
    ]  # fmt: skip
