"""bench/kube: how long the watcher takes to know a cluster, what it takes, and how fast changes pass.

A real kube-apiserver and etcd run in a network namespace of their own (tests/lib/kube.py), with as many
Ingresses, Services and EndpointSlices as asked for. Measured, against a bare client that reads the same
bytes in the same encoding:

  sync    process start to first complete state, and the memory then
  frames  how much later than at a bare watch an event is at the link, as a frame
  envoy   from the API's answer to a write until a real Envoy answers from the new endpoint
"""

import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from kube import ADDRESS, KubeCluster
from kube_api import PROTOBUF
from kube_watcher import Objects
from netns import Unavailable
from programs import program, venv
from stage import ask

LISTS = ("/apis/networking.k8s.io/v1/ingresses", "/api/v1/services",
         "/apis/discovery.k8s.io/v1/endpointslices")
END = b"initial-events-end"
HTTP_PORT = 8080


def say(text):
    print(text, flush=True)


def milliseconds(values):
    ordered = sorted(values)
    return (f"p50 {statistics.median(ordered) * 1e3:.2f} ms, p90 "
            f"{ordered[int(len(ordered) * 0.9)] * 1e3:.2f} ms, max {ordered[-1] * 1e3:.2f} ms")


def endpoint_slice(name, address, port):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": f"{name}-1", "namespace": "default",
                         "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": port}]}


def app(name, address="10.0.0.2", port=80):
    path = {"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": name, "port": {"number": 80}}}}
    meta = {"name": name, "namespace": "default"}
    return [
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta,
         "spec": {"ingressClassName": "portolan",
                  "rules": [{"host": f"{name}.example", "http": {"paths": [path]}}]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta,
         "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]}},
        endpoint_slice(name, address, port),
    ]


def together(jobs):
    """Seconds that all of them take, each in a thread of its own."""
    threads = [threading.Thread(target=job) for job in jobs]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def bare_list(kube):
    return together([lambda p=p: kube.client.request("GET", p, accept=PROTOBUF) for p in LISTS])


def bare_stream(kube):
    """The same lists as the beginning of watches."""

    def read(path):
        watch = kube.client.watch(path, accept=PROTOBUF + ";stream=watch", sendInitialEvents="true",
                                  resourceVersionMatch="NotOlderThan", allowWatchBookmarks="true")
        last = b""
        with watch:
            while END not in last:
                piece = watch.answer.read1(1 << 20)
                last = last[-64:] + piece

    return together([lambda p=p: read(p) for p in LISTS])


@contextlib.contextmanager
def watcher(kube, folder):
    run = pathlib.Path(tempfile.mkdtemp(dir=folder))
    log = run / "log"
    with open(log, "wb") as out:
        process = kube.netns.popen(
            [program("portolan-watcher"), f"--kubeconfig={kube.admin_kubeconfig}",
             f"--runtime-dir={run}", "--no-leader-election"], stdout=out, stderr=out)
    try:
        while not (found := re.search(rb"after ([\d.]+) ms", log.read_bytes())):
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.002)
        yield run, process.pid, float(found[1]) / 1e3
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def measure_sync(kube, folder, rounds):
    lists, streams, syncs, memory = [], [], [], 0
    for _ in range(rounds):
        lists.append(bare_list(kube))
        streams.append(bare_stream(kube))
        with watcher(kube, folder) as (_, pid, seconds):
            syncs.append(seconds)
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            memory = max(memory, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024)
    best = [min(values) for values in (lists, streams, syncs)]
    say(f"sync: bare lists {milliseconds(lists)}; bare streamed lists {milliseconds(streams)}; "
        f"watcher {milliseconds(syncs)}")
    say(f"sync: watcher against bare lists {best[2] / best[0]:.2f} x, against bare streamed lists "
        f"{best[2] / best[1]:.2f} x (best of {rounds} each); memory {memory:.1f} MB")


class Reader(Objects):
    """Notes when bytes came: to check a whole state's digest takes Python longer than all the rest."""

    received = 0.0

    def turn(self):
        self.sock.recv(1, socket.MSG_PEEK)
        self.received = time.monotonic()
        super().turn()


def measure_frames(kube, folder, changes):
    """Two readers of the same change, woken by the same write of the server."""
    seen = {}
    name = app("probe")[2]["metadata"]["name"]
    kube.client.apply(app("probe")[2])
    with watcher(kube, folder) as (run, _, _):
        reader = Reader(run / "objects.sock", "reader")
        reader.wait_for("EndpointSlice", f"default/{name}")
        watch = kube.client.watch(LISTS[2], fieldSelector=f"metadata.name={name}")

        def bare():
            for event in watch:
                port = event["object"]["ports"][0]["port"]
                seen[port] = time.monotonic()

        threading.Thread(target=bare, daemon=True).start()
        late = []
        for port in range(1000, 1000 + changes):
            kube.client.apply(endpoint_slice("probe", "10.0.0.2", port))
            before = reader.mirror.deltas
            generation = reader.state.generation
            reader.wait(lambda r: r.state.generation > generation or r.mirror.deltas > before)
            while port not in seen:
                time.sleep(0.0005)
            late.append(reader.received - seen[port])
    say(f"frames: later at the link than at a bare watch in Python: {milliseconds(late)}")


class Backend:
    def __init__(self, kube, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # an answer is one segment: two would wait 40 ms for each other

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ADDRESS, 0), Handler, False)
        self.server.daemon_threads = True
        self.server.socket.close()
        self.server.socket = kube.netns.listen(ADDRESS)
        self.port = self.server.socket.getsockname()[1]
        self.name = name
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def measure_envoy(kube, folder, changes):
    backends = [Backend(kube, "one"), Backend(kube, "two")]
    run = pathlib.Path(tempfile.mkdtemp(dir=folder))
    ready, theirs = os.pipe()
    for item in app("live", ADDRESS, backends[0].port):
        kube.client.apply(item)
    with open(folder / "run.log", "wb") as log:
        process = kube.netns.popen(
            [program("portolan"), "run", "--no-screen", f"--runtime-dir={run}",
             f"--kubeconfig={kube.admin_kubeconfig}", f"--envoy={venv('envoy')}",
             f"--listen-address={ADDRESS}", f"--http-port={HTTP_PORT}", f"--ready-fd={theirs}"],
            stdout=log, stderr=log, pass_fds=[theirs])
    os.close(theirs)
    try:
        if not select.select([ready], [], [], 120)[0]:
            raise RuntimeError((folder / "run.log").read_text()[-3000:])
        source = json.loads(ask(run / "watcher.control", "/debug/status")[1])["source"]
        ask(run / "xds-server.control",
            f"/debug/answered?source={source}&count=1&timeout_ms=60000", 70)
        connection = http.client.HTTPConnection(ADDRESS)
        connection.sock = kube.netns.connect((ADDRESS, HTTP_PORT))

        def answer():
            connection.request("GET", "/", headers={"Host": "live.example"})
            return connection.getresponse().read().decode()

        while answer() != "one":
            time.sleep(0.05)
        times = []
        for n in range(changes):
            wanted = backends[(n + 1) % 2]
            kube.client.apply(endpoint_slice("live", ADDRESS, wanted.port))
            began = time.monotonic()
            while answer() != wanted.name:
                pass
            times.append(time.monotonic() - began)
        say(f"envoy: API's answer to new endpoint answering: {milliseconds(times)}")
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(prog="bench/kube", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10000, help="of each kind (default 10000)")
    parser.add_argument("--rounds", type=int, default=5, help="of sync (default 5)")
    parser.add_argument("--changes", type=int, default=100, help="of frames and envoy (default 100)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portolan-bench-") as name:
        folder = pathlib.Path(name)
        try:
            cluster = KubeCluster(folder)
        except Unavailable as reason:
            sys.exit(f"bench/kube: {reason}")
        with cluster as kube:
            began = time.monotonic()
            items = [item for n in range(options.objects) for item in app(f"app-{n}")]
            kube.client.bulk("create", items)
            say(f"{options.objects} each of Ingress, Service and EndpointSlice, made in "
                f"{time.monotonic() - began:.0f} s")
            measure_sync(kube, folder, options.rounds)
            measure_frames(kube, folder, options.changes)
            measure_envoy(kube, folder, options.changes)


if __name__ == "__main__":
    main()
