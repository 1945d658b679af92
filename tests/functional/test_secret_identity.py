"""The bytes by which Envoy knows a Secret again.

Envoy keys its SDS subscriptions by the secret's name and a hash of the whole ConfigSource
(envoy/source/common/secret/secret_manager_impl.h, DynamicSecretProviders). If a release writes another
ConfigSource, every listener and cluster with TLS asks for "new" secrets while it is updated, and may go
active before they are there: handshakes fail while everything looks ready (envoyproxy/envoy#47309, #46155;
Envoy Gateway 1.9 met it). So these bytes stay as they are from release to release. If one of these tests
fails, do not change what it expects: change back what is sent, or send both forms to living Envoys first.
"""

import pytest

from certs import Authority
from objects import app, proxy, tls_secret, to
from stage import Pipeline

# ConfigSource { ads {} (3), resource_api_version: V3 (6) }, as SdsSecretConfig.sds_config (2).
SDS_CONFIG = bytes.fromhex("1204" "1a00" "3002")


def secret_config(name):
    """SdsSecretConfig { name (1), sds_config (2) } as an element of
    CommonTlsContext.tls_certificate_sds_secret_configs (6)."""
    body = b"\x0a" + bytes([len(name)]) + name.encode() + SDS_CONFIG
    return b"\x32" + bytes([len(body)]) + body


@pytest.mark.parametrize("form", ["chains", "shared"])
def test_the_source_of_a_hosts_certificate_is_written_as_ever(folder, form):
    certificate = Authority().issue("a.example.com")
    with Pipeline(folder, translator=("--tls-hosts", form)) as pipeline:
        pipeline.start()
        pipeline.write("a.yaml", *app("a", "10.0.0.1", 80)[1:], tls_secret("a", certificate),
                       proxy("a", to("a"), fqdn="a.example.com", tls={"secretName": "a"}))
        sent = pipeline.resources()
    listeners = b"".join(value for (kind, name), (_, value) in sent.items() if "listener" in kind)
    assert secret_config("default/a") in listeners, sorted(sent)
    if form == "shared":
        # Certificates by server name: the on-demand selector's own ConfigSource.
        assert b"\x0a\x04\x1a\x00\x30\x02" in listeners
