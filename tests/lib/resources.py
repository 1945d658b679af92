"""Envoy resources, small, for tests that play the translator."""

import hashlib

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2, config_source_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm_pb2,
)
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

import frames
from events import PATIENCE
from stage import XdsServer

KINDS = {name: number for number, name in frames.RESOURCE_KINDS.items()}
ADS = config_source_pb2.ConfigSource(ads={}, resource_api_version="V3")


def socket_address(address, port):
    return address_pb2.Address(
        socket_address=address_pb2.SocketAddress(address=address, port_value=port))


def cluster(name, timeout=2):
    c = cluster_pb2.Cluster(name=name, type="EDS")
    c.connect_timeout.seconds = timeout
    c.eds_cluster_config.eds_config.CopyFrom(ADS)
    c.eds_cluster_config.service_name = name
    return c


def assignment(name, *endpoints):
    """endpoints: ("address", port) pairs."""
    a = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    if endpoints:
        a.endpoints.add().lb_endpoints.extend(
            endpoint_components_pb2.LbEndpoint(endpoint={"address": socket_address(*e)})
            for e in endpoints)
    return a


def route(name, to, domain="*"):
    r = route_pb2.RouteConfiguration(name=name)
    host = r.virtual_hosts.add(name=domain, domains=[domain])
    host.routes.append(route_components_pb2.Route(match={"prefix": "/"}, route={"cluster": to}))
    return r


def listener(name, routes, address="127.0.0.1", port=0):
    manager = hcm_pb2.HttpConnectionManager(
        stat_prefix=name, rds={"route_config_name": routes, "config_source": ADS})
    filter = manager.http_filters.add(name="router")
    filter.typed_config.Pack(router_pb2.Router())
    chain = listener_components_pb2.FilterChain()
    chain.filters.add(name="hcm").typed_config.Pack(manager)
    return listener_pb2.Listener(name=name, address=socket_address(address, port),
                                 filter_chains=[chain])


def secret(name, chain, key):
    s = secret_pb2.Secret(name=name)
    s.tls_certificate.certificate_chain.inline_string = chain
    s.tls_certificate.private_key.inline_string = key
    return s


def _kind(message):
    return KINDS[{
        "Cluster": "cluster", "ClusterLoadAssignment": "endpoint", "Secret": "secret",
        "Listener": "listener", "RouteConfiguration": "route", "Runtime": "runtime",
    }[message.DESCRIPTOR.name]]


class FakeTranslator:
    """Serves the test's resources at resources.sock."""

    def __init__(self, folder):
        self.link = frames.Producer(folder / "resources.sock", "translator")
        self.source = 0

    def close(self):
        self.link.close()

    def put(self, *messages):
        for m in messages:
            data = m.SerializeToString(deterministic=True)
            version = hashlib.sha256(data).hexdigest()[:32]
            name = getattr(m, "name", "") or m.cluster_name
            self.link.state.put(_kind(m), name, data, version)

    def remove(self, kind, *names):
        for name in names:
            self.link.state.remove(KINDS[kind], name)

    def commit(self, *messages, wait=True):
        """Puts, ends the batch and waits until the xds-server has it. The world's number."""
        self.put(*messages)
        self.source += 1
        self.link.commit(self.source)
        if wait:
            self.link.wait_in_sync()
        return self.source

    def reports(self):
        """(those of connected Envoys, those of rejected resources), as messages by key."""
        found = {frames.REPORT_ENVOY: {}, frames.REPORT_REJECT: {}}
        names = {frames.REPORT_ENVOY: "EnvoyReport", frames.REPORT_REJECT: "RejectReport"}
        for (kind, key), item in self.link.mirror.items():
            if kind not in names:
                continue
            found[kind][key] = frames.schema()[names[kind]].FromString(item.value)
        return found[frames.REPORT_ENVOY], found[frames.REPORT_REJECT]

    def wait_reports(self, done, timeout=PATIENCE):
        """Until done(envoys, rejects)."""
        try:
            self.link.wait(lambda _: done(*self.reports()), timeout)
        except TimeoutError:
            raise AssertionError(f"reports after {timeout} s: {self.reports()}") from None
        return self.reports()


class ServerAlone:
    """A real xds-server whose translator is the test."""

    def __init__(self, folder, *args):
        folder.mkdir(mode=0o700)
        self.dir = folder
        self.translator = FakeTranslator(folder)
        self.stage = XdsServer(folder, *args)

    def start(self, *messages):
        """With these resources as the first complete set."""
        self.stage.start(ready=False)
        if messages:
            self.translator.commit(*messages)
            self.stage.wait_source(self.translator.source)
        return self

    def commit(self, *messages):
        source = self.translator.commit(*messages)
        self.stage.wait_source(source)
        return source

    @property
    def address(self):
        return self.stage.address

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.stage.close()
        except AssertionError:
            if kind is None:
                raise
        finally:
            self.translator.close()
            if kind is not None:
                print(f"---- log of xds-server, the end ----\n{self.stage.logged()[-5000:]}")
