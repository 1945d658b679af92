"""Churn: many endpoints change all the time, and a few routes beside them.

Events come at a steady rate for some time: first so, then with a recorder; then the recording is
played as fast as it goes. Each event is a file that is renamed into place.
"""

import json
import pathlib
import time

from fleet import Client, Fleet
from processes import STAGES, Failure, Stage, ask, cpu, memory
from figures import MB, summary
from world import World

ENDPOINTS, ROUTES = 200, 5  # events a second
SAMPLES = 6  # of memory, over the time


class Watch:
    """What the client receives: when, and whether it includes anything unchanged."""

    def __init__(self, client):
        self.client = client
        self.waiting = {}  # (kind, name): (ns of the rename, index in sent)
        self.versions = {}
        self.late = []  # ms
        self.needless = self.resources = self.bytes = 0

    def changed(self, kind, name, began):
        """The first rename without an answer counts: a later one may be sent together with it."""
        self.waiting.setdefault((kind, name), began)

    def read(self, until):
        """Reads everything that comes until then."""
        while (left := until - time.monotonic()) > 0:
            line = self.client.line(left)
            if line is None:
                return
            word, _, *rest = line.split()
            if word == "response":
                self.usec = float(rest[0])
                self.bytes += int(rest[4])
            elif word == "resource":
                self.resource(*rest[:3])

    def resource(self, kind, name, version):
        self.resources += 1
        # The name of an EDS resource ends with the port.
        began = self.waiting.pop((kind, name.rpartition("/")[0] if kind == "endpoint" else name), None)
        if began is None and self.versions.get((kind, name)) in (None, version):
            self.needless += 1
        self.versions[kind, name] = version
        if began is not None:
            self.late.append(self.usec / 1e3 - began / 1e6)


def names_of_endpoints(host):
    return f"{host.namespace}/{host.name}"


def run_events(world, watch, seconds, sample):
    """Renames files at the rates. (endpoint events, route events)"""
    counts = [0, 0]
    began = time.monotonic()
    sampled = 0
    while (now := time.monotonic() - began) < seconds:
        if now >= sampled * seconds / SAMPLES:
            sample()
            sampled += 1
        due = (int(now * ENDPOINTS), int(now * ROUTES))
        while counts[0] < due[0]:
            host, rename = world.endpoint()
            watch.changed("endpoint", names_of_endpoints(host), time.monotonic_ns())
            rename()
            counts[0] += 1
        while counts[1] < due[1]:
            host, rename = world.path()
            watch.changed("route", "ingress_http", time.monotonic_ns())
            rename()
            counts[1] += 1
        watch.read(began + (counts[0] + 1) / ENDPOINTS)
    watch.read(time.monotonic() + 1)
    sample()
    return counts


def measure_phase(fleet, client, seconds, stages):
    """Processor time and memory of these stages while events come."""
    watch, held = Watch(client), []
    before = {name: cpu(stage.pid) for name, stage in stages.items()}
    endpoints, routes = run_events(
        fleet.world, watch, seconds,
        lambda: held.append(sum(memory(fleet.stages[name].pid)[0] for name in STAGES)),
    )  # fmt: skip
    spent = {name: cpu(stage.pid) - before[name] for name, stage in stages.items()}
    if watch.waiting:
        raise Failure(f"{len(watch.waiting)} changes did not reach the client")
    events = endpoints + routes
    return {
        "endpoint_events": endpoints,
        "route_events": routes,
        "cpu_us_an_event": {name: s * 1e6 / events for name, s in spent.items()},
        "rss": held,
        "late_ms": summary(watch.late),
        "resources": watch.resources,
        "needless": watch.needless,
        "bytes": watch.bytes,
    }


def wait_for(stage, source, timeout=120):
    """Until the stage has the world of this number."""
    for _ in range(int(timeout / 0.005)):
        try:
            ask(stage.control, f"/debug/wait?source={source}&timeout_ms=60000")
            return
        except (FileNotFoundError, ConnectionRefusedError):
            stage.check()
            time.sleep(0.005)
    raise Failure(f"{stage.name} does not come to world {source}")


def replay(folder, recording, source, events, seconds):
    """From the start of the stages until xds-server has the recording's last world."""
    runtime = folder / "replay"
    runtime.mkdir(mode=0o700)
    began = time.monotonic()
    stages = [
        Stage("watcher", runtime, "--replay", recording, "--replay-speed", "max"),
        Stage("translator", runtime),
        Stage("xds-server", runtime, "--xds-address", "127.0.0.1:0", "--insecure-plaintext"),
    ]
    try:
        for stage in stages:
            wait_for(stage, source)
        took = time.monotonic() - began
        spent = sum(cpu(stage.pid) for stage in stages)
    finally:
        for stage in stages:
            stage.stop()
    return {"events": events, "seconds": took, "cpu_seconds": spent,
            "events_a_second": events / took, "times_real_time": seconds / took}  # fmt: skip


def measure(folder, n, seconds):
    folder = pathlib.Path(folder)
    fleet = Fleet(World(folder / "world", n))
    fleet.began = fleet.start()
    fleet.wait_listening()
    client = Client(fleet, fleet.expect())
    recorder = None
    try:
        client.wait_complete()
        fleet.wait_complete()
        out = {"hosts": n, "seconds": seconds}
        out["alone"] = measure_phase(fleet, client, seconds, fleet.stages)
        recorder = Stage("recorder", fleet.runtime, folder / "recording")
        source = json.loads(ask(fleet.stages["watcher"].control, "/debug/sync"))["source"]
        wait_for(recorder, source)
        stages = {**fleet.stages, "recorder": recorder}
        out["recorded"] = measure_phase(fleet, client, seconds, stages)
        source = json.loads(ask(fleet.stages["watcher"].control, "/debug/sync"))["source"]
        wait_for(recorder, source)
        out["recording_bytes"] = (folder / "recording").stat().st_size
    finally:
        client.stop()
        if recorder:
            recorder.stop()
        fleet.stop()
    events = 3 * n + sum(out["recorded"][k] for k in ("endpoint_events", "route_events"))
    out["replay"] = replay(folder, folder / "recording", source, events, seconds)
    return out


def rows(c):
    """Tables: (events), (replay)."""
    out = [("churn, " + f"{c['hosts']:,} hosts, {c['seconds']:.0f} s", "events/s", "p50 ms", "p99",
            "CPU µs an event: watcher", "translator", "xds-server", "recorder", "all",
            "needless", "RSS MB first", "last")]  # fmt: skip
    for name in ("alone", "recorded"):
        p = c[name]
        spent, events = p["cpu_us_an_event"], p["endpoint_events"] + p["route_events"]
        stages = [f"{spent[stage]:.0f}" for stage in STAGES]
        extra = f"{spent['recorder']:.1f}" if "recorder" in spent else "-"
        out.append((
            name, f"{events / c['seconds']:.0f}", f"{p['late_ms']['p50']:.2f}",
            f"{p['late_ms']['p99']:.2f}", *stages, extra, f"{sum(spent.values()):.0f}",
            f"{p['needless']}", f"{p['rss'][0] / MB:.1f}", f"{p['rss'][-1] / MB:.1f}",
        ))  # fmt: skip
    r = c["replay"]
    replayed = [("replay of it", "events", "seconds", "processor s", "events/s", "x real time"),
                ("all stages, with their start", f"{r['events']:,}", f"{r['seconds']:.2f}",
                 f"{r['cpu_seconds']:.2f}", f"{r['events_a_second']:,.0f}",
                 f"{r['times_real_time']:.0f}")]  # fmt: skip
    return out, replayed
