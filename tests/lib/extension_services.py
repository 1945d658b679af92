"""Services that Envoy calls over gRPC: for authorization, rate limits, and traces."""

import collections
import concurrent.futures
import threading

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from envoy.type.v3 import http_status_pb2
from google.rpc import code_pb2, status_pb2

from events import PATIENCE
from objects import port, service, slice_of


def option(name, value):
    return base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=name, value=value))


class _Server:
    """A gRPC server on a port of its own, which can go away and come back there."""

    def __init__(self, name, address, certificate=None, clients=None):
        """certificate: it speaks TLS. clients: PEM of the authority of certificates that it then demands."""
        self.name = name
        self.address = address
        self.certificate = certificate
        self.clients = clients and clients.encode()
        self.port = 0
        self.lock = threading.Condition()
        self.asked = collections.deque(maxlen=1000)
        self.authorities = set()
        self.server = None
        self.start()

    def start(self):
        # A port that another test has taken meanwhile is not to be shared with it.
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        self.register(self.server)
        where = f"{self.address}:{self.port}"
        if self.certificate:
            pair = (self.certificate.key.encode(), self.certificate.chain.encode())
            self.port = self.server.add_secure_port(where, grpc.ssl_server_credentials(
                [pair], self.clients, self.clients is not None))
        else:
            self.port = self.server.add_insecure_port(where)
        self.server.start()

    def close(self):
        if self.server:
            self.server.stop(None).wait()
            self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def heard(self, request):
        with self.lock:
            self.asked.append(request)
            self.lock.notify_all()

    def objects(self, name=None, spec=(), created=True):
        """Service, EndpointSlice and ExtensionService, which gets as long as a busy machine may take."""
        name = name or self.name
        spec = {"timeoutPolicy": {"response": "20s"}, **dict(spec)}
        found = [service(self.name, port(80, target=self.port)), slice_of(self.name, self.port, self.address)]
        return [*found, extension(name, self.name, **spec)] if created else found


def extension(name, *services, protocol="h2c", namespace="default", **spec):
    services = [s if isinstance(s, dict) else {"name": s, "port": 80} for s in services]
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ExtensionService",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"services": services, "protocol": protocol, **spec}}


class AuthorizationServer(_Server, external_auth_pb2_grpc.AuthorizationServicer):
    """Admits requests with "x-user: friend", and tells the upstream who admitted them."""

    def register(self, server):
        external_auth_pb2_grpc.add_AuthorizationServicer_to_server(self, server)

    def Check(self, request, context):
        self.heard(request)
        attributes = request.attributes.request.http
        if attributes.headers.get("x-user") == "friend":
            ok = external_auth_pb2.OkHttpResponse(headers=[option("x-let-through-by", self.name)])
            return external_auth_pb2.CheckResponse(status=status_pb2.Status(code=code_pb2.OK), ok_response=ok)
        denied = external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=401), headers=[option("x-denied-by", self.name)],
            body="who are you?")
        return external_auth_pb2.CheckResponse(
            status=status_pb2.Status(code=code_pb2.UNAUTHENTICATED), denied_response=denied)

    def last(self):
        """Of the last request: the context, and the request."""
        attributes = self.asked[-1].attributes
        return dict(attributes.context_extensions), attributes.request.http


class RateLimitServer(_Server, rls_pb2_grpc.RateLimitServiceServicer):
    """Counts for ever; limits: {((key, value), …): requests} for a descriptor."""

    def __init__(self, name, address, limits):
        self.limits = limits
        self.counted = collections.Counter()
        super().__init__(name, address)

    def register(self, server):
        rls_pb2_grpc.add_RateLimitServiceServicer_to_server(self, server)

    def ShouldRateLimit(self, request, context):
        self.heard(request)
        Response = rls_pb2.RateLimitResponse
        answer = Response(overall_code=Response.OK)
        for descriptor in request.descriptors:
            key = tuple((e.key, e.value) for e in descriptor.entries)
            status = answer.statuses.add(code=Response.OK)
            if key not in self.limits:
                continue
            self.counted[key] += 1
            status.current_limit.requests_per_unit = self.limits[key]
            status.current_limit.unit = Response.RateLimit.HOUR
            status.limit_remaining = max(0, self.limits[key] - self.counted[key])
            if self.counted[key] > self.limits[key]:
                status.code = answer.overall_code = Response.OVER_LIMIT
        return answer

    def last(self):
        """Of the last request: the domain, and the descriptors."""
        request = self.asked[-1]
        return request.domain, [tuple((e.key, e.value) for e in d.entries) for d in request.descriptors]


class TraceCollector(_Server):
    """Keeps the exports of OpenTelemetry, as bytes: names and values are in them literally."""

    EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"

    def register(self, server):
        export = grpc.unary_unary_rpc_method_handler(self.export)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(self.EXPORT, {"Export": export})])

    def export(self, request, context):
        self.heard(request)
        return b""

    def wait_for(self, words, timeout=PATIENCE):
        """The spans that have been sent, once all of these words are in them."""
        with self.lock:
            assert self.lock.wait_for(lambda: all(w in b"".join(self.asked) for w in words), timeout), \
                f"{words}: {list(self.asked)}"
            return b"".join(self.asked)
