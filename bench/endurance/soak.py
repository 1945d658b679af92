"""bench/soak: a kill every second, and all other trouble of tests/lib/chaos.py, under load.

Prints one JSON object; ends with 1 if a request failed, if anything was withdrawn from a host that
exists throughout, if a new Envoy did not accept everything served, or if the served state at the
end differs from a translation from scratch. Beside Envoy there is one that refuses at random and
one that never reads; with --kube the objects are in a real API server, which is restarted now and
then.
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
from cluster import Cluster, Objects, Restarts
from guests import Newcomers, NeverReads, Refuser
from netns import NetworkNamespace
from objects import ingress, path, port, rule, service, slice_of
from run import Run
from traffic import Traffic


def say(text):
    print(text, file=sys.stderr, flush=True)


class Changes(chaos.Thread):
    """This many changes a second."""

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
    """Any running stage; None if all are restarting."""
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
        struck[strike(run, trouble, kind, name)] += 1
    return struck


def strike(run, trouble, kind, name):
    """What has happened. On a busy machine the supervisor may take a stage for stuck a moment before."""
    had = run.log.stat().st_size
    try:
        trouble.strike(kind, name)
    except (ProcessLookupError, ConnectionError):
        with open(run.log, "rb") as log:
            log.seek(max(0, had - 2000))
            text = log.read().decode(errors="replace")
        if f"{name} (pid" not in text or "has not fed its watchdog" not in text:
            raise AssertionError(f"{name} ended by itself:\n{text[-4000:]}") from None
        return f"starved {name}"
    return f"{kind} {name}"


@contextlib.contextmanager
def guests(o, run, folder, address):
    """Their results, after they have left."""
    xds = chaos.xds_address(run)
    refuser, deaf = Refuser(xds, o.seed), NeverReads(xds)
    newcomers = Newcomers(run, folder / "newcomers", address, "still.example.com", o.newcomer)
    said = {}
    with refuser, deaf, newcomers:
        yield said
    said.update(refused_at_random=refuser.refused, never_read=deaf.times, newcomers=newcomers.times,
                newcomers_refused=newcomers.bad, guest_errors=[repr(t.error) for t in (refuser, deaf, newcomers)
                                                               if t.error])


def wait_converged(run, folder, address):
    """A refusal ends some seconds after the refusing Envoy has left, and an API server's changes
    take their time."""
    end = time.monotonic() + chaos.PATIENCE
    while True:
        served = chaos.served(run)
        scratch = chaos.from_scratch(run, folder, ["--listen-address", address])
        if served == scratch:
            return []
        if time.monotonic() > end:
            return [f"{kind} {n}" for kind in served.keys() | scratch.keys()
                    for n in served.get(kind, {}).keys() | scratch.get(kind, {}).keys()
                    if served.get(kind, {}).get(n) != scratch.get(kind, {}).get(n)][:20] or ["?"]
        time.sleep(1)


def soak(o, folder, stack):
    address = "10.1.0.1" if o.kube else loopback()
    hosts = [f"host-{i}.example.com" for i in range(o.hosts)]
    traffic = Traffic(address, hosts + ["still.example.com", "move.example.com", "paths.example.com"], o.rate,
                      o.seconds)
    disk = stack.enter_context(chaos.SmallDisk(folder / "run", size="256m"))
    cluster = stack.enter_context(Cluster(folder / "cluster")) if o.kube else None
    source = ("--kubeconfig", cluster.kubeconfig) if cluster else ()
    run = Run(folder, "--watchdog-msec", "6000", "--restart-max-msec", "300", "--log-level", "debug",
              address=address, source=source)
    if cluster:
        run.manifests = Objects(cluster.kube, run.manifests.path)
    site = chaos.Site(run.manifests, [traffic])
    write_hosts(run.manifests, site, o.hosts)
    stack.enter_context(run)
    run.settle(chaos.PATIENCE)
    trouble = chaos.Chaos(run, o.seed, disk)
    if cluster:
        trouble.skipped.append("memory")  # thousands of objects at once, which the server would hold up
    witness = chaos.Witness(chaos.xds_address(run))
    stack.callback(witness.close)
    say(f"{o.hosts} hosts are served; {o.seconds} s begin")
    traffic.begin()
    with chaos.Thread(witness.turn) as watching:
        with guests(o, run, folder, address) as guest, contextlib.ExitStack() as inner:
            restarts = inner.enter_context(Restarts(cluster.kube, o.restart, o.seed)) if cluster else None
            changes = inner.enter_context(Changes(site, o.changes))
            struck = strike_all(run, trouble, traffic, o.other)
        if watching.error:
            raise watching.error
        chaos.settle(run, clients=2)
    differs = wait_converged(run, folder, address)
    return {
        "seed": o.seed, "seconds": o.seconds, "hosts": o.hosts, "requests_per_second": o.rate,
        **traffic.result(), "changes": site.step, "incidents": dict(sorted(struck.items())), **guest,
        "api_server_restarts": restarts.times if restarts else None,
        "skipped": trouble.skipped, "restarts": chaos.restarts(run), "withdrawn": witness.withdrawn,
        "needless_pushes": witness.needless, "witness_connections": witness.connections,
        "errors": [repr(t.error) for t in (changes, watching, restarts) if t and t.error], "converged": not differs,
        "differs": differs,
    }


def in_namespace():
    """The same in a network namespace, where an API server's addresses are local."""
    with NetworkNamespace() as ns:
        inside = ns.popen([sys.executable, *sys.argv], env={**os.environ, "SOAK_INSIDE": "1"})
        try:
            return inside.wait()
        finally:
            inside.kill()


def main():
    parser = argparse.ArgumentParser(prog="bench/soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=500, help="requests a second")
    parser.add_argument("--changes", type=float, default=5, help="changes of objects a second")
    parser.add_argument("--other", type=float, default=0.1, help="share of incidents that are no kill")
    parser.add_argument("--newcomer", type=float, default=20, help="seconds between new Envoys")
    parser.add_argument("--kube", action="store_true", help="the objects are in a real API server")
    parser.add_argument("--restart", type=float, default=20, help="seconds between its restarts")
    o = parser.parse_args()
    if o.kube and "SOAK_INSIDE" not in os.environ:
        return in_namespace()
    say(f"seed {o.seed}")
    with tempfile.TemporaryDirectory(prefix="portolan-soak-", ignore_cleanup_errors=True) as folder, \
            contextlib.ExitStack() as stack:
        result = soak(o, pathlib.Path(folder), stack)
    print(json.dumps(result, indent=2))
    bad = any(result[what] for what in ("failed", "withdrawn", "needless_pushes", "errors", "guest_errors",
                                        "newcomers_refused"))
    return 1 if bad or not result["converged"] else 0


if __name__ == "__main__":
    sys.exit(main())
