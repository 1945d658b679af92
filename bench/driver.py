"""bench/run: how fast a change gets from a manifest to a client, and at what cost.

The stages are real processes; docs/understand/performance.md says what is measured and how.
"""

import argparse
import contextlib
import datetime
import functools
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import churn
import growth
import hosts
import nginx
import plot
import proxying
import replicas
import trees
from envoy import Backend, Envoy, cores
from figures import MB, summary, table
from fleet import Client, Fleet, wanted
from processes import BUILD, TOP, Failure, cpu, memory
from world import World

CHANGES = ("endpoint", "path", "new_host")
TITLES = {"endpoint": "changed endpoint", "path": "changed path", "new_host": "new host"}
SUITES = ("changes", "cold", "clients", "tls", "churn", "envoy", "requests", "hosts", "redirects",
          "nginx", "trees", "replicas")
FULL = {"requests", "hosts", "redirects", "nginx"}  # not without --full: they take as long as all others
LARGE = 50000  # hosts: from here on one round is enough
REST = 3  # seconds after a start: by then the stages have given back what only the start needed
SIZES = ("response_bytes", "resource_bytes", "changed_bytes")


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- the machine ----


def pipe_round_trips(n=2000):
    """µs to wake a process and to be woken by it."""
    there, back = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there[1])
        while os.read(there[0], 1):
            os.write(back[1], b"x")
        os._exit(0)
    times = []
    for _ in range(n):
        began = time.monotonic_ns()
        os.write(there[1], b"x")
        os.read(back[0], 1)
        times.append((time.monotonic_ns() - began) / 1e3)
    for fd in (*there, *back):
        os.close(fd)
    os.waitpid(child, 0)
    return summary(times)


def stolen():
    """Processor time since boot that the hypervisor took, and all of it, in ticks."""
    fields = [int(f) for f in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return fields[7], sum(fields)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def revision():
    run = ["git", "-C", TOP, "describe", "--always", "--dirty", "--tags"]
    done = subprocess.run(run, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() or "unknown"


# ---- measurements ----


@contextlib.contextmanager
def running(n, tls=False):
    """A fleet over N hosts in a fresh folder, started; ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
        fleet = Fleet(World(folder, n, tls))
        try:
            fleet.began = fleet.start()
            fleet.wait_listening()
            yield fleet
        except Failure:
            for stage in fleet.stages.values():
                say(f"---- {stage.log.name}\n{stage.log.read_text(errors='replace')[-2000:]}")
            raise
        finally:
            fleet.stop()


def change(fleet, client, kind):
    """One change: (ms until the client had it, units run, Arrival)."""
    host, rename = getattr(fleet.world, kind)()
    before = fleet.units_run()
    began = time.monotonic_ns()
    rename()
    arrival = client.collect(wanted(fleet.world, kind, host))
    return arrival.usec / 1e3 - began / 1e6, fleet.units_run() - before, arrival


def measure_changes(fleet, client, kinds, repeat):
    out = {}
    for kind in kinds:
        for _ in range(3):
            change(fleet, client, kind)
        cpu = fleet.cpu()
        runs = [change(fleet, client, kind) for _ in range(repeat)]
        spent = {k: (v - cpu[k]) * 1e3 / repeat for k, v in fleet.cpu().items()}
        out[kind] = {
            "ms": [run[0] for run in runs],
            "units": [run[1] for run in runs],
            **{what: sum(getattr(run[2], what) for run in runs) / repeat for what in SIZES},
            "cpu_ms": spent,
        }
    return out


def cold_start(fleet):
    """Starts a client as soon as it can connect; returns the events until it had everything."""
    client = Client(fleet, fleet.expect())
    usec, responses, resources, size = client.wait_complete()
    cpu = fleet.cpu()
    fleet.wait_complete()
    return client, {
        "ms": usec / 1e3 - fleet.began / 1e6,
        "complete_ms": {name: at / 1e6 for name, at in fleet.complete.items()},
        "first_ms": {kind: at / 1e3 - fleet.began / 1e6 for kind, at in client.first.items()},
        "cpu_ms": {name: seconds * 1e3 for name, seconds in cpu.items()},
        "responses": responses,
        "resources": resources,
        "bytes": size,
        "manifest_bytes": fleet.world.bytes,
    }


def run_nginx(args):
    out = {"hosts": {}, "requests": {}}
    for name, annotations in nginx.FORMS.items():
        say(f"{args.nginx:,} Ingresses: {name}")
        with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
            out["hosts"][name] = nginx.run_hosts(pathlib.Path(folder), args.nginx, args.repeat, annotations)
    if not proxying.is_possible():
        return out
    for name, annotations in {"plain": None, **nginx.FILTERS}.items():
        say(f"requests: {name}")
        with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
            out["requests"][name] = nginx.run_requests(pathlib.Path(folder), args.rounds, annotations)
    return out


def memory_of(fleet):
    each = {name: {"rss": r, "pss": p} for name, (r, p) in fleet.memory().items()}
    total = {key: sum(m[key] for m in each.values()) for key in ("rss", "pss")}
    return {"stages": each, "total": total}


def run_changes(n, args, tls=False):
    rounds = []
    number = 1 if n >= LARGE and not args.full else args.rounds
    for i in range(number):
        say(f"{n:,} hosts{' with TLS' if tls else ''}, round {i + 1} of {number}")
        with running(n, tls) as fleet:
            client, cold = cold_start(fleet)
            try:
                time.sleep(REST)
                memory = memory_of(fleet)
                kinds = ("new_host",) if tls else CHANGES
                changes = measure_changes(fleet, client, kinds, args.repeat)
                after = memory_of(fleet)
            finally:
                client.stop()
        rounds.append({"cold": cold, "memory": memory, "memory_after": after, "changes": changes})
    return rounds


def run_clients(n, clients, repeat):
    """ms between the first and the last of many clients to get one change, and the cost of it to
    xds-server."""
    say(f"{clients} clients at {n:,} hosts")
    out = {"hosts": n, "clients": clients}
    with running(n) as fleet:
        pid = fleet.stages["xds-server"].pid
        fleet.wait_complete()
        bare = memory(pid)[0]
        client = Client(fleet, fleet.expect(), clients)
        try:
            client.wait_complete()
            for kind in ("endpoint", "path"):
                spreads, lasts, used = [], [], cpu(pid)
                for _ in range(repeat):
                    host, rename = getattr(fleet.world, kind)()
                    began = time.monotonic_ns()
                    rename()
                    times = client.collect(wanted(fleet.world, kind, host)).by_client.values()
                    spreads.append((max(times) - min(times)) / 1e3)
                    lasts.append(max(times) / 1e3 - began / 1e6)
                used = (cpu(pid) - used) * 1e6 / repeat / clients
                out[kind] = {"spread_ms": summary(spreads), "last_ms": summary(lasts), "cpu_usec": used}
            time.sleep(proxying.SETTLE)
            out["client_bytes"] = (memory(pid)[0] - bare) / clients
        finally:
            client.stop()
    return out


def run_envoy(n, repeat):
    """ms until a real Envoy serves a change, beside ms until its bytes are at a client."""
    say(f"Envoy at {n:,} hosts")
    backend = Backend()
    with running(n) as fleet:
        world = fleet.world
        client = Client(fleet, fleet.expect())
        envoy = None
        try:
            client.wait_complete()
            fleet.wait_complete()
            began = time.monotonic_ns()
            envoy = Envoy(fleet)
            # Nothing listens at the hosts' addresses, so routed requests are answered with 503.
            full = envoy.asker.wait_for(503, world.hosts[-1].host, "/") - began
            out = {"version": envoy.version(), "start_ms": full / 1e6, "changes": {}}
            for kind in CHANGES:
                runs = [envoy_change(fleet, client, envoy, backend, kind) for _ in range(repeat)]
                out["changes"][kind] = {
                    "envoy_ms": summary([run[0] for run in runs]),
                    "client_ms": summary([run[1] for run in runs]),
                    "envoy_own_ms": summary([run[0] - run[1] for run in runs]),
                }
            out["rss"], out["pss"] = envoy.memory()
            return out
        finally:
            client.stop()
            if envoy:
                envoy.stop()
            backend.stop()


def envoy_change(fleet, client, envoy, backend, kind):
    """One change: (ms until Envoy answers accordingly, ms until the client had it)."""
    world = fleet.world
    if kind == "path":
        # Asked at the old path, which goes.
        host = world.pick()
        path, status = host.path, 404
        rename = world.path(host)[1]
    elif kind == "endpoint":
        # To an address with a listener, or from there.
        host = world.pick()
        path, status = host.path, 503 if host.port == backend.port else 200
        address = ("127.0.0.1", backend.port) if status == 200 else ("127.1.1.1", 8080)
        rename = world.endpoint(host, *address)[1]
    else:
        host, rename = world.new_host()
        path, status = host.path, 503
    if envoy.asker.status(host.host, path) == status:
        raise Failure(f"{host.host}{path} is answered with {status} before it is changed")
    began = time.monotonic_ns()
    rename()
    seen = envoy.asker.wait_for(status, host.host, path)
    arrival = client.collect(wanted(world, kind, host))
    return (seen - began) / 1e6, arrival.usec / 1e3 - began / 1e6


# ---- output ----


def pooled(rounds, kind):
    """All rounds of one kind of change as one: the median of the rounds' medians, with their range,
    and the other quantiles of all runs together."""
    runs = [r["changes"][kind] for r in rounds]
    medians = [statistics.median(run["ms"]) for run in runs]
    every = [ms for run in runs for ms in run["ms"]]
    units = [u for run in runs for u in run["units"]]
    return summary(every) | {
        "p50": statistics.median(medians),
        "p50_rounds": [min(medians), max(medians)],
        "units": statistics.median(units),
        "units_max": max(units),
        **{what: statistics.median(run[what] for run in runs) for what in SIZES},
        "cpu_ms": {k: statistics.median(r["cpu_ms"][k] for r in runs) for k in runs[0]["cpu_ms"]},
    }


def print_changes(results, out):
    rows = [("manifest to client, ms", "hosts", "p50", "rounds", "p99", "max", "units", "bytes",
             "of resources", "/changed", "CPU ms: watcher", "translator",
             "xds-server")]  # fmt: skip
    for block in results:
        for kind, s in block["changes"].items():
            name = TITLES[kind] + (", TLS" if block["tls"] else "")
            low, high = s["p50_rounds"]
            units = f"{s['units']:.0f}" + (
                f" (max {s['units_max']:.0f})" if s["units_max"] != s["units"] else ""
            )
            rows.append((
                name, f"{block['hosts']:,}", f"{s['p50']:.2f}", f"{low:.2f}-{high:.2f}",
                f"{s['p99']:.2f}", f"{s['max']:.2f}", units, f"{s['response_bytes']:,.0f}",
                f"{s['resource_bytes']:,.0f}", f"{s['resource_bytes'] / s['changed_bytes']:.2f}",
                *(f"{s['cpu_ms'][stage]:.2f}" for stage in ("watcher", "translator", "xds-server")),
            ))  # fmt: skip
    table(rows, out)


def print_cold(results, out):
    rows = [("cold start, ms", "hosts", "complete", "rounds", "watcher at", "translator at",
             "xds-server at", "CPU watcher", "translator", "xds-server", "answer MB")]  # fmt: skip
    for block in results:
        c = block["cold"]
        rows.append((
            "files to full answer" + (", TLS" if block["tls"] else ""), f"{block['hosts']:,}",
            f"{c['ms']:.0f}", "{:.0f}-{:.0f}".format(*c["ms_rounds"]),
            *(f"{c['complete_ms'][s]:.0f}" for s in ("watcher", "translator", "xds-server")),
            *(f"{c['cpu_ms'][s]:.0f}" for s in ("watcher", "translator", "xds-server")),
            f"{c['bytes'] / MB:.1f}",
        ))  # fmt: skip
    table(rows, out)
    rows = [("resident memory, MB", "hosts", "watcher", "translator", "xds-server", "all RSS",
             "all PSS", "PSS after changes")]  # fmt: skip
    for block in results:
        m = block["memory"]
        rows.append((
            "after cold start" + (", TLS" if block["tls"] else ""), f"{block['hosts']:,}",
            *(f"{m['stages'][s]['rss'] / MB:.1f}" for s in ("watcher", "translator", "xds-server")),
            f"{m['total']['rss'] / MB:.1f}", f"{m['total']['pss'] / MB:.1f}",
            f"{block['memory_after']['total']['pss'] / MB:.1f}",
        ))  # fmt: skip
    table(rows, out)


def print_clients(c, out):
    rows = [(f"{c['clients']} clients, {c['hosts']:,} hosts", "last - first p50", "max",
             "last, from rename p50", "max", "CPU us a client", "kB a client")]  # fmt: skip
    for kind in ("endpoint", "path"):
        s, last = c[kind]["spread_ms"], c[kind]["last_ms"]
        rows.append((TITLES[kind], f"{s['p50']:.1f}", f"{s['max']:.1f}", f"{last['p50']:.1f}",
                     f"{last['max']:.1f}", f"{c[kind]['cpu_usec']:.0f}",
                     f"{c['client_bytes'] / 1e3:.0f}"))  # fmt: skip
    table(rows, out)


def print_envoy(results, out):
    rows = [("manifest to Envoy's answer, ms", "hosts", "p50", "p99", "at client", "Envoy's own",
             "Envoy's start", "Envoy RSS MB")]  # fmt: skip
    for n, e in results.items():
        for kind, s in e["changes"].items():
            rows.append((
                TITLES[kind], f"{int(n):,}", f"{s['envoy_ms']['p50']:.1f}",
                f"{s['envoy_ms']['p99']:.1f}", f"{s['client_ms']['p50']:.2f}",
                f"{s['envoy_own_ms']['p50']:.1f}", f"{e['start_ms']:.0f}", f"{e['rss'] / MB:.0f}",
            ))  # fmt: skip
    table(rows, out)


def merge_rounds(n, tls, rounds):
    cold = [r["cold"] for r in rounds]
    middle = sorted(cold, key=lambda c: c["ms"])[len(cold) // 2]
    return {
        "hosts": n,
        "tls": tls,
        "changes": {kind: pooled(rounds, kind) for kind in rounds[0]["changes"]},
        "cold": middle | {"ms_rounds": [min(c["ms"] for c in cold), max(c["ms"] for c in cold)]},
        "memory": rounds[len(rounds) // 2]["memory"],
        "memory_after": rounds[len(rounds) // 2]["memory_after"],
    }


def draw(result):
    series = {}
    for block in result["changes"]:
        for kind, s in block["changes"].items():
            if not block["tls"]:
                line = series.setdefault((TITLES[kind], "client"), [])
                line.append((block["hosts"], s["p50"], s["p99"]))
    for n, e in result.get("envoy", {}).items():
        for kind, s in e["changes"].items():
            line = series.setdefault((TITLES[kind], "Envoy"), [])
            line.append((int(n), s["envoy_ms"]["p50"], s["envoy_ms"]["p99"]))
    series = {name: line for name, line in series.items() if len(line) > 1}
    if not series:
        return None
    note = f"p50, bars up to p99; {result['machine']['cores']} cores, {result['revision']}"
    title = "From a renamed manifest to a client, and to Envoy's answer"
    return plot.svg(title, note, series, (5, "goal: 5 ms"))


def draw_growth(result):
    series = growth.series(result["changes"], result.get("against"))
    if not series:
        return None
    note = f"{result['machine']['cores']} cores, {result['revision']}"
    if "against" in result:
        note += f"; dotted: {result['against']['revision']}"
    return plot.svg("Processor time of a change, all stages together", note, series)


def report(result, out):
    machine = result["machine"]
    print(f"Portolan {result['revision']}, {machine['processor']}, {machine['cores']} cores",
          file=out)  # fmt: skip
    for when in ("before", "after"):
        trip = machine[f"pipe_{when}"]
        print(f"noise {when}: a process woken through a pipe and back in {trip['p50']:.0f} µs "
              f"(p99 {trip['p99']:.0f}, max {trip['max']:.0f}), "
              f"load {machine[f'load_{when}'][0]:.1f}", file=out)  # fmt: skip
    print(f"processor time kept by the hypervisor: {machine['stolen'] * 100:.1f} %\n", file=out)
    if result["changes"]:
        against = result.get("against")
        if against:
            print(f"in brackets: {against['revision']}\n", file=out)
        table(growth.rows(result["changes"], against), out)
        print_changes(result["changes"], out)
        print_cold(result["changes"], out)
    if "clients" in result:
        print_clients(result["clients"], out)
    if "churn" in result:
        for found in churn.rows(result["churn"]):
            table(found, out)
    if result.get("envoy"):
        print_envoy(result["envoy"], out)
    if result.get("requests"):
        proxying.write(result["requests"], out)
    many = [("TLS, " + form, found) for form, found in result.get("hosts", {}).items()]
    if "redirects" in result:
        many.append(("redirects", result["redirects"]))
    if "nginx" in result:
        many.extend(result["nginx"]["hosts"].items())
        nginx.write(result["nginx"], out)
    if many:
        table([hosts.HEAD, *(row for name, found in many for row in hosts.rows(name, found))], out)
    if "trees" in result:
        table(trees.rows(result["trees"]), out)
    if "replicas" in result:
        table(replicas.rows(result["replicas"]), out)


# ---- the run ----


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__.split("\n")[0])
    number = functools.partial(parser.add_argument, type=int)
    parser.add_argument("--quick", action="store_true", help="a smoke run: 100 hosts, no Envoy")
    parser.add_argument("--full", action="store_true",
                        help="all suites, all rounds, and Envoy at every size: takes hours")  # fmt: skip
    parser.add_argument("--hosts", default="100,1000,10000,100000",
                        help="numbers of hosts (%(default)s)")  # fmt: skip
    parser.add_argument("--against", type=pathlib.Path, metavar="FILE",
                        help="bench.json of another revision, to stand beside")  # fmt: skip
    number("--seconds", default=60, help="of churn, without and with a recorder (%(default)s)")
    number("--churn-hosts", default=10000, help="with that (%(default)s)")
    number("--rounds", default=3, help="fresh starts of each (%(default)s)")
    number("--repeat", default=50, help="changes of each kind a round (%(default)s)")
    number("--tls-hosts", default=3000, help="with TLS (%(default)s)")
    number("--clients", default=200, help="that follow one change (%(default)s)")
    number("--client-hosts", default=1000, help="with those (%(default)s)")
    number("--replica-clients", default=3000, help="of two replicas (%(default)s)")
    number("--tls-envoy", default=5000, help="with TLS before an Envoy (%(default)s)")
    number("--redirects", default=10000, help="that only redirect (%(default)s)")
    number("--nginx", default=10000, help="of ingress-nginx, and as many plain ones (%(default)s)")
    number("--proxies", default=10000, help="HTTPProxies in trees (%(default)s)")
    parser.add_argument("--only", help=f"of {','.join(SUITES)}")
    parser.add_argument("--output", type=pathlib.Path, default=BUILD / "bench-results",
                        help="folder for bench.json, bench.txt and bench.svg")  # fmt: skip
    args = parser.parse_args()
    if args.quick:
        args.hosts, args.rounds, args.repeat = "100", 1, 10
        args.tls_hosts, args.clients, args.client_hosts = 20, 20, 100
        args.proxies, args.churn_hosts, args.seconds = 100, 100, 3
        args.replica_clients = 40
        args.only = args.only or "changes,cold,clients,tls,churn,trees,replicas"
    args.hosts = [int(n) for n in args.hosts.split(",")]
    usual = [suite for suite in SUITES if args.full or suite not in FULL]
    args.only = args.only.split(",") if args.only else usual
    args.envoy_hosts = [n for n in args.hosts if args.full or n < LARGE]
    if unknown := set(args.only) - set(SUITES):
        parser.error(f"unknown: {', '.join(unknown)}")
    return args


def measure(args):
    result = {"changes": []}
    if {"changes", "cold"} & set(args.only):
        for n in args.hosts:
            result["changes"].append(merge_rounds(n, False, run_changes(n, args)))
    if "tls" in args.only:
        rounds = run_changes(args.tls_hosts, args, tls=True)
        result["changes"].append(merge_rounds(args.tls_hosts, True, rounds))
    if "clients" in args.only:
        result["clients"] = run_clients(args.client_hosts, args.clients, args.repeat)
    if "churn" in args.only:
        say(f"churn at {args.churn_hosts:,} hosts, {args.seconds} s twice")
        with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
            result["churn"] = churn.measure(folder, args.churn_hosts, args.seconds)
    if "envoy" in args.only:
        result["envoy"] = {str(n): run_envoy(n, args.repeat) for n in args.envoy_hosts}
    if "requests" in args.only and proxying.is_possible():
        result["requests"] = []
        for n in args.envoy_hosts:
            say(f"requests through Envoy at {n:,} hosts")
            result["requests"].append(proxying.run(n, running, args.rounds))
    if "hosts" in args.only:
        result["hosts"] = {}
        for form in ("chains", "shared"):
            say(f"Envoy at {args.tls_envoy:,} TLS hosts, {form}")
            with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
                found = hosts.run_tls(folder, args.tls_envoy, args.repeat, form)
            result["hosts"][form] = found
    if "redirects" in args.only:
        say(f"Envoy at {args.redirects:,} hosts that redirect")
        with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
            result["redirects"] = hosts.run_redirects(folder, args.redirects, args.repeat)
    if "nginx" in args.only:
        result["nginx"] = run_nginx(args)
    if "trees" in args.only:
        say(f"{args.proxies:,} HTTPProxies in trees of {trees.TREE}")
        with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
            result["trees"] = trees.measure(folder, args.proxies, args.repeat)
    if "replicas" in args.only:
        say(f"two replicas with {args.replica_clients:,} clients")
        with tempfile.TemporaryDirectory(prefix="portolan-bench-") as folder:
            result["replicas"] = replicas.measure(folder, 100, args.replica_clients)
    return result


def main():
    args = parse()
    machine = {"processor": processor(), "cores": cores(), "load_before": os.getloadavg()}
    machine["pipe_before"] = pipe_round_trips()
    kept, ticks = stolen()
    try:
        result = measure(args)
    except Failure as failure:
        say(f"bench/run: {failure}")
        return 1
    kept_after, ticks_after = stolen()
    machine["stolen"] = (kept_after - kept) / max(1, ticks_after - ticks)
    machine["pipe_after"], machine["load_after"] = pipe_round_trips(), os.getloadavg()
    result |= {
        "revision": revision(),
        "date": datetime.date.today().isoformat(),
        "machine": machine,
        "settings": {k: v for k, v in vars(args).items() if k not in ("output", "against")},
    }
    if args.against:
        other = json.loads(args.against.read_text())
        result["against"] = {key: other[key] for key in ("revision", "machine", "changes")}
    shutil.rmtree(args.output, ignore_errors=True)
    args.output.mkdir(parents=True)
    (args.output / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    with open(args.output / "bench.txt", "w") as text:
        report(result, text)
    for name, picture in (("bench.svg", draw(result)), ("growth.svg", draw_growth(result))):
        if picture:
            (args.output / name).write_text(picture)
    print((args.output / "bench.txt").read_text(), end="")
    say(f"wrote {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
