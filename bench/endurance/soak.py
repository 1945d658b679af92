"""bench/soak: a kill every second, and all other trouble that tests/lib/chaos.py knows, under load.

Prints one JSON object; ends with 1 if a request failed, if something was withdrawn from a host that
exists throughout, or if what is served at the end is not what a translation from scratch makes.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time

import chaos
from addresses import loopback
from objects import ingress, path, port, rule, service, slice_of
from run import Run
from traffic import Traffic


def say(text):
    print(text, file=sys.stderr, flush=True)


class Changes(chaos.Thread):
    """So many changes a second."""

    def __init__(self, site, rate):
        super().__init__(self._turn)
        self.site = site
        self.rate = rate
        self.stop_event = threading.Event()

    def _turn(self):
        self.stop_event.wait(1 / self.rate)
        self.site.change()


def write_hosts(manifests, site, n):
    for i in range(n):
        name = f"host-{i}"
        manifests.write(f"{name}.yaml", ingress(name, rule(f"{name}.example.com", path(name))),
                        service(name, port(80)), slice_of(name, site.backends[0].port, site.backends[0].address))
    site.begin()


def wait_ready(run):
    while run.ask("supervisor", "/debug/status")["state"] != "ready":
        time.sleep(0.05)


def kill_one(run, trouble, struck):
    """Whichever stage runs; none if all are on their way back."""
    alive = [(n, c["pid"]) for n, c in sorted(run.children().items()) if n in chaos.STAGES and c["pid"]]
    if not alive:
        struck["none"] += 1
        return
    name, pid = trouble.random.choice(alive)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    struck[f"kill {name}"] += 1


def strike_all(run, trouble, traffic, other):
    struck = collections.Counter()
    kinds = [k for k in chaos.KINDS if k != "kill" and k not in trouble.skipped]
    at = time.monotonic()
    while traffic.running():
        at = max(at + 1, time.monotonic())
        time.sleep(max(0, at - time.monotonic()))
        if trouble.random.random() >= other:
            kill_one(run, trouble, struck)
            continue
        kind, name = trouble.random.choice(kinds), trouble.random.choice(chaos.STAGES)
        wait_ready(run)
        trouble.strike(kind, name)
        struck[f"{kind} {name}"] += 1
    return struck


def soak(o, folder, stack):
    address = loopback()
    hosts = [f"host-{i}.example.com" for i in range(o.hosts)]
    traffic = Traffic(address, hosts + ["still.example.com", "move.example.com", "paths.example.com"], o.rate,
                      o.seconds)
    disk = stack.enter_context(chaos.SmallDisk(folder / "run", size="256m"))
    run = Run(folder, "--watchdog-msec", "2000", "--restart-max-msec", "300", "--log-level", "debug",
              address=address)
    site = chaos.Site(run.manifests, [traffic])
    write_hosts(run.manifests, site, o.hosts)
    stack.enter_context(run)
    run.settle(chaos.PATIENCE)
    trouble = chaos.Chaos(run, o.seed, disk)
    witness = chaos.Witness(chaos.xds_address(run))
    stack.callback(witness.close)
    say(f"{o.hosts} hosts are served; {o.seconds} s begin")
    traffic.begin()
    with chaos.Thread(witness.turn) as watching:
        with Changes(site, o.changes) as changes:
            struck = strike_all(run, trouble, traffic, o.other)
        chaos.settle(run, clients=2)
    converged = chaos.served(run) == chaos.from_scratch(run, folder, ["--listen-address", address])
    return {
        "seed": o.seed, "seconds": o.seconds, "hosts": o.hosts, "requests_per_second": o.rate,
        **traffic.result(), "changes": site.step, "incidents": dict(sorted(struck.items())),
        "skipped": trouble.skipped, "restarts": chaos.restarts(run), "withdrawn": witness.withdrawn,
        "needless_pushes": witness.needless, "witness_connections": witness.connections,
        "errors": [repr(t.error) for t in (changes, watching) if t.error], "converged": converged,
    }


def main():
    parser = argparse.ArgumentParser(prog="bench/soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=500, help="requests a second")
    parser.add_argument("--changes", type=float, default=5, help="changes of objects a second")
    parser.add_argument("--other", type=float, default=0.1, help="share of incidents that are no kill")
    o = parser.parse_args()
    say(f"seed {o.seed}")
    with tempfile.TemporaryDirectory(prefix="portolan-soak-", ignore_cleanup_errors=True) as folder, \
            contextlib.ExitStack() as stack:
        result = soak(o, pathlib.Path(folder), stack)
    print(json.dumps(result, indent=2))
    bad = result["failed"] or result["withdrawn"] or result["needless_pushes"] or result["errors"]
    return 1 if bad or not result["converged"] else 0


if __name__ == "__main__":
    sys.exit(main())
