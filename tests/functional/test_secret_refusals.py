"""A Secret that a real Envoy refuses among others is the one that is reported.

Envoy's SdsApi keeps the hash of a Secret's bytes before it looks at them, and acknowledges the same bytes the
second time. So a batch that was refused must not be repeated with the same bytes.
"""

import pytest
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2

from certs import Authority
from envoy_process import Envoy
from resources import ADS, assignment, cluster, listener, route, secret


def validation(name, authority):
    s = secret_pb2.Secret(name=name)
    s.validation_context.trusted_ca.inline_string = authority
    return s


def chain(to, name, certificate, authority=None):
    """A filter chain for one server name, in which one thing is a Secret: the certificate, given by the Secret's
    name, or beside a certificate that is written out the authority of clients. Envoy looks at a Secret together
    with all others of its chain, so two bad ones in one chain would be told of each other.
    """
    own = listener("l", "r").filter_chains[0]
    own.name = name
    own.filter_chain_match.server_names.append(name)
    context = tls_pb2.DownstreamTlsContext()
    common = context.common_tls_context
    if authority:
        common.tls_certificates.add().CopyFrom(secret("", *certificate).tls_certificate)
        common.validation_context_sds_secret_config.CopyFrom(secret_pb2.SdsSecretConfig(name=authority, sds_config=ADS))
    else:
        common.tls_certificate_sds_secret_configs.add(name=certificate, sds_config=ADS)
    own.transport_socket.name = "tls"
    own.transport_socket.typed_config.Pack(context)
    to.filter_chains.append(own)


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_the_bad_ones_of_many_are_reported_and_the_others_are_in_use(server, folder, which):
    authority = Authority()
    pairs = [authority.issue(f"h{i}.example.com") for i in range(4)]
    secrets = [secret(f"certificate-{i}", *pair) for i, pair in enumerate(pairs)]
    secrets += [validation(f"authority-{i}", authority.text) for i in range(4)]
    # A key of another certificate, and an authority that is none.
    secrets[2].tls_certificate.private_key.inline_string = pairs[3].key
    secrets[5].validation_context.trusted_ca.inline_string = "nothing of the kind"
    all = listener("l", "r")
    del all.filter_chains[:]
    for i in range(4):
        chain(all, f"h{i}.example.com", f"certificate-{i}")
        chain(all, f"m{i}.example.com", pairs[i], f"authority-{i}")
    server.commit(all, route("r", "a"), cluster("a"), assignment("a"), *secrets)
    bad = {b"secret\0certificate-2", b"secret\0authority-1"}
    with Envoy(folder, server.address, which):
        _, rejects = server.translator.wait_reports(lambda _, rejects: bad <= set(rejects))
        assert set(rejects) == bad
        secrets[2].tls_certificate.private_key.inline_string = pairs[2].key
        secrets[5].validation_context.trusted_ca.inline_string = authority.text
        source = server.commit(secrets[2], secrets[5])
        server.stage.wait_accepted(source)
