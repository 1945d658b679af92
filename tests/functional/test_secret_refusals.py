"""A Secret that an Envoy refuses is the one that is reported, among others and on later streams.

Envoy's SdsApi keeps the hash of a Secret's bytes before it looks at them, and acknowledges the same bytes the
second time. So what was refused must not be repeated with the same bytes.
"""

import contextlib
import json
import subprocess

import pytest
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2

from certs import Authority
from envoy_process import Envoy
from events import Deadline
from objects import app, proxy, tls_secret, to
from programs import program
from relay import Relay
from resources import ADS, ServerAlone, assignment, cluster, listener, route, secret
from stage import Pipeline
from xds_client import Stream, StreamEnded


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


CUTS = ["goaway", "reset", "killed"]


def age(cut):
    """Options of an xds-server that ends its streams by GOAWAY after a second, if that is asked for."""
    return ("--max-stream-age", "1") if cut == "goaway" else ()


def cut_off(cut, xds, relay):
    """Ends the stream, or sees to it that it has ended."""
    if cut == "reset":
        relay.reset()
    elif cut == "killed":
        xds.kill()
        xds.start()


@pytest.mark.parametrize("which", ["newest", "oldest"])
@pytest.mark.parametrize("cut", CUTS)
def test_what_a_real_envoy_refuses_is_refused_on_every_stream(folder, which, cut):
    authority = Authority()
    pairs = [authority.issue(f"h{i}.example.com") for i in range(2)]
    secrets = [secret(f"certificate-{i}", *pair) for i, pair in enumerate(pairs)]
    secrets += [validation(f"authority-{i}", authority.text) for i in range(2)]
    secrets[1].tls_certificate.private_key.inline_string = pairs[0].key
    secrets[3].validation_context.trusted_ca.inline_string = "nothing of the kind"
    all = listener("l", "r")
    del all.filter_chains[:]
    for i in range(2):
        chain(all, f"h{i}.example.com", f"certificate-{i}")
        chain(all, f"m{i}.example.com", pairs[i], f"authority-{i}")
    bad = {b"secret\0certificate-1", b"secret\0authority-1"}
    known = set()

    def refused(envoys, rejects):
        """By a stream that is new: there is nothing else that it could refuse."""
        return set(rejects) == bad and any(e.nacks for e in envoys.values() if e.connected_usec not in known)

    with ServerAlone(folder / "run", *age(cut)) as server:
        server.stage.start(ready=False)
        server.commit(all, route("r", "a"), cluster("a"), assignment("a"), *secrets)
        server.stage.keep_address()
        with Relay(server.address) as relay, Envoy(folder, relay.address, which):
            for _ in range(3):
                envoys, _ = server.translator.wait_reports(refused)
                known |= {e.connected_usec for e in envoys.values()}
                cut_off(cut, server.stage, relay)
            server.translator.wait_reports(refused)
            secrets[1].tls_certificate.private_key.inline_string = pairs[1].key
            secrets[3].validation_context.trusted_ca.inline_string = authority.text
            server.commit(*secrets)
            server.translator.wait_reports(lambda envoys, _: any(
                e.acked_source == server.translator.source for e in envoys.values()))


class SdsApi:
    """One Secret's subscription in an Envoy, over all of its streams: takes what has the same bytes as the last
    time without a look."""

    def __init__(self, name, refuse, delta, node="envoy"):
        self.name, self.refuse, self.delta, self.node = name, refuse, delta, node
        self.bytes = None
        self.version = None  # that it has accepted
        self.looks = 0
        self.stream = None

    def connect(self, address):
        self.close()
        self.stream = Stream(address, delta=self.delta, node=self.node)
        have = {self.name: self.version} if self.version else {}
        self.stream.subscribe("SDS", self.name, **({"have": have} if self.delta else {}))

    def close(self):
        if self.stream:
            self.stream.close()
        self.stream = None

    def hear(self):
        """Its answer to the next response: what it says against it, or None."""
        response = self.stream.next(ack=False)
        sent = response.resources[self.name].SerializeToString(deterministic=True)
        why = None
        if sent != self.bytes:
            self.bytes = sent
            self.looks += 1
            why = self.refuse(response.resources[self.name])
        if why:
            self.stream.nack(response, why)
        else:
            self.version = response.versions[self.name]
            self.stream.ack(response)
        return why


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "state of the world"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_refused_secret_stays_refused_over_streams_and_is_told_all_the_time(folder, delta, cut):
    authority = Authority()
    bad, good = (authority.issue("bad.example.com") for _ in range(2))

    def objects(certificate):
        return [*app("bad", "10.0.0.2", 80)[1:], tls_secret("bad", certificate),
                proxy("bad", to("bad"), fqdn="bad.example.com", tls={"secretName": "bad"})]

    def refuse(sent):
        chain = sent.tls_certificate.certificate_chain
        return "no such key" if bad.chain in (chain.inline_string, chain.inline_bytes.decode()) else None

    def refused():
        """In the statuses of its objects."""
        said = [p["message"] for row in json.loads(pipeline.translator.get("/debug/statuses"))
                for p in row.get("problems", []) if p["reason"] == "RejectedByEnvoy"]
        return any(m.startswith(("Envoys one and two ", "Envoys one, two and 1 more ")) and "no such key" in m for m in said)

    with contextlib.ExitStack() as stack:
        pipeline = stack.enter_context(Pipeline(folder, xds=age(cut))).start()
        pipeline.xds.keep_address()
        relay = stack.enter_context(Relay(pipeline.xds_address))
        pipeline.write("bad.yaml", *objects(bad))
        # The two have one node id in common with a third, which takes everything else.
        clients = [SdsApi("default/bad", refuse, delta, node) for node in ("one", "two", "two")]
        for client in clients:
            stack.callback(client.close)
            client.connect(relay.address)
            assert client.hear() == "no such key"
        end = Deadline(60)
        while not refused():
            end.left("a status that says so")
        assert pipeline.translator.metrics()["portolan_translator_rejects_total"] >= 1
        for n in range(2, 5):
            if cut == "goaway":
                for client in clients:
                    with pytest.raises(StreamEnded):
                        client.stream.next()
            cut_off(cut, pipeline.xds, relay)
            assert refused()
            for client in clients:
                client.connect(relay.address)
                assert client.hear() == "no such key" and client.looks == n
            assert refused()
            pipeline.settle()
            assert refused()
        shown = subprocess.run([program("portolan"), "status", "--problems", f"--runtime-dir={pipeline.dir}"],
                               capture_output=True, text=True, timeout=60).stdout
        assert "RejectedByEnvoy: Envoys one" in shown and "no such key" in shown, shown
        assert pipeline.xds.metrics()["portolan_xds_refused_resources"] >= 1
        pipeline.write("bad.yaml", *objects(good))
        for client in clients:
            assert client.hear() is None
        end = Deadline(60)
        while refused():
            end.left("statuses without it")
