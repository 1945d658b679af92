"""What a real Envoy does without a resource that it refuses in its first version: `portolan explain` says so."""

import http.client
import ssl

import pytest
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2

from addresses import loopback
from certs import Authority
from envoy_process import Envoy
from events import Deadline
from resources import ADS, ServerAlone, assignment, cluster, listener, route, secret
from test_refusers import LACKS


def resources(address, lacks):
    """A host with TLS, of which one resource is such that Envoy refuses it."""
    authority = Authority()
    certificate, other = (authority.issue("web.example.com") for _ in range(2))
    web = listener("l", "r", address, 8443)
    tls = web.filter_chains[0].transport_socket
    tls.name = "tls"
    context = tls_pb2.DownstreamTlsContext()
    context.common_tls_context.tls_certificate_sds_secret_configs.add(name="s", sds_config=ADS)
    tls.typed_config.Pack(context)
    all = {"LDS": web, "RDS": route("r", "c"), "CDS": cluster("c"), "EDS": assignment("c", (address, 9)),
           "SDS": secret("s", *certificate)}
    if lacks == "RDS":
        match = all["RDS"].virtual_hosts[0].routes[0].match
        match.safe_regex.regex = "("
    elif lacks == "CDS":
        all["CDS"].connect_timeout.seconds = 0
    elif lacks == "EDS":
        all["EDS"].endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address = "nowhere"
    elif lacks == "SDS":
        all["SDS"].tls_certificate.private_key.inline_string = other.key
    return all.values()


def answer(address):
    """The status of a request, or "the handshake fails"; None: nobody listens yet."""
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(address, 8443, timeout=60, context=context)
    try:
        connection.request("GET", "/", headers={"Host": "web.example.com"})
        return f"answered with {connection.getresponse().status}"
    except ConnectionRefusedError:
        return None
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        return "the handshake fails"
    finally:
        connection.close()


@pytest.mark.parametrize("which", ["newest", "oldest"])
@pytest.mark.parametrize("lacks", LACKS)
def test_an_envoy_without_it_does_what_explain_says(folder, which, lacks):
    address = loopback()
    with ServerAlone(folder / "run") as server:
        server.stage.start(ready=False)
        source = server.commit(*resources(address, lacks))
        with Envoy(folder, server.address, which) as envoy:
            _, rejects = server.translator.wait_reports(lambda _, rejects: rejects)
            server.stage.wait_answered(source)
            assert len(rejects) == 1
            end = Deadline(60)
            while (met := answer(address)) is None:
                assert envoy.process.poll() is None
                end.left("a listener")
            assert met == LACKS[lacks]
