"""Random histories of objects: whatever the history, the result equals a translation from scratch,
byte for byte. The seed is in the test's name; PORTOLAN_SEED and PORTOLAN_STEPS choose others."""

import os
import random

import pytest

import frames
import offline
from certs import Authority
from extension_services import extension
from objects import (
    app, backend, endpoint, ingress, ingress_class, path, port, rule, service, slice_of, tls_secret,
)
from stage import Manifests
from tokens import Signer, key_set

SEEDS = [int(os.environ["PORTOLAN_SEED"])] if "PORTOLAN_SEED" in os.environ else [1, 2, 3]
STEPS = int(os.environ.get("PORTOLAN_STEPS", 300))
COMPARE_EVERY = 5


class History:
    """One random change after the other, to a small set of names so that they collide."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        authority = Authority()
        self.certificates = [authority.issue("a.example.com", "*.example.com") for _ in range(3)]
        self.key_sets = [key_set(Signer()), key_set(Signer("r", "RS256")), '{"keys": []}']
        self.files = {}

    def name(self, of="abc"):
        return self.random.choice(of)

    def host(self):
        return self.random.choice(["a.example.com", "b.example.com", "c.example.com", "*.example.com",
                                   "x.example.org", "", "bad host"])

    def namespace(self):
        return self.random.choice(["default", "default", "default", "other"])

    def path(self):
        at, type = self.random.choice([
            ("/", "Prefix"), ("/a", "Prefix"), ("/a/", "Prefix"), ("/a/b", "Exact"), ("/a", "Exact"),
            ("/x[0-9]+", "ImplementationSpecific"), ("/x", "ImplementationSpecific"),
            ("/(", "ImplementationSpecific"), ("relative", "Prefix")])
        return path(self.name("abcd"), self.random.choice([80, 80, 81, "http", "none"]), at=at, type=type)

    def ingress(self):
        rules = [rule(self.host(), *[self.path() for _ in range(self.random.randint(1, 4))])
                 for _ in range(self.random.randint(0, 3))]
        tls = [(f"cert-{self.name()}", *{self.host() for _ in range(self.random.randint(0, 2))})
               for _ in range(self.random.randint(0, 2))]
        return ingress(
            self.name(), *rules, namespace=self.namespace(), tls=tls,
            default=backend(self.name(), 80) if self.random.random() < 0.2 else None,
            klass=self.random.choice(["portolan", "portolan", "portolan", "edge", "other", None]),
            created=self.random.choice([None, "2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"]))

    def service(self):
        ports = self.random.choice([
            [port(80, target=8080)], [port(80, "http", "web")], [port(80, "http", 8080), port(81, "two", 81)],
            [port(81)], [port(80, "http", 80, "UDP")]])
        kind = {"type": "ExternalName", "externalName": "far.example.net"} if (
            self.random.random() < 0.1) else {}
        return service(self.name(), *ports, namespace=self.namespace(), **kind)

    def slice(self):
        endpoints = [endpoint(f"10.0.0.{self.random.randint(1, 5)}", **self.random.choice([
            {}, {"ready": True}, {"ready": False}, {"ready": False, "serving": True, "terminating": True}]))
            for _ in range(self.random.randint(0, 4))]
        named = self.random.choice([None, "http", "two"])
        return slice_of(self.name(), self.random.choice([8080, 9090]), *endpoints, port_name=named,
                        namespace=self.namespace(), suffix=self.name("12"))

    def secret(self):
        """cert-c is never usable, the others always are: the content kept of a Secret that breaks
        depends on the translator's history, and is not part of translation."""
        name = self.name("abc")
        chain, key = self.random.choice(self.certificates)
        if name == "c":
            others = [other for _, other in self.certificates if other != key]
            chain, key = self.random.choice([(chain, others[0]), ("no certificate", key)])
        return tls_secret(f"cert-{name}", (chain, key), namespace=self.namespace())

    def klass(self):
        return ingress_class("edge", self.random.choice(["portolan.io/ingress-controller", "other/x"]),
                             default=self.random.random() < 0.3)

    def extension(self):
        more = self.random.choice([{}, {}, {"timeoutPolicy": {"response": self.random.choice(["1s", "soon"])}}])
        services = [{"name": self.name("abcd"), "port": self.random.choice([80, 80, 81]),
                     "weight": self.random.randint(0, 2)} for _ in range(self.random.randint(1, 3))]
        return extension(f"ask-{self.name('ab')}", *services, namespace=self.namespace(), **more,
                         protocol=self.random.choice(["h2c", "h2c", "http/1.1"]))

    def authorization(self):
        found = {"authPolicy": self.random.choice([{}, {"disabled": True}, {"context": {"a": "1", "b": "2"}}])}
        if self.random.random() < 0.8:
            found["extensionRef"] = {"name": f"ask-{self.name('ab')}", "namespace": "default"}
        if self.random.random() < 0.3:
            found["serviceType"] = "http"
        return found

    def keys(self):
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": f"keys-{self.name('ab')}", "namespace": self.namespace()},
                "stringData": {"jwks": self.random.choice(self.key_sets)}}

    def providers(self):
        return [{"name": name, "default": self.random.random() < 0.3, **self.random.choice([
            {"localJWKS": {"secretName": f"keys-{self.name('ab')}", "key": "jwks"}},
            {"remoteJWKS": {"uri": f"http://{self.name()}.example.net/keys"}}])}
            for name in self.random.choice(["p", "q", "pq"])]

    def limits(self):
        return {"global": self.random.choice([
            {"disabled": True}, {"descriptors": [{"entries": [{"remoteAddress": {}}]}]},
            {"descriptors": [{"entries": [{}]}]}])}

    def proxy(self):
        """With one route each way: this is about their questions, not about the routes."""
        name, namespace = self.name(), self.namespace()
        # Rarely a host that another one has.
        host = {"fqdn": self.random.choice([*[f"{name}-{namespace}.example.com"] * 4, "a.example.com", "b.example.com"])}
        if self.random.random() < 0.8:
            host["tls"] = {"secretName": f"cert-{self.name()}"}
        protected = self.random.choice(["authorization", "authorization", "tokens", "fallback", "fallback", "not"])
        if protected == "authorization" or self.random.random() < 0.1:
            host["authorization"] = self.authorization()
        if protected == "tokens":
            host["jwtProviders"] = self.providers()
        if protected == "fallback" and "tls" in host:
            host["tls"]["enableFallbackCertificate"] = True
        route = {"services": [{"name": self.name("abcd"), "port": 80}],
                 "permitInsecure": self.random.random() < 0.5}
        for where, what in ((host, "rateLimitPolicy"), (route, "rateLimitPolicy")):
            if self.random.random() < 0.3:
                where[what] = self.limits()
        if protected == "tokens" and self.random.random() < 0.5:
            route["jwtVerificationPolicy"] = self.random.choice([{"require": self.name("pqr")}, {"disabled": True}])
        if self.random.random() < 0.5:
            route["authPolicy"] = self.authorization()["authPolicy"]
        return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"virtualhost": host, "routes": [route]}}

    def configuration(self):
        """Asks for all hosts, or counts, or both, or neither."""
        spec = self.random.choice([{}, *[{"httpproxy": {"fallbackCertificate": {
            "namespace": "default", "name": f"cert-{self.name('aab')}"}}}] * 3])
        if self.random.random() < 0.5:
            spec["globalExtAuth"] = {**self.authorization(), "extensionRef": {
                "name": f"ask-{self.name('ab')}", "namespace": "default"}}
        if self.random.random() < 0.5:
            spec["rateLimitService"] = {
                "extensionService": {"name": f"ask-{self.name('ab')}", "namespace": "default"},
                "defaultGlobalRateLimitPolicy": self.limits()["global"]}
        return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
                "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": spec}

    def objects(self):
        makers = [self.ingress] * 4 + [self.service] * 3 + [self.slice] * 3 + [self.secret, self.klass]
        makers += [self.secret] * 3 + [self.keys] * 3 + [self.proxy] * 5 + [self.extension] * 2 + [self.configuration]
        return [self.random.choice(makers)() for _ in range(self.random.choice([1, 3, 5, 8]))]

    def step(self, manifests):
        file = f"{self.random.randint(1, 12):02}.yaml"
        what = self.random.random()
        if what < 0.15 and file in self.files:
            manifests.remove(file)
            del self.files[file]
        elif what < 0.2:
            manifests.write_text(file, "kind: [broken\n")
            self.files[file] = "broken"
        else:
            self.files[file] = self.objects()
            manifests.write(file, *self.files[file])


def differences(incremental, scratch):
    keys = incremental.keys() | scratch.keys()
    return {k: (incremental.get(k), scratch.get(k)) for k in sorted(keys)
            if incremental.get(k) != scratch.get(k)}


@pytest.mark.parametrize("seed, options", [*[(s, ()) for s in SEEDS], (SEEDS[0], ("--tls-hosts", "shared"))])
def test_incremental_output_equals_from_scratch_output(pipeline, seed, options):
    """Of the translator's objects: which of two files defines an object, and what is kept of an
    unreadable file, depends on the watcher's history."""
    history = History(seed)
    if options:
        pipeline.translator.stop()
        pipeline.translator.args += options
        pipeline.translator.start()
    with frames.connect(pipeline.dir / "objects.sock", "reader") as objects, (
            frames.connect(pipeline.dir / "resources.sock", "reader")) as resources:
        for step in range(1, STEPS + 1):
            for _ in range(history.random.choice([1, 1, 1, 3])):
                history.step(pipeline.manifests)
            source = pipeline.settle("watcher", "translator")
            if step % COMPARE_EVERY and step != STEPS:
                continue
            served = resources.wait_source(source)
            scratch = offline.translate_state(objects.wait_source(source), options)
            assert differences(served, scratch) == {}, f"seed {seed}, step {step}"
    assert pipeline.translator.status()["generation"] > STEPS / 2, "hardly anything was incremental"


def test_the_history_makes_worlds_worth_comparing(folder):
    """Resources of every kind, and refused objects among accepted ones, or equality says little."""
    manifests = Manifests(folder / "manifests")
    history = History(SEEDS[0])
    kinds, verdicts, listeners = set(), set(), b""
    for _ in range(30):
        for _ in range(10):
            history.step(manifests)
        translated = offline.translate(folder, manifests.path)
        resources = frames.resources(translated.resources)
        kinds |= {kind for kind, _ in resources}
        listeners += b"".join(value for (kind, _), (_, value) in resources.items() if kind == "listener")
        verdicts |= {s["verdict"] for s in offline.statuses(translated.statuses).values()}
    assert kinds == {"cluster", "endpoint", "listener", "route", "runtime", "secret"}
    assert verdicts == {"accepted", "partial", "rejected", "ignored"}
    assert all(part in listeners for part in (
        b"v3.ExtAuthz", b"ratelimit.v3.RateLimit", b"v3.JwtAuthentication", b"fallback-certificate"))


def test_a_difference_would_be_seen(folder):
    manifests = Manifests(folder / "manifests")
    manifests.write("a.yaml", *app("a", "10.0.0.1", 80))
    one = offline.translate(folder, manifests.path).resources
    manifests.write("a.yaml", *app("a", "10.0.0.2", 80))
    two = offline.translate(folder, manifests.path).resources
    assert len(differences(one, two)) == 1
