"""The whole of Portolan against a live cluster: `portolan run --kubeconfig` on a user's machine,
and a real Envoy that answers as `kubectl apply` asked."""

import http.client
import http.server
import json
import os
import select
import signal
import subprocess
import threading

import pytest

from kube import ADDRESS
from kube_watcher import Objects, status_addresses
from programs import program, venv
from stage import ask

APP = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: app}
spec:
  ingressClassName: portolan
  rules:
  - host: app.example
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: app-1, labels: {kubernetes.io/service-name: app}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
ports: [{name: http, port: %d}]
"""
HTTP_PORT = 8080
PATIENCE = 60


class Backend:
    """A server in the cluster's network that answers with its name."""

    def __init__(self, kube, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

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
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Portolan:
    """`portolan run` in the cluster's network, with an Envoy."""

    def __init__(self, kube, folder):
        self.kube = kube
        self.dir = folder / "run"
        self.dir.mkdir(mode=0o700)
        self.log = folder / "portolan.log"
        ready, theirs = os.pipe()
        with open(self.log, "wb") as log:
            self.process = kube.netns.popen(
                [program("portolan"), "run", "--no-screen", f"--runtime-dir={self.dir}",
                 f"--kubeconfig={kube.admin_kubeconfig}", f"--envoy={venv('envoy')}",
                 f"--listen-address={ADDRESS}", f"--http-port={HTTP_PORT}",
                 "--publish-address=192.0.2.7", f"--ready-fd={theirs}"],
                stdout=log, stderr=log, pass_fds=[theirs])
        os.close(theirs)
        try:
            assert select.select([ready], [], [], PATIENCE)[0] and os.read(ready, 1) == b"\n", \
                self.log.read_text()[-6000:]
        finally:
            os.close(ready)
        self.objects = Objects(self.dir / "objects.sock", "reader")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.objects.close()
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        if kind is not None:
            print(f"---- log of portolan run, the end ----\n{self.log.read_text()[-6000:]}")
        else:
            assert code == 0

    def wait_served(self, kind, key, wanted):
        """Waits until wanted(object or None), and Envoy has accepted the world in which that is so.
        """
        self.objects.wait_for(kind, key, wanted)
        page = f"/debug/answered?source={self.objects.state.source}&count=1&timeout_ms=20000"
        status, body = ask(self.dir / "xds-server.control", page, 30)
        assert status == 200, body

    def get(self, host):
        """(status, body) of a request through Envoy."""
        connection = http.client.HTTPConnection(ADDRESS)
        connection.sock = self.kube.netns.connect((ADDRESS, HTTP_PORT))
        try:
            connection.request("GET", "/", headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def pid(self, stage):
        """The process of a stage, found by the owner of its control socket."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", f"portolan-{stage} "],
                               stdout=subprocess.PIPE, text=True, check=True)
        return int(found.stdout.split()[0])


@pytest.fixture
def portolan(own_kube, tmp_path):
    with Portolan(own_kube, tmp_path) as running:
        yield running


def there(item):
    return item is not None


def gone(item):
    return item is None


def test_what_kubectl_applies_is_answered_and_what_it_deletes_is_not(own_kube, portolan):
    kube = own_kube
    with Backend(kube, "one") as backend:
        kube.kubectl("apply", "-f", "-", input=APP % backend.port)
        for kind, name in (("Ingress", "app"), ("Service", "app"), ("EndpointSlice", "app-1")):
            portolan.wait_served(kind, f"default/{name}", there)
        assert portolan.get("app.example") == (200, "one")
        item = kube.client.wait_for("Ingress", "default", "app", status_addresses)
        assert status_addresses(item) == ["192.0.2.7"]
        kube.kubectl("delete", "-f", "-", input=APP % backend.port)
        portolan.wait_served("Ingress", "default/app", gone)
        assert portolan.get("app.example")[0] == 404


def test_wait_returns_when_envoy_has_the_generation_that_was_written(own_kube, portolan):
    kube = own_kube

    def wait(*words):
        return kube.netns.run([program("portolan"), "wait", f"--runtime-dir={portolan.dir}", *words], check=False)

    with Backend(kube, "one") as backend:
        kube.kubectl("apply", "-f", "-", input=APP % backend.port)
        # Each kind comes by a watch of its own.
        for what in ("service/app", "endpointslice/app-1"):
            assert wait(what).returncode == 0
        done = wait("ingress/app", "--generation=1")
        assert done.returncode == 0 and "accepted by 1 Envoy, generation 1," in done.stdout, done
        assert portolan.get("app.example") == (200, "one")
        kube.client.patch(kube.client.get("Ingress", "default", "app"), {"spec": {"rules": [
            {"host": "new.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
                "service": {"name": "app", "port": {"number": 80}}}}]}}]}})
        done = wait("ingress/app", "--generation=2")
        assert done.returncode == 0, done
        assert portolan.get("new.example") == (200, "one")
        done = wait("ingress/app", "--generation=3", "--timeout=200ms")
        assert done.returncode == 3 and "the watcher has 2" in done.stderr, done


def test_envoy_notices_nothing_of_an_api_server_that_is_away(own_kube, portolan):
    kube = own_kube
    with Backend(kube, "one") as one, Backend(kube, "two") as two:
        kube.kubectl("apply", "-f", "-", input=APP % one.port)
        for kind, name in (("Ingress", "app"), ("Service", "app"), ("EndpointSlice", "app-1")):
            portolan.wait_served(kind, f"default/{name}", there)
        assert portolan.get("app.example") == (200, "one")
        before = portolan.objects.get("EndpointSlice", "default/app-1").value
        kube.kill_apiserver()
        # And now the watcher, which has nowhere to start from.
        os.kill(portolan.pid("watcher"), signal.SIGKILL)
        portolan.objects.wait_closed()
        assert portolan.get("app.example") == (200, "one")
        kube.start_apiserver()
        kube.kubectl("apply", "-f", "-", input=APP % two.port)
        portolan.objects = reconnect(portolan)
        portolan.wait_served("EndpointSlice", "default/app-1",
                             lambda item: item and item.value != before)
        assert portolan.get("app.example") == (200, "two")
        status = json.loads(ask(portolan.dir / "watcher.control", "/debug/status")[1])
        assert status["kubernetes"]["reachable"]


def reconnect(portolan):
    """For the next watcher."""
    from events import Folder

    folder = Folder(portolan.dir)
    try:
        while True:
            try:
                return Objects(portolan.dir / "objects.sock", "reader")
            except OSError:
                select.select([folder.fd], [], [], PATIENCE)
                os.read(folder.fd, 65536)
    finally:
        folder.close()
