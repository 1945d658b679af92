"""bench/resilience: from kill -9 of a stage until it is whole again; how fast a recording plays; what recording
costs. Prints one JSON object.

*Whole*: the translator has translated the world that the watcher holds, xds-server has its complete set and
takes connections, the watcher has read all manifests. Without a supervisor: the stage is started again
at once, as systemd and portolan-supervisor do for one that has lived for a while (systemd after 100 ms).
"""

import argparse
import json
import pathlib
import socket
import statistics
import sys
import tempfile
import time

from fleet import Fleet
from processes import STAGES, Stage, ask, cpu
from world import World


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait(stage, source, deadline=180):
    """Until it has got to that world; tries again until its control socket is there."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        stage.check()
        try:
            ask(stage.control, f"/debug/wait?source={source}&timeout_ms=60000")
            return
        except (FileNotFoundError, ConnectionError):
            time.sleep(0.0005)
    raise TimeoutError(f"{stage.name} does not get to {source}")


def source_of(stage):
    return json.loads(ask(stage.control, "/debug/wait"))["source"]


def recover(fleet, name, source):
    """Seconds from the kill until the next one is whole."""
    old = fleet.stages[name]
    began = time.monotonic()
    old.popen.kill()
    old.popen.wait()
    fleet.stages[name] = stage = Stage(name, fleet.runtime, *fleet.arguments(name))
    if name == "xds-server":
        fleet.wait_listening()
    # A watcher numbers its worlds anew.
    wait(stage, 1 if name == "watcher" else source)
    took = time.monotonic() - began
    source = json.loads(ask(fleet.stages["watcher"].control, "/debug/sync"))["source"]
    for each in STAGES:
        wait(fleet.stages[each], source)
    return took, source


def measure_recovery(fleet, rounds):
    source = json.loads(ask(fleet.stages["watcher"].control, "/debug/sync"))["source"]
    out = {}
    for name in STAGES:
        times = []
        for _ in range(rounds):
            took, source = recover(fleet, name, source)
            times.append(took * 1000)
        out[name] = {"median_ms": round(statistics.median(times), 1), "max_ms": round(max(times), 1)}
        say(f"{name}: {out[name]}")
    return out


def measure_recording(fleet, path, seconds, rate):
    """Changes at a rate, recorded: processor time of the recorder and of the others."""
    recorder = Stage("recorder", fleet.runtime, path)
    wait(recorder, source_of(fleet.stages["watcher"]))
    everybody = {**fleet.stages, "recorder": recorder}
    before = {name: cpu(stage.pid) for name, stage in everybody.items()}
    began = at = time.monotonic()
    changes = 0
    while at < began + seconds:
        host = fleet.world.hosts[changes % len(fleet.world.hosts)]
        host.generation += 1
        host.path = f"/v{host.generation}"
        fleet.world.prepare(host)()
        changes += 1
        at = max(at + 1 / rate, time.monotonic())
        time.sleep(max(0, at - time.monotonic()))
    source = json.loads(ask(fleet.stages["watcher"].control, "/debug/sync"))["source"]
    for stage in everybody.values():
        wait(stage, source)
    took = time.monotonic() - began
    used = {name: cpu(stage.pid) - before[name] for name, stage in everybody.items()}
    recorder.stop()
    others = sum(v for name, v in used.items() if name != "recorder")
    return source, took, {
        "changes": changes, "seconds": round(took, 2),
        "recorder_percent_of_a_processor": round(100 * used["recorder"] / took, 2),
        "recorder_percent_of_the_stages": round(100 * used["recorder"] / others, 2),
        "bytes": path.stat().st_size,
    }


def measure_replay(folder, path, hosts, changes, source, took):
    """From the start of the stages on the recording, until xds-server has its last world."""
    runtime = folder / "replay"
    runtime.mkdir(mode=0o700)
    began = time.monotonic()
    stages = [Stage("watcher", runtime, "--replay", path, "--replay-speed", "max"),
              Stage("translator", runtime), Stage("xds-server", runtime, "--xds-address", "127.0.0.1:0", "--insecure-plaintext")]
    try:
        spent = []
        for stage in stages:
            wait(stage, source)
            spent.append(time.monotonic() - began)
    finally:
        for stage in stages:
            stage.stop()
    events = hosts * 3 + changes
    return {"events": events, "watcher_seconds": round(spent[0], 3), "all_stages_seconds": round(spent[2], 3),
            "events_a_second": round(events / spent[2]), "times_real_time": round(took / spent[2], 1)}


def main():
    parser = argparse.ArgumentParser(prog="bench/resilience", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5, help="kills of each stage")
    parser.add_argument("--seconds", type=float, default=30, help="of recording")
    parser.add_argument("--rate", type=float, default=20, help="changes a second while recording")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portolan-bench-", ignore_cleanup_errors=True) as folder:
        folder = pathlib.Path(folder)
        fleet = Fleet(World(folder / "world", o.hosts))
        fleet.start()
        try:
            for waiter in fleet.waiters:
                waiter.join()
            say(f"{o.hosts} hosts are there")
            result = {"hosts": o.hosts, "from_kill_until_whole": measure_recovery(fleet, o.rounds)}
            path = folder / "recording"
            source, took, result["recording"] = measure_recording(fleet, path, o.seconds, o.rate)
            say(f"recording: {result['recording']}")
        finally:
            fleet.stop()
        result["replay"] = measure_replay(folder, path, o.hosts, result["recording"]["changes"], source, took)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    sys.exit(main())
