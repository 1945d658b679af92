"""The chart on a real node (node.py), with an application and clients."""

import contextlib
import http.client
import http.server
import random
import socket
import threading

import gateway_api
from backends import Load
from chart import Release
from kube_api import ApiError
from node import ENVOY_IMAGE, PORTOLAN_IMAGE, READY_SECONDS
from objects import ingress, path, port, rule, service, slice_of, endpoint

HOST = "app.example.com"
NAMESPACE = "edge"


def image(name):
    registry, rest = name.split("/")
    repository, tag = rest.split(":")
    return {"registry": registry, "repository": repository, "tag": tag, "digest": "", "pullPolicy": "Never"}


# Short times, local images, and no load balancer whose address Helm would wait for.
VALUES = {
    "image": image(PORTOLAN_IMAGE),
    "controlPlane": {"preStopSeconds": 1, "logFormat": "text"},
    "envoy": {
        "service": {"type": "NodePort"},
        "image": image(ENVOY_IMAGE), "command": ["/usr/local/bin/envoy"], "concurrency": 1,
        "shutdown": {"unreadyAfterSeconds": 2, "minSeconds": 3, "maxSeconds": 20},
        "terminationGracePeriodSeconds": 30,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    },
    "gatewayClass": {"create": True},
    "gatewayProvisioning": {"enabled": True},
}


def with_values(**changes):
    """VALUES with some more, joined deep: envoy={"kind": "DaemonSet"}."""
    return joined(VALUES, changes)


def joined(a, b):
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return b
    return {k: joined(a[k], b[k]) if k in a and k in b else b.get(k, a.get(k)) for k in {**a, **b}}


class Application:
    """An HTTP server in the cluster's network."""

    def __init__(self, node):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.send_header("X-Backend", "app")
                self.end_headers()
                self.wfile.write(b"ok\n")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
        self.server.daemon_threads = True
        self.server.socket.close()
        self.server.socket = node.netns.listen(port=0)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def backend(self, namespace):
        return [
            service("app", port(80), namespace=namespace),
            slice_of("app", self.port, endpoint("10.0.0.1"), namespace=namespace),
        ]

    def objects(self, namespace="default", host=HOST):
        return [*self.backend(namespace), ingress("app", rule(host, path("app")), namespace=namespace)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Balancer:
    """Sends connections to the ready endpoints of Envoy's Service; without any, to endpoints that
    end and still serve. It replaces kube-proxy and a load balancer in front of it. For
    backends.Load."""

    def __init__(self, node, namespace, service="portolan-envoy", port_name="http", period=0.2):
        self.node = node
        self.port_name = port_name
        self.path = (f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
                     f"?labelSelector=kubernetes.io/service-name={service}")
        self.client = node.new_client(node.admin)
        self.period = period
        self.ready = []
        self.ended = threading.Event()
        self.look()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def look(self):
        slices = self.client.call("GET", self.path)["items"]
        endpoints = [(e, next(p["port"] for p in s["ports"] if p["name"] == self.port_name))
                     for s in slices for e in s.get("endpoints") or ()]
        for wanted in ("ready", "serving"):
            self.ready = [(e["addresses"][0], p) for e, p in endpoints if e["conditions"].get(wanted)]
            if self.ready:
                break

    def _follow(self):
        while not self.ended.wait(self.period):
            # Without an answer it goes on with those that it knows, as others do.
            with contextlib.suppress(OSError, ApiError):
                self.look()

    def close(self):
        self.ended.set()
        self.thread.join()

    def connect(self, host, tls=False, sni=None, timeout=10):
        assert not tls
        connection = http.client.HTTPConnection(host, timeout=timeout)
        connection.sock = self.node.netns.connect(random.choice(self.ready), timeout)
        return connection

    def get(self, host=HOST, at="/"):
        connection = self.connect(host)
        try:
            connection.request("GET", at, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Site:
    """The chart, installed in a namespace that Pod Security holds to `restricted`."""

    def __init__(self, node, values=None, namespace=NAMESPACE):
        self.node = node
        self.release = Release(node, namespace)
        self.namespace = namespace
        self.values = values or VALUES
        node.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": namespace, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
        for definition in gateway_api.definitions().values():
            node.install(definition)
        self.release.install(self.values)
        self.balancer = None

    def pods(self, component):
        return self.node.pods(self.namespace, **{"app.kubernetes.io/component": component})

    def ready_pods(self, component):
        return [p for p in self.pods(component)
                if "deletionTimestamp" not in p["metadata"] and is_ready(p)]

    def wait_ready(self, control_planes=2, envoys=2, seconds=READY_SECONDS):
        """Until so many are there, ready, and no other."""
        def settled():
            counts = {"control-plane": control_planes, "envoy": envoys}
            return all(len(self.ready_pods(c)) == n == len(self.pods(c)) for c, n in counts.items())

        self.node.wait(f"{control_planes} control planes and {envoys} Envoys are ready", settled, seconds)

    def serve(self, application):
        for item in application.objects():
            self.node.client.apply(item)
        self.balancer = Balancer(self.node, self.namespace)
        self.node.wait("the Ingress is served", lambda: self.balancer.get()[0] == 200)

    def load(self, **options):
        return Load(self.balancer, HOST, **{"threads": 2, "per_connection": 5, **options})

    def close(self):
        if self.balancer:
            self.balancer.close()


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


def restarts(pod):
    return {c["name"]: c["restartCount"] for c in pod["status"].get("containerStatuses", ())}
