"""The cost of a request to Envoy (bench/run --only requests): wrk makes the load, and the backend
is an Envoy that answers at once, so the figure is the processor time of the Envoy between them."""

import re
import shutil
import subprocess
import sys
import time

from envoy import Envoy, binary
from figures import MB, summary, table
from fleet import Client
from processes import Failure, Process, cpu, free_port

CONNECTIONS = 32
SECONDS = 4
# Seconds in which a stage returns memory that it does not need any more.
SETTLE = 5
BACKEND = """\
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: backend
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: ok}}}}}}]
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"""


class Answers:
    """The backend."""

    def __init__(self, folder):
        self.port = free_port()
        path = folder / "backend.yaml"
        path.write_text(BACKEND.format(port=self.port))
        command = [binary(), "-c", path, "--concurrency", 1, "--use-dynamic-base-id", "--log-level", "warning"]
        self.process = Process("backend", command, folder / "backend.log")

    def stop(self):
        self.process.stop()


def load(port, host, path, seconds):
    """(requests a second, ms that 99 of 100 took at most, requests)"""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-H", f"Host: {host}",
               f"http://127.0.0.1:{port}{path}"]  # fmt: skip
    said = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    if "Non-2xx" in said:
        raise Failure(f"not all requests were answered with 200:\n{said}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    done = int(re.search(r"(\d+) requests in", said)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return rate, float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit], done


def round_of(fleet, answers, repeat):
    client = Client(fleet, fleet.expect())
    envoy = None
    try:
        client.wait_complete()
        fleet.wait_complete()
        host = fleet.world.hosts[0]
        fleet.world.endpoint(host, "127.0.0.1", answers.port)[1]()
        began = time.monotonic_ns()
        envoy = Envoy(fleet)
        envoy.asker.wait_for(200, host.host, host.path)
        start = (time.monotonic_ns() - began) / 1e6
        time.sleep(1)  # until its statistics have been flushed once
        rss = envoy.memory()[0]
        load(fleet.http_port, host.host, host.path, 1)
        rates, p99s, costs = [], [], []
        for _ in range(repeat):
            before = cpu(envoy.process.pid)
            rate, p99, done = load(fleet.http_port, host.host, host.path, SECONDS)
            costs.append((cpu(envoy.process.pid) - before) * 1e6 / done)
            rates.append(rate)
            p99s.append(p99)
        return {"start_ms": start, "rss": rss, "rate": summary(rates), "p99_ms": summary(p99s),
                "cpu_usec": summary(costs)}  # fmt: skip
    finally:
        client.stop()
        if envoy:
            envoy.stop()


def is_possible():
    found = shutil.which("wrk") is not None
    if not found:
        print("bench/run: no wrk (a Debian package): requests are left out", file=sys.stderr)
    return found


def run(n, running, repeat):
    with running(n) as fleet:
        answers = Answers(fleet.world.root)
        try:
            return {"hosts": n, **round_of(fleet, answers, repeat)}
        finally:
            answers.stop()


def write(results, out):
    rows = [("requests through Envoy, one worker", "hosts", "a second p50", "99 % within ms", "Envoy's CPU us a request p50",
             "min", "Envoy's start ms", "Envoy RSS MB")]  # fmt: skip
    for r in results:
        rows.append((
            f"{CONNECTIONS} connections", f"{r['hosts']:,}", f"{r['rate']['p50']:,.0f}", f"{r['p99_ms']['p50']:.2f}",
            f"{r['cpu_usec']['p50']:.1f}", f"{r['cpu_usec']['min']:.1f}", f"{r['start_ms']:.0f}",
            f"{r['rss'] / MB:.0f}",
        ))  # fmt: skip
    table(rows, out)
