"""An xDS client that does only what the test says: state-of-the-world or delta, all types on one stream
(ADS) or one type a stream. Resources are decoded by Google's protobuf with the official classes."""

import collections
import importlib
import queue
import subprocess
import threading
import time

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, json_format, symbol_database
from google.rpc import status_pb2

from events import PATIENCE
from programs import TOP

# Short name: type URL, service module and class, RPC suffix of the type's own service.
_TYPES = {
    "CDS": ("envoy.config.cluster.v3.Cluster", "cluster.v3.cds", "Cluster", "Clusters"),
    "EDS": ("envoy.config.endpoint.v3.ClusterLoadAssignment", "endpoint.v3.eds", "Endpoint",
            "Endpoints"),
    "LDS": ("envoy.config.listener.v3.Listener", "listener.v3.lds", "Listener", "Listeners"),
    "RDS": ("envoy.config.route.v3.RouteConfiguration", "route.v3.rds", "Route", "Routes"),
    "SDS": ("envoy.extensions.transport_sockets.tls.v3.Secret", "secret.v3.sds", "Secret", "Secrets"),
    "RTDS": ("envoy.service.runtime.v3.Runtime", "runtime.v3.rtds", "Runtime", "Runtime"),
    "SRDS": ("envoy.config.route.v3.ScopedRouteConfiguration", "route.v3.srds", "ScopedRoutes",
             "ScopedRoutes"),
}
URL = {short: "type.googleapis.com/" + row[0] for short, row in _TYPES.items()}
SHORT = {url: short for short, url in URL.items()}


def _load_all_types():
    """An Any can hold every message that our protos name."""
    proto = TOP / "proto"
    newer = []
    for path in sorted((proto / "envoy").rglob("*.proto")):
        module = str(path.relative_to(proto).with_suffix("")).replace("/", ".") + "_pb2"
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            newer.append(str(path.relative_to(proto)))  # than xds-protos
    run = ["protoc", f"-I{proto}", "--descriptor_set_out=/dev/stdout", *newer]
    done = subprocess.run(run, check=True, stdout=subprocess.PIPE)
    for file in descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file:
        descriptor_pool.Default().Add(file)


_load_all_types()


def unpack(any_or_url, value=None):
    """The message in an Any, or of a type URL and bytes."""
    if value is not None:
        any_or_url = any_pb2.Any(type_url=any_or_url, value=value)
    name = any_or_url.type_url.rpartition("/")[2]
    message = symbol_database.Default().GetSymbol(name)()
    assert any_or_url.Unpack(message)
    return message


def plain(message):
    """A message as dictionaries and lists, fields named as in the proto files."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


class Response:
    """The server's answer: resources by name, for delta with versions and removals."""

    def __init__(self, raw):
        self.raw = raw
        self.type = SHORT[raw.type_url]
        self.nonce = raw.nonce
        self.delta = isinstance(raw, discovery_pb2.DeltaDiscoveryResponse)
        self.removed = sorted(raw.removed_resources) if self.delta else []
        self.resources = {}
        self.versions = {}
        for r in raw.resources:
            message = unpack(r.resource if self.delta else r)
            name = r.name if self.delta else name_of(message)
            self.resources[name] = message
            self.versions[name] = r.version if self.delta else raw.version_info
        self.version = "" if self.delta else raw.version_info

    @property
    def names(self):
        return sorted(self.resources)

    def __repr__(self):
        gone = f" removed {self.removed}" if self.removed else ""
        return f"<{self.type} {self.names}{gone} nonce {self.nonce} version {self.version}>"


def name_of(message):
    return getattr(message, "name", "") or getattr(message, "cluster_name", "")


class StreamEnded(Exception):
    pass


class Stream:
    """One discovery stream. `type` None: ADS. reads: False for one that takes no answer."""

    def __init__(self, address, type=None, delta=True, node="test", channel=None, envoy=None,
                 cluster="tests", reads=True):
        self.channel = channel or grpc.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1),
                              ("grpc.max_receive_message_length", -1)])
        self.own_channel = channel is None
        self.type = type
        self.delta = delta
        self.node = base_pb2.Node(id=node, cluster=cluster)
        if envoy:  # the version that it says it is
            self.node.user_agent_name = "envoy"
            version = self.node.user_agent_build_version.version
            version.major_number, version.minor_number = envoy
        self.requests = queue.SimpleQueue()
        self.responses = queue.SimpleQueue()
        self.ended = None
        self.last = {}      # type: last response
        self.names = {}     # type: subscribed names, for state of the world
        self.said_node = False
        self.questions = 0
        self.call = self._method()(iter(self.requests.get, None))
        self.thread = threading.Thread(target=self._read if reads else lambda: None, daemon=True)
        self.thread.start()

    def _method(self):
        if self.type is None:
            stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self.channel)
            name = "AggregatedResources"
        else:
            _, module, service, name = _TYPES[self.type]
            module = importlib.import_module(f"envoy.service.{module}_pb2_grpc")
            stub = getattr(module, f"{service}DiscoveryServiceStub")(self.channel)
        return getattr(stub, ("Delta" if self.delta else "Stream") + name)

    def _read(self):
        try:
            for raw in self.call:
                self.responses.put(Response(raw))
            self.ended = "ended"
        except grpc.RpcError as error:
            self.ended = f"{error.code().name}: {error.details()}"
        self.responses.put(None)

    def close(self):
        self.requests.put(None)
        self.call.cancel()
        self.thread.join(10)
        if self.own_channel:
            self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- saying ----

    def send(self, type=None, **fields):
        """A raw request; the node goes with the first one."""
        kind = (discovery_pb2.DeltaDiscoveryRequest if self.delta
                else discovery_pb2.DiscoveryRequest)
        if not self.said_node:
            fields["node"] = self.node
            self.said_node = True
        self.requests.put(kind(type_url=URL[type or self.type], **fields))

    def subscribe(self, type, *names, unsubscribe=(), have=None):
        """Delta: names to add. State of the world: exactly these from now on. No names: all (LDS, CDS).
        have: {name: version} that the client holds from an earlier stream."""
        if self.delta:
            self.send(type, resource_names_subscribe=names, resource_names_unsubscribe=unsubscribe,
                      initial_resource_versions=have or {})
            return
        self.names[type] = names
        last = self.last.get(type)
        self.send(type, resource_names=names, version_info=last.version if last else "",
                  response_nonce=last.nonce if last else "")

    def ack(self, response):
        fields = {} if self.delta else {"version_info": response.version,
                                        "resource_names": self.names.get(response.type, ())}
        self.send(response.type, response_nonce=response.nonce, **fields)

    def nack(self, response, message="not to my taste", accepted=""):
        fields = {} if self.delta else {"version_info": accepted,
                                        "resource_names": self.names.get(response.type, ())}
        self.send(response.type, response_nonce=response.nonce,
                  error_detail=status_pb2.Status(code=13, message=message), **fields)

    # ---- hearing ----

    def next(self, timeout=PATIENCE, ack=True):
        """The next response, acknowledged unless told otherwise."""
        try:
            response = self.responses.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no response in {timeout} s") from None
        if response is None:
            raise StreamEnded(self.ended)
        self.last[response.type] = response
        if ack:
            self.ack(response)
        return response

    def drain(self):
        """All that the server has to say now, acknowledged. Delta, and aggregated, only.

        Asks for a resource that does not exist: the answer stands behind all that the server had to say
        when it read the question. An acknowledgement can set free more, so it ends with a round of
        which nothing came.
        """
        found = []
        while True:
            before = len(found)
            self.questions += 1
            question = f"question/{self.questions}"
            self.subscribe("EDS", question)
            while True:
                response = self.next()
                if question in response.removed:
                    break
                found.append(response)
            self.subscribe("EDS", unsubscribe=[question])
            if len(found) == before:
                return found


class World:
    """A delta client that keeps its resources, and knows when it has received all.

    `quiet()` asks on the same stream for a resource that does not exist, under a name never used
    before: its answer comes after everything that the server had to send when it read the question.
    """

    def __init__(self, address, node="test", types=("CDS", "EDS", "LDS", "RDS", "SDS"), have=None,
                 refuse=None, channel=None, envoy=None, cluster="tests"):
        """refuse(response): the reason for which this client refuses it, or None. envoy: (1, 40)"""
        self.stream = Stream(address, node=node, channel=channel, envoy=envoy, cluster=cluster)
        self.resources = {t: {} for t in types}
        self.versions = {t: {} for t in types}
        self.log = []
        self.asked = collections.defaultdict(set)
        self.questions = 0
        have = have or {}
        for t in types:
            if t in ("CDS", "LDS", "SRDS"):
                self.stream.subscribe(t, have=have.get(t))
            self.versions[t].update(have.get(t, {}))
        self.have = have
        if "RTDS" in types:
            self._want("RTDS", {"dynamic"})  # which the bootstrap names
        self.refuse = refuse or (lambda response: None)
        self.refused = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    close = __exit__

    def _take(self, response):
        kind = self.resources[response.type]
        kind.update(response.resources)
        self.versions[response.type].update(response.versions)
        for name in response.removed:
            kind.pop(name, None)
            self.versions[response.type].pop(name, None)
        self.log.append(response)
        self._follow()

    def _want(self, type, names):
        new = sorted(names - self.asked[type])
        old = sorted(self.asked[type] - names)
        if new or old:
            have = {n: v for n, v in self.have.get(type, {}).items() if n in new}
            self.stream.subscribe(type, *new, unsubscribe=old, have=have)
            self.asked[type] = set(names)
            for name in old:
                self.resources[type].pop(name, None)
                self.versions[type].pop(name, None)

    def _follow(self):
        """Subscribes to the resources that others refer to, as Envoy does."""
        endpoints, routes, secrets = set(), set(), set()
        for cluster in self.resources["CDS"].values():
            if cluster.HasField("eds_cluster_config"):
                endpoints.add(cluster.eds_cluster_config.service_name or cluster.name)
        for listener in self.resources.get("LDS", {}).values():
            self._references(plain(listener), routes, secrets)
        routes |= {s.route_configuration_name for s in self.resources.get("SRDS", {}).values()}
        for type, names in (("EDS", endpoints), ("RDS", routes), ("SDS", secrets)):
            if type in self.resources:
                self._want(type, names)

    def _references(self, value, routes, secrets):
        if isinstance(value, list):
            for v in value:
                self._references(v, routes, secrets)
        elif isinstance(value, dict):
            if "route_config_name" in value:
                routes.add(value["route_config_name"])
            if "sds_config" in value:
                secrets.add(value["name"])
            for v in value.values():
                self._references(v, routes, secrets)

    def quiet(self, timeout=PATIENCE):
        """All that the server had to say is here; returns the responses since the last quiet()."""
        first = len(self.log)
        while True:
            before = len(self.log)
            self.questions += 1
            name = f"quiet/{self.questions}"
            self.stream.subscribe("EDS", name)
            self._until_answered(name, timeout)
            # A response may have made us ask for more.
            if len(self.log) == before:
                return self.log[first:]

    def _until_answered(self, name, timeout):
        self._hear(lambda names: name in names, timeout)

    def until(self, done, timeout=PATIENCE):
        """Reads responses until done(self) is true."""
        if not done(self):
            self._hear(lambda _: done(self), timeout)

    def _hear(self, done, timeout):
        """Handles responses until done(the names of questions that one answers)."""
        end = time.monotonic() + timeout
        while True:
            response = self.stream.next(max(0.01, end - time.monotonic()), ack=False)
            ours = [n for n in response.removed if n.startswith("quiet/")]
            response.removed = [n for n in response.removed if n not in ours]
            reason = self.refuse(response)
            if reason is not None:
                self.refused.append(response)
                self.stream.nack(response, reason)
                continue
            if response.removed or response.resources:
                self._take(response)
            # Like Envoy: requests that a response causes come before the acknowledgement.
            self.stream.ack(response)
            if done(ours):
                return

    def clusters(self):
        return {n: plain(c) for n, c in self.resources["CDS"].items()}

    def endpoints(self, name):
        """["address:port", …] of a load assignment."""
        return addresses(self.resources["EDS"][name])

    def snapshot(self):
        """{type: {name: version}}"""
        return {t: dict(v) for t, v in self.versions.items()}


def addresses(assignment):
    found = []
    for locality in assignment.endpoints:
        for e in locality.lb_endpoints:
            a = e.endpoint.address.socket_address
            found.append(f"[{a.address}]:{a.port_value}" if ":" in a.address
                         else f"{a.address}:{a.port_value}")
    return sorted(found)


def describe(responses):
    """The responses, for an assertion: {type: (names, removed names)}."""
    said = {}
    for r in responses:
        names, removed = said.setdefault(r.type, (set(), set()))
        names.update(r.names)
        removed.update(r.removed)
    return {t: (sorted(n), sorted(d)) for t, (n, d) in said.items()}
