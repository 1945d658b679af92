"""Routes of Gateway API: how soon a new one answers beside many unchanged ones, which codes it
answers on the way, and how long a start with many routes in many ListenerSets takes. Everything
runs on loopback, from manifests."""

import argparse
import collections
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time

import gateway_objects as api
from gateway_objects import gateway, listener, route, rule, thing
from objects import backend_objects, port, service, slice_of
from stage import Pipeline
from stage_fixtures import _site

ROUTES_OF_SET = 16
SERVICES = 100


def memory(pipeline):
    """RSS in MB."""
    def rss(stage):
        lines = open(f"/proc/{stage.process.pid}/status")
        return int(next(x for x in lines if x.startswith("VmRSS")).split()[1]) // 1024
    return {name: rss(stage) for name, stage in pipeline.stages.items()}


def processor(site):
    """{process: seconds of processor time}, Envoy too."""
    found = {}
    for name, pid in [*((n, s.process.pid) for n, s in site.pipeline.stages.items()), ("envoy", site.envoy.process.pid)]:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def units(pipeline):
    lines = pipeline.translator.get("/metrics").splitlines()
    return int(next(x.split()[1] for x in lines if x.startswith("portolan_translator_units_run_total ")))


def to(name, **more):
    return rule(api.backend(name), **more)


def services():
    for i in range(SERVICES):
        yield service(f"s{i}", port(80, "http"))
        yield slice_of(f"s{i}", 8080, f"10.0.0.{i + 1}", port_name="http")


def sets(n):
    yield api.CLASS
    yield gateway("web", listener("http", 80), allowedListeners={"namespaces": {"from": "All"}})
    yield from services()
    for i in range(n):
        yield thing("ListenerSet", f"set{i}", {"parentRef": {"name": "web"}, "listeners": [
            listener("l", 80, hostname=f"h{i}.example.com")]})
        for k in range(ROUTES_OF_SET):
            yield route(f"r{i}-{k}", to(f"s{(i + k) % SERVICES}", at=f"/p{k}"), parents=[
                {"kind": "ListenerSet", "name": f"set{i}"}])


def big(folder, n):
    """From the start of the stages until each has the whole world; and the units that run for one
    more route."""
    pipeline = Pipeline(folder)
    pipeline.manifests.write("world.yaml", *sets(n))
    began = time.monotonic()
    try:
        for name in pipeline.ORDER:
            pipeline.stages[name].start(ready=False)
        world, at = pipeline.world(), {}
        for name in pipeline.ORDER:
            pipeline.stages[name].wait_source(world, timeout=300)
            at[name] = round(time.monotonic() - began, 2)
        before = units(pipeline)
        pipeline.write("more.yaml", route("more", to("s1", at="/more"), parents=[{"kind": "ListenerSet", "name": "set1"}]))
        return {"routes": n * ROUTES_OF_SET, "sets": n, "seconds": at, "rss_mb": memory(pipeline),
                "units_of_a_new_route": units(pipeline) - before}
    finally:
        pipeline.close()


def answered(site, host, began):
    """Seconds until the first 200, and the codes before it."""
    codes = collections.Counter()
    connection = site.client.connect(host)
    try:
        while True:
            answer = site.client.on(connection, host, "/")
            codes[answer.status] += 1
            if answer.status == 200 or time.monotonic() - began > 20:
                return time.monotonic() - began, codes
    finally:
        connection.close()


def one_by_one(folder, at_rest, n, services):
    """A route created beside many at rest, and asked for all the time."""
    for site in _site(folder):
        site.start()
        site.client.http = 80
        b = site.backend("b")
        rest = [f"b{i}" for i in range(services)]
        site.pipeline.manifests.write("rest.yaml", api.CLASS, gateway("web", listener("http", 80)), *backend_objects(b), *(
            o for name in rest for o in (service(name, port(80, "http", b.port)), slice_of(name, b.port, b.address, port_name="http"))), *(
            route(f"rest{i}", to(rest[i % services] if rest else "b"), hosts=[f"rest{i}.example.com"]) for i in range(at_rest)))
        site.settle(timeout=120)
        times, codes = [], collections.Counter()
        before = processor(site)
        for i in range(n):
            began = time.monotonic()
            site.pipeline.manifests.write(f"new{i}.yaml", route(f"new{i}", to("b"), hosts=[f"new{i}.example.com"]))
            seconds, seen = answered(site, f"new{i}.example.com", began)
            times.append(1000 * seconds)
            codes += seen
        times.sort()
        # Asking without a pause costs Envoy some of it.
        ms = {name: round(1000 * (now - before[name]) / n, 1) for name, now in processor(site).items()}
        # The site ends when its loop does.
        found = {"at_rest": at_rest, "services": services or 1, "routes": n,  "p50_ms": round(statistics.median(times), 1),
                 "p99_ms": round(times[int(0.99 * (n - 1))], 1), "max_ms": round(times[-1], 1),
                 "processor_ms_a_route": ms,
                 "wrong_codes": sum(v for k, v in codes.items() if k not in (200, 404))}
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--sets", type=int, default=2500, help="ListenerSets, with 16 routes each (default: 2500)")
    p.add_argument("--at-rest", type=int, default=5000, help="routes that are there already (default: 5000)")
    p.add_argument("--routes", type=int, default=200, help="routes that come one by one (default: 200)")
    p.add_argument("--services", type=int, default=0, help="Services that these go to, in turn (default: the one of those that come)")
    wanted = p.parse_args()
    parts = [(big, wanted.sets)] if wanted.sets else []
    for part, *args in (*parts, (one_by_one, wanted.at_rest, wanted.routes, wanted.services)):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="portolan-bench-"))
        try:
            print(json.dumps({part.__name__: part(folder, *args)}), flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
