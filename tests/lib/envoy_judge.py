"""A real Envoy's answers about many certificates, bundles, revocation lists and filters: one Envoy
for all of them."""

import concurrent.futures
import json
import os
import queue
import socket
import ssl
import subprocess
import time

import grpc
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2

from addresses import loopback
from certs import Authority
from events import Deadline, readable
from programs import venv
from stage import ask

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
FILTERS = "type.googleapis.com/envoy.extensions.filters"
NETWORK = f"{FILTERS}.network"
LAST = "the-last-of-all"


def pair(name, form):
    s = secret_pb2.Secret(name=name)
    s.tls_certificate.certificate_chain.inline_bytes = form.first
    s.tls_certificate.private_key.inline_bytes = form.key
    return s


def authority(name, bundle, revoked=None):
    s = secret_pb2.Secret(name=name)
    s.validation_context.trusted_ca.inline_bytes = bundle
    if revoked is not None:
        s.validation_context.crl.inline_bytes = revoked
    return s


class _Discovery(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):
    """Sends each requested secret in a response of its own, and keeps Envoy's answer."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.answers = queue.Queue()

    def DeltaAggregatedResources(self, requests, context):
        for request in requests:
            if request.response_nonce:
                refused = request.HasField("error_detail")
                self.answers.put((request.response_nonce, request.error_detail.message if refused else None))
            for name in request.resource_names_subscribe:
                response = discovery_pb2.DeltaDiscoveryResponse(type_url=f"{TYPE}.Secret", nonce=name)
                response.resources.add(name=name, version="1").resource.Pack(self.secrets[name])
                yield response


class Judge:
    """secrets: of pair() and authority(). Each is the certificate, or the validation of clients, of
    one filter chain, chosen by the server name "NAME.example.com"."""

    def __init__(self, folder, which, secrets):
        self.dir = folder / f"judge-{which}"
        self.dir.mkdir()
        self.address, self.port = loopback(), 8443
        self.binary = venv({"newest": "envoy", "oldest": "envoy-oldest"}[which])
        self.secrets = {s.name: s for s in secrets}
        self.discovery = _Discovery(self.secrets)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(self.discovery, self.server)
        self.server.add_insecure_port(f"unix:{self.dir / 'xds.sock'}")
        self.process = None

    def _bootstrap(self):
        own = Authority().issue("*.example.com")
        own = {"certificate_chain": {"inline_string": own.chain}, "private_key": {"inline_string": own.key}}
        chains = []
        for name, secret in self.secrets.items():
            source = {"name": name, "sds_config": {"ads": {}, "resource_api_version": "V3"}}
            common = ({"tls_certificate_sds_secret_configs": [source]} if secret.HasField("tls_certificate")
                      else {"tls_certificates": [own], "validation_context_sds_secret_config": source})
            chains.append({
                "filter_chain_match": {"server_names": [f"{name}.example.com"]},
                "filters": [{"name": "answer", "typed_config": {
                    "@type": f"{NETWORK}.direct_response.v3.Config", "response": {"inline_string": "served"}}}],
                "transport_socket": {"name": "tls", "typed_config": {
                    "@type": f"{TYPE}.DownstreamTlsContext", "common_tls_context": common}}})
        inspector = {"@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}
        listener = {
            "name": "all", "address": {"socket_address": {"address": self.address, "port_value": self.port}},
            "listener_filters": [{"name": "inspector", "typed_config": inspector}], "filter_chains": chains}
        h2 = {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              "explicit_http_config": {"http2_protocol_options": {}}}
        endpoint = {"endpoint": {"address": {"pipe": {"path": str(self.dir / "xds.sock")}}}}
        xds = {"name": "xds", "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": h2},
            "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]}}
        return {
            "node": {"id": "judge", "cluster": "judge"},
            "static_resources": {"listeners": [listener], "clusters": [xds]},
            "dynamic_resources": {"ads_config": {"api_type": "DELTA_GRPC", "transport_api_version": "V3",
                                                 "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]}}}

    def __enter__(self):
        self.server.start()
        (self.dir / "envoy.json").write_text(json.dumps(self._bootstrap()))
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                [self.binary, "-c", self.dir / "envoy.json", "--use-dynamic-base-id", "--concurrency", "1",
                 "--log-level", "error"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.server.stop(None)

    def refused(self, timeout=60):
        """{name: why Envoy refuses it, or None}, when it has answered for all."""
        found = {}
        while len(found) < len(self.secrets):
            try:
                name, why = self.discovery.answers.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError((self.dir / "log").read_text(errors="replace")[-3000:]) from None
            found[name] = why
        return found

    def serves(self, name, timeout=5):
        """Whether a handshake for the name succeeds, soon: Envoy answers before its worker has the secret."""
        end = time.monotonic() + timeout
        while not (served := self._shakes_hands(name)) and time.monotonic() < end:
            pass
        return served

    def _shakes_hands(self, name):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        try:
            with socket.create_connection((self.address, self.port), timeout=10) as raw:
                with context.wrap_socket(raw, server_hostname=f"{name}.example.com"):
                    return True
        except OSError:
            return False


def manager(routes, *filters):
    """A connection manager with these routes and filters."""
    return {"@type": f"{NETWORK}.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "all",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [*filters, {"name": "router", "typed_config": {"@type": f"{FILTERS}.http.router.v3.Router"}}]}


def _listener(place, name, filter):
    """Envoy binds it in spite of bind_to_port: a place is one call's own, as others run at the same time."""
    return {"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": name, "bind_to_port": False,
            "address": {"pipe": {"path": f"@{place}/{name}"}}, "filter_chains": [{"filters": [{"name": "http", "typed_config": filter}]}]}


def takes(folder, which, managers, bad):
    """{name: whether Envoy takes it}, of {name: connection manager}. Each is of a listener of its own, and all come at once:
    Envoy says which it refuses, and takes the others. bad: one that it refuses; with it all have been read."""
    place = os.urandom(8).hex()
    listeners, config = folder / f"{which}-listeners.json", folder / f"{which}.json"
    listeners.write_text(json.dumps({"resources": [_listener(place, n, m) for n, m in [*managers.items(), (LAST, bad)]]}))
    admin = folder / f"{which}.admin"
    config.write_text(json.dumps({
        "node": {"id": "judge", "cluster": "judge"}, "admin": {"address": {"pipe": {"path": str(admin)}}},
        # As in `portolan bootstrap`.
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {"re2.max_program_size.error_level": 1048576}}]},
        "dynamic_resources": {"lds_config": {"resource_api_version": "V3", "path_config_source": {"path": str(listeners)}}}}))
    binary = venv({"newest": "envoy", "oldest": "envoy-oldest"}[which])
    running = subprocess.Popen([binary, "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "info"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    log, end = b"", Deadline(120)
    try:
        while LAST.encode() not in log or b"starting workers" not in log:
            readable([running.stderr], end, "Envoy's log")
            more = os.read(running.stderr.fileno(), 1 << 16)
            assert more, f"Envoy ended: {running.wait()}: {log[-2000:]}"
            log += more
        status, body = ask(admin, "/listeners?format=json")
        assert status == 200
        taken = {l["name"] for l in json.loads(body)["listener_statuses"]}
        assert LAST not in taken
        return {n: n in taken for n in managers}
    finally:
        running.kill()
        running.wait()
        running.stderr.close()
