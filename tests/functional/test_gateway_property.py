"""Random histories of Gateway API objects: resources and statuses equal those of a translation from
scratch, byte for byte, whatever the history."""

import json
import os
import random
import subprocess

import pytest

import frames
import gateway_objects as api
import offline
from certs import Authority
from gateway_objects import backend, gateway, grant, listener, route, rule, terminated, thing
from objects import configuration, endpoint, port, service, slice_of, tls_secret
from programs import program
from stage import Manifests
from test_property import differences

SEEDS = [int(os.environ["PORTOLAN_SEED"])] if "PORTOLAN_SEED" in os.environ else [1, 2]
STEPS = int(os.environ.get("PORTOLAN_STEPS", 150))
COMPARE_EVERY = 5
HOSTS = ["a.com", "x.a.com", "*.a.com", "b.org", "*.b.org", None]


class History:
    """One change after the other to few names, so that they collide."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.authority = Authority()
        self.certificate = self.authority.issue("a.com", "*.a.com")
        self.files = {}

    def pick(self, *of):
        return self.random.choice(of)

    def name(self, of="abc"):
        return self.random.choice(of)

    def namespace(self):
        return self.pick("default", "default", "other")

    def created(self):
        return self.pick(None, "2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z")

    def listeners(self):
        found = []
        for i in range(self.random.randint(1, 4)):
            protocol = self.pick("HTTP", "HTTP", "HTTP", "HTTPS", "HTTPS", "TLS", "TCP", "UDP")
            more = {}
            if protocol == "HTTPS":
                more = terminated(f"cert-{self.name()}")
            elif protocol == "TLS":
                more = {"tls": {"mode": "Passthrough"}}
            if self.random.random() < 0.5:
                more["allowedRoutes"] = {"namespaces": self.pick(
                    {"from": "All"}, {"from": "Selector", "selector": {"matchLabels": {"team": self.name("xy")}}})}
            hostname = None if protocol in ("TCP", "UDP") else self.pick(*HOSTS)
            found.append(listener(f"l{i}", self.pick(80, 80, 81, 443), protocol, hostname, **more))
        return found

    def gateway(self):
        more = {}
        if self.random.random() < 0.5:
            more["allowedListeners"] = {"namespaces": {"from": self.pick("All", "Same", "None")}}
        if self.random.random() < 0.2:
            more["tls"] = {"frontend": {"default": {"validation": {"caCertificateRefs": [
                {"group": "", "kind": "ConfigMap", "name": f"ca-{self.name('ab')}"}]}}}}
        made = gateway(self.name("vw"), *self.listeners(), **more)
        made["spec"]["gatewayClassName"] = self.pick("portolan", "portolan", "portolan", "elsewhere")
        return made

    def listener_set(self):
        return thing("ListenerSet", self.name("st"), {
            "parentRef": {"name": self.name("vw"), "namespace": "default"}, "listeners": self.listeners()},
            self.namespace(), self.created())

    def klass(self):
        return {**api.CLASS, "metadata": {"name": self.pick("portolan", "elsewhere")},
                "spec": {"controllerName": self.pick(*["portolan.io/gateway-controller"] * 4, "other.io/x")}}

    def parents(self):
        kind, name = self.pick(("Gateway", "v"), ("Gateway", "w"), ("ListenerSet", "s"))
        ref = {"kind": kind, "name": name, "namespace": "default"}
        return [{**ref, **self.pick({}, {}, {"sectionName": f"l{self.random.randint(0, 3)}"}, {"port": 80})}]

    def backend(self):
        more = {"namespace": self.namespace()} if self.random.random() < 0.3 else {}
        return backend(self.name("abcd"), self.pick(None, 0, 1, 3), self.pick(80, 80, 81), **more)

    def filters(self):
        return self.pick(
            [], [], [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}],
            [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/n"}}}],
            [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": self.name("abcd"), "port": 80}}}])

    def http_route(self):
        rules = []
        for _ in range(self.random.randint(1, 3)):
            filters = self.filters()
            redirect = filters and filters[0]["type"] == "RequestRedirect"
            backends = [] if redirect else [self.backend() for _ in range(self.random.randint(0, 2))]
            rules.append(rule(*backends, at=self.pick("/", "/p", "/p/q"), filters=filters))
        hosts = {h for h in (self.pick(*HOSTS), self.pick(*HOSTS)) if h} if self.random.random() < 0.7 else ()
        return route(self.name(), *rules, parents=self.parents(), hosts=sorted(hosts), namespace=self.namespace(),
                     created=self.created())

    def stream_route(self):
        kind = self.pick("TCPRoute", "UDPRoute", "TLSRoute", "GRPCRoute")
        hosts = [self.pick(*HOSTS[:-1])] if kind in ("TLSRoute", "GRPCRoute") else ()
        return route(self.name(), {"backendRefs": [self.backend() for _ in range(self.random.randint(1, 3))]}, kind=kind,
                     hosts=hosts, parents=self.parents(), namespace=self.namespace(), created=self.created())

    def service(self):
        return service(self.name(), port(80, "http", 8080), port(81, "dns", 53, "UDP"), namespace=self.namespace())

    def slice(self):
        return slice_of(self.name(), 8080, *(endpoint(f"10.0.0.{self.random.randint(1, 5)}") for _ in range(self.pick(0, 1, 2))),
                        port_name="http", namespace=self.namespace())

    def grant(self):
        return grant(self.name(), self.namespace(), self.pick("Service", "Secret"), from_namespace=self.namespace(),
                     from_kind=self.pick("HTTPRoute", "HTTPRoute", "Gateway", "TCPRoute"), to_name=self.pick(None, self.name()))

    def space(self):
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": self.namespace(), "labels": self.pick({}, {"team": "x"}, {"team": "y"})}}

    def policy(self):
        return thing("BackendTLSPolicy", self.name("pq"), {
            "targetRefs": [{"group": "", "kind": "Service", "name": self.name()}],
            "validation": {"hostname": "in.example", **self.pick({"wellKnownCACertificates": "System"}, {
                "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": f"ca-{self.name('ab')}"}]})}},
            self.namespace(), self.created())

    def authority_map(self):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"ca-{self.name('ab')}", "namespace": "default"},
                "data": {"ca.crt": self.pick(self.authority.text, "nothing")}}

    def secret(self):
        """cert-c is never usable: the content kept of a Secret that breaks is not part of
        translation."""
        name = self.name()
        return tls_secret(f"cert-{name}", ("nothing", "nothing") if name == "c" else self.certificate)

    def step(self, manifests):
        makers = ([self.gateway] * 4 + [self.http_route] * 6 + [self.stream_route] * 3 + [self.service] * 3
                  + [self.slice, self.grant, self.space, self.policy, self.authority_map, self.secret, self.klass]
                  + [self.listener_set] * 2)
        file = f"{self.random.randint(1, 14):02}.yaml"
        if self.random.random() < 0.15 and file in self.files:
            manifests.remove(file)
            del self.files[file]
            return
        self.files[file] = [self.random.choice(makers)() for _ in range(self.pick(1, 3, 6))]
        manifests.write(file, *self.files[file])


@pytest.mark.parametrize("seed, provisioned", [*[(s, False) for s in SEEDS], (SEEDS[0], True)])
def test_incremental_output_equals_from_scratch_output(pipeline, seed, provisioned):
    history = History(seed)
    fleets = configuration(portolan={"gateway": {"provisioning": True}})
    pipeline.write("00-class.yaml", api.CLASS, *[fleets] * provisioned)
    with frames.connect(pipeline.dir / "objects.sock", "reader") as objects, (
            frames.connect(pipeline.dir / "resources.sock", "reader")) as resources:
        for step in range(1, STEPS + 1):
            for _ in range(history.pick(1, 1, 1, 3)):
                history.step(pipeline.manifests)
            source = pipeline.settle("watcher", "translator")
            if step % COMPARE_EVERY and step != STEPS:
                continue
            served = resources.wait_source(source)
            world = objects.wait_source(source)
            assert differences(served, offline.translate_state(world)) == {}, f"seed {seed}, step {step}"
            assert statuses(pipeline) == unanswered(scratch_statuses(world)), f"seed {seed}, step {step}"


def statuses(pipeline):
    return json.loads(pipeline.translator.get("/debug/statuses"))


def unanswered(found):
    """While no Envoy is connected, nothing is programmed yet (S-GW-4); translation alone knows no
    Envoys."""
    for status in found:
        for conditions in (status.get("conditions", ()), *(x["conditions"] for x in status.get("listeners", ()))):
            for one in conditions:
                if (one["type"], one["status"]) == ("Programmed", "True"):
                    one.update(status="False", reason="Pending", message="No Envoy has acknowledged it yet")
    return found


def scratch_statuses(world):
    """Of a translator that sees this world first."""
    hello = frames.message("Hello", product="portolan", role="watcher", major=frames.MAJOR, minor=frames.MINOR)
    done = subprocess.run([program("portolan-translator"), "--once", "--read-stream", "-", "--print", "json"],
                          input=frames.encode(frames.HELLO, 0, hello) + frames.snapshot(world), capture_output=True)
    return json.loads(done.stdout)["statuses"]


def test_the_history_makes_worlds_worth_comparing(folder):
    """Resources of every kind and all verdicts, or equality says little."""
    manifests = Manifests(folder / "manifests")
    history = History(SEEDS[0])
    manifests.write("00-class.yaml", api.CLASS)
    kinds, verdicts, reasons = set(), set(), set()
    for _ in range(60):
        for _ in range(6):
            history.step(manifests)
        translated = offline.translate(folder, manifests.path)
        kinds |= {kind for kind, _ in frames.resources(translated.resources)}
        for s in offline.statuses(translated.statuses).values():
            verdicts.add(s["verdict"])
            reasons |= {p["reason"] for p in s.get("problems", ())}
    assert kinds >= {"cluster", "endpoint", "listener", "route", "secret"}
    assert verdicts == {"accepted", "partial", "rejected", "ignored"}
    assert reasons >= {"NotAllowedByListeners", "NoMatchingListenerHostname", "NoMatchingParent", "HostnameConflict",
                       "ProtocolConflict", "RefNotPermitted", "BackendNotFound", "InvalidCertificateRef", "NotAllowed"}
