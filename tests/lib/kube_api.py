"""A small, fast client of the Kubernetes API for tests: requests one by one or in bulk, watches.

It keeps one connection a thread, speaks HTTP/1.1 (Python's standard library has no other), and
reports what the server said as it is: tests look at status codes.
"""

import concurrent.futures
import http.client
import json
import ssl
import threading
import urllib.parse

from events import PATIENCE
from kube_bytes import JSON, PROTOBUF

# The kinds that tests use most: apiVersion, plural, is it in a namespace. Others are looked up.
RESOURCES = {
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ConfigMap": ("v1", "configmaps", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices", True),
    "Event": ("v1", "events", True),
    "Ingress": ("networking.k8s.io/v1", "ingresses", True),
    "IngressClass": ("networking.k8s.io/v1", "ingressclasses", False),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "Namespace": ("v1", "namespaces", False),
    "Node": ("v1", "nodes", False),
    "Pod": ("v1", "pods", True),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "Secret": ("v1", "secrets", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "SubjectAccessReview": ("authorization.k8s.io/v1", "subjectaccessreviews", False),
    "GatewayClass": ("gateway.networking.k8s.io/v1", "gatewayclasses", False),
    **{kind: ("gateway.networking.k8s.io/v1", plural, True) for kind, plural in {
        "Gateway": "gateways", "ListenerSet": "listenersets", "HTTPRoute": "httproutes", "GRPCRoute": "grpcroutes",
        "TLSRoute": "tlsroutes", "TCPRoute": "tcproutes", "UDPRoute": "udproutes",
        "ReferenceGrant": "referencegrants", "BackendTLSPolicy": "backendtlspolicies"}.items()},
}


class ApiError(Exception):
    """The server refused; `status` is HTTP's, `reason` and the message are Kubernetes'."""

    def __init__(self, response, what):
        self.status = response.status
        self.reason = ""
        message = response.body[:500].decode(errors="replace")
        try:
            said = json.loads(response.body)
            self.reason, message = said.get("reason", ""), said.get("message", message)
        except (ValueError, AttributeError):
            pass
        super().__init__(f"{what}: {response.status} {self.reason}: {message}")


class Response:
    """The server's answer: `status`, `headers` (as of http.client) and the whole `body`."""

    def __init__(self, answer):
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    def json(self):
        return json.loads(self.body)


class KubeApi:
    """One user of one API server. Threads may share it.

    connect() returns a connected TCP socket, tls is an SSLContext; the server's certificate is
    checked against host. A token, where given, is sent with every request.
    """

    def __init__(self, connect, tls, host, token=None, timeout=PATIENCE):
        self.connect = connect
        self.tls = tls
        self.host = host
        self.headers = {"User-Agent": "portolan-tests"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.timeout = timeout
        self.local = threading.local()
        self.discovered = {}

    def _open(self):
        connection = http.client.HTTPConnection(self.host, timeout=self.timeout)
        connection.sock = self.tls.wrap_socket(self.connect(), server_hostname=self.host)
        connection.sock.settimeout(self.timeout)
        return connection

    def close(self):
        """Close this thread's connection; the next request makes a new one."""
        if connection := getattr(self.local, "connection", None):
            connection.close()
            self.local.connection = None

    def request(self, method, path, body=None, *, query=None, accept=JSON, content_type=JSON):
        """Send one request and return its Response, whatever the status.

        A body that is not bytes is sent as JSON. A kept connection that the server has closed
        meanwhile is replaced once; any other error is the caller's.
        """
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = {**self.headers, "Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
            if not isinstance(body, bytes):
                body = json.dumps(body, separators=(",", ":")).encode()
        while True:
            kept = getattr(self.local, "connection", None)
            connection = kept or self._open()
            self.local.connection = connection
            try:
                connection.request(method, path, body, headers)
                return Response(connection.getresponse())
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                self.close()
                if kept is None:
                    raise
            except BaseException:
                self.close()
                raise

    def call(self, method, path, body=None, **options):
        """request() that takes only success, and returns the decoded JSON."""
        response = self.request(method, path, body, **options)
        if response.status >= 300:
            raise ApiError(response, f"{method} {path}")
        return response.json()

    def resource(self, api_version, kind):
        """(plural, is it in a namespace) of a kind, asked of the server where not in RESOURCES."""
        known = RESOURCES.get(kind)
        if known and known[0] == api_version:
            return known[1:]
        if (api_version, kind) not in self.discovered:
            root = "/apis/" if "/" in api_version else "/api/"
            for found in self.call("GET", root + api_version)["resources"]:
                if "/" not in found["name"]:
                    key = (api_version, found["kind"])
                    self.discovered[key] = (found["name"], found["namespaced"])
        return self.discovered[api_version, kind]

    def path(self, kind, namespace=None, name=None, *, api_version=None, sub=None):
        """The path of a collection (no name) or an object, or of a subresource of that."""
        if api_version is None:
            api_version = RESOURCES[kind][0]
        plural, namespaced = self.resource(api_version, kind)
        words = ["/apis" if "/" in api_version else "/api", api_version]
        if namespaced and namespace:
            words += ["namespaces", namespace]
        return "/".join([*words, plural, *([name] if name else []), *([sub] if sub else [])])

    def path_of(self, item, sub=None):
        """The path of an object that is at hand."""
        meta = item["metadata"]
        return self.path(
            item["kind"],
            meta.get("namespace", "default"),
            meta["name"],
            api_version=item["apiVersion"],
            sub=sub,
        )

    def get(self, kind, namespace, name, **options):
        return self.call("GET", self.path(kind, namespace, name, **options))

    def list(self, kind, namespace=None, *, query=None, **options):
        """The whole answer of a list: `items` and `metadata` with its resourceVersion."""
        return self.call("GET", self.path(kind, namespace, **options), query=query)

    def create(self, item):
        return self.call("POST", self.path_of(item).rpartition("/")[0], item)

    def update(self, item, sub=None):
        return self.call("PUT", self.path_of(item, sub), item)

    def patch(self, item, change, sub=None):
        """Apply a merge patch to the object that item names."""
        return self.call(
            "PATCH",
            self.path_of(item, sub),
            change,
            content_type="application/merge-patch+json",
        )

    def apply(self, item):
        """Create or update by a server-side apply (no read before, one request)."""
        return self.call(
            "PATCH",
            self.path_of(item),
            item,
            query={"fieldManager": "tests", "force": "true"},
            content_type="application/apply-patch+yaml",
        )

    def delete(self, item):
        return self.call("DELETE", self.path_of(item))

    def bulk(self, verb, items, workers=8):
        """Do create, update, apply or delete to many objects at once; results in their order."""
        do = getattr(self, verb)

        def share(first):
            try:
                return [do(item) for item in items[first::workers]]
            finally:
                self.close()

        results = [None] * len(items)
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for first, done in enumerate(pool.map(share, range(workers))):
                results[first::workers] = done
        return results

    def watch(self, path, *, accept=JSON, timeout=PATIENCE, **query):
        """Start a Watch of a collection; None among the parameters are left out."""
        query = {"watch": "true", **{k: v for k, v in query.items() if v is not None}}
        connection = self._open()
        connection.sock.settimeout(timeout)
        target = f"{path}?{urllib.parse.urlencode(query)}"
        connection.request("GET", target, headers={**self.headers, "Accept": accept})
        return Watch(connection)

    def wait_for(self, kind, namespace, name, wanted, *, timeout=PATIENCE, **options):
        """Watch one object until wanted(object) is true, and return it.

        It sees at least what was written before the call. A plain watch may not: it begins with the
        server's cache, which can be behind the answers to writes.
        """
        now = self.request("GET", self.path(kind, namespace, name, **options))
        if now.status == 200 and wanted(now.json()):
            return now.json()
        events = self.watch(
            self.path(kind, namespace, **options),
            timeout=timeout,
            fieldSelector=f"metadata.name={name}",
            sendInitialEvents="true",
            resourceVersionMatch="NotOlderThan",
            allowWatchBookmarks="true",
        )
        with events:
            for event in events:
                if event["type"] in ("ADDED", "MODIFIED") and wanted(event["object"]):
                    return event["object"]
        raise TimeoutError(f"the watch of {kind} {namespace}/{name} ended first")


class Watch:
    """The events of one watch: decoded JSON, or the bytes of each frame when it is protobuf.

    A status other than 200 is in `status`, with the answer in `body`. Iteration ends when the
    server ends the stream; silence longer than the timeout raises TimeoutError.
    """

    def __init__(self, connection):
        self.connection = connection
        self.answer = connection.getresponse()
        self.status = self.answer.status
        self.content_type = self.answer.headers.get("Content-Type", "")
        self.body = b"" if self.status == 200 else self.answer.read()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def __iter__(self):
        return self

    def __next__(self):
        if self.status != 200:
            raise StopIteration
        if self.content_type.startswith(PROTOBUF):
            length = self.answer.read(4)
            if not length:
                raise StopIteration
            return self.answer.read(int.from_bytes(length, "big"))
        line = self.answer.readline()
        if not line:
            raise StopIteration
        return json.loads(line)
