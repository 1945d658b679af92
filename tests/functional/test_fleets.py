"""Fleets: each Envoy is served the view of its own, which it has shown to belong to."""

import http.client
import json

import grpc
import pytest

import frames
import gateway_objects as api
from addresses import free_port
from certs import Authority
from envoy_process import Envoy
from gateway_objects import backend, gateway, listener, route, rule, terminated
from objects import endpoint, ingress, ingress_class, path, port, service, slice_of, tls_secret
from objects import rule as ingress_rule
from resources import ServerAlone, assignment, cluster
from stage import Pipeline
from xds_client import Stream, StreamEnded, World

URI = "portolan://fleet/"
FLEET, FLEET_SET = 29, 30


def member(address, fleet, **more):
    """A stream of an Envoy that says on the Unix socket which fleet it is of."""
    return Stream(address, node=f"of-{fleet or 'default'}", cluster=URI + fleet if fleet else "tests", **more)


class Alone(ServerAlone):
    """With fleets; on a Unix socket."""

    def __init__(self, folder):
        super().__init__(folder)
        self.stage.args = []

    def fleet(self, *names):
        for name in names:
            self.translator.link.state.put(FLEET, name, b"", "")

    def for_fleets(self, kind, name, *fleets):
        value = frames.schema()["FleetSet"](fleets=fleets).SerializeToString()
        self.translator.link.state.put(FLEET_SET, f"{kind}\0{name}", value, "")

    def not_for_fleets(self, kind, name):
        self.translator.link.state.remove(FLEET_SET, f"{kind}\0{name}")

    def of(self, fleet, **more):
        return member(self.address, fleet, **more)


@pytest.fixture
def server(folder):
    with Alone(folder / "run") as one:
        yield one


CLUSTER, ENDPOINT = 1, 2


def rows_of(server):
    return json.loads(server.stage.get("/debug/envoys"))


def names(stream, type="CDS"):
    stream.subscribe(type)
    return stream.next().names


@pytest.mark.parametrize("delta", [True, False])
def test_each_fleet_is_sent_what_it_needs(server, delta):
    server.fleet("a/web", "b/web")
    server.for_fleets(CLUSTER, "of-a", "a/web")
    server.for_fleets(CLUSTER, "of-both", "", "b/web")
    server.for_fleets(CLUSTER, "of-all", "*")
    server.start(cluster("of-a"), cluster("of-both"), cluster("of-all"), cluster("plain"))
    with server.of("", delta=delta) as plain, server.of("a/web", delta=delta) as a, server.of("b/web", delta=delta) as b:
        assert names(plain) == ["of-all", "of-both", "plain"]
        assert names(a) == ["of-a", "of-all"]
        assert names(b) == ["of-all", "of-both"]


def test_a_resource_comes_and_goes_with_the_fleets_that_need_it(server):
    server.fleet("a/web", "b/web")
    server.for_fleets(CLUSTER, "x", "a/web")
    server.start(cluster("x"))
    with server.of("a/web") as a, server.of("b/web") as b, server.of("") as plain:
        assert names(a) == ["x"] and names(b) == [] and names(plain) == []
        server.for_fleets(CLUSTER, "x", "b/web")
        server.commit()
        assert a.next().removed == ["x"]
        assert b.next().names == ["x"]
        server.not_for_fleets(CLUSTER, "x")
        server.commit()
        assert b.next().removed == ["x"]
        assert plain.next().names == ["x"]


def test_a_name_that_another_fleet_has_does_not_exist(server):
    server.fleet("a/web", "b/web")
    server.for_fleets(ENDPOINT, "x", "a/web")
    server.start(assignment("x", ("10.0.0.1", 80)))
    with server.of("b/web") as b:
        b.subscribe("EDS", "x", "y")
        answer = b.next()
        assert answer.names == [] and answer.removed == ["x", "y"]
        server.commit(assignment("x", ("10.0.0.2", 80)))
        server.for_fleets(ENDPOINT, "x", "a/web", "b/web")
        server.commit()
        assert b.next().names == ["x"]


def test_an_unknown_fleet_gets_nothing_and_waits(server):
    server.start(cluster("plain"))
    with server.of("a/web") as a, server.of("") as plain:
        a.subscribe("CDS")
        assert names(plain) == ["plain"]
        world = server.commit(cluster("more"))
        assert plain.next().names == ["more"]
        assert a.responses.empty()
        server.fleet("a/web")
        server.for_fleets(CLUSTER, "of-a", "a/web")
        assert server.commit(cluster("of-a")) == world + 1
        assert a.next().names == ["of-a"]


def test_a_fleet_that_goes_keeps_what_it_has_until_it_is_back(server):
    server.fleet("a/web")
    server.for_fleets(CLUSTER, "of-a", "a/web")
    server.start(cluster("of-a"), cluster("plain"))
    with server.of("a/web") as a, server.of("") as plain:
        assert names(a) == ["of-a"] and names(plain) == ["plain"]
        server.translator.link.state.remove(FLEET, "a/web")
        server.not_for_fleets(CLUSTER, "of-a")
        server.translator.remove("cluster", "of-a")
        server.commit(cluster("plain", timeout=3))
        assert plain.next().names == ["plain"]
        assert a.responses.empty()
        server.fleet("a/web")
        server.for_fleets(CLUSTER, "other", "a/web")
        server.commit(cluster("other"))
        assert a.next().names == ["other"]
        assert a.next().removed == ["of-a"]


def test_a_refusal_counts_for_the_fleet_that_made_it(server):
    server.fleet("a/web", "b/web")
    server.for_fleets(CLUSTER, "shared", "a/web", "b/web")
    server.start(cluster("shared"))
    with server.of("a/web") as a, server.of("b/web") as b, server.of("") as plain:
        a.subscribe("CDS")
        b.subscribe("CDS")
        plain.subscribe("CDS")
        a.nack(a.next(ack=False), "no")
        b.next()
        plain.next()
        envoys, rejects = server.translator.wait_reports(lambda e, r: len(e) == 3 and len(r) == 1)
        [reject] = rejects.values()
        assert (reject.nodes, reject.accepted, reject.undecided) == (1, 1, 0)
        assert sorted(e.fleet for e in envoys.values()) == ["", "a/web", "b/web"]


def test_a_world_that_is_not_about_a_fleet_is_at_its_envoys_at_once(server):
    server.fleet("a/web")
    server.for_fleets(CLUSTER, "of-a", "a/web")
    server.start(cluster("of-a"))
    with server.of("a/web") as a, server.of("") as plain:
        names(a), names(plain)
        a.subscribe("LDS")
        a.next()
        world = server.commit(cluster("plain"))
        rows = {e["fleet"]: e for e in rows_of(server)}
        assert rows["a/web"]["acked_source"] == world and rows[""]["acked_source"] < world
        assert plain.next().names == ["plain"]


def test_fleets_are_kept_over_a_restart(server):
    server.fleet("a/web")
    server.for_fleets(CLUSTER, "of-a", "a/web")
    server.start(cluster("of-a"), cluster("plain"))
    server.stage.stop()
    server.translator.close()
    server.translator.close = lambda: None
    server.stage.start(ready=False)
    with server.of("a/web") as a, server.of("") as plain, server.of("b/web") as b:
        b.subscribe("CDS")
        assert names(a) == ["of-a"] and names(plain) == ["plain"]
        assert b.responses.empty()


# ---- identity ----


class Secured(Alone):
    def __init__(self, folder):
        self.authority = Authority()
        self.files = folder.parent / "tls"
        ca, crt, key = self.authority.write(self.files, "xds.example.com", "127.0.0.1")
        ServerAlone.__init__(self, folder, "--tls-ca", ca, "--tls-cert", crt, "--tls-key", key)

    def stream(self, *uris, cluster=None):
        chain, key = self.authority.issue("envoy", *uris)
        credentials = grpc.ssl_channel_credentials(self.authority.text.encode(), key.encode(), chain.encode())
        channel = grpc.secure_channel(self.address, credentials, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", "xds.example.com")])
        return Stream(None, channel=channel, cluster=cluster or "tests")


@pytest.fixture
def secured(folder):
    with Secured(folder / "run") as one:
        one.fleet("a/web", "b/web")
        one.for_fleets(CLUSTER, "of-a", "a/web")
        one.for_fleets(CLUSTER, "of-b", "b/web")
        yield one.start(cluster("of-a"), cluster("of-b"), cluster("plain"))


@pytest.mark.parametrize("uris, said, expected", [
    ((), None, ["plain"]),
    (("portolan://fleet/a/web",), None, ["of-a"]),
    (("portolan://fleet/a/web",), URI + "a/web", ["of-a"]),
    (("spiffe://cluster.local/ns/b/sa/x", "portolan://fleet/b/web"), "tests", ["of-b"]),
])
def test_the_certificate_says_which_fleet_it_is(secured, uris, said, expected):
    with secured.stream(*uris, cluster=said) as stream:
        assert names(stream) == expected


@pytest.mark.parametrize("uris, said", [
    ((), "a/web"), (("portolan://fleet/b/web",), "a/web"),
    (("portolan://fleet/a/web", "portolan://fleet/b/web"), "a/web"),
])
def test_a_node_that_claims_another_fleet_is_refused(secured, uris, said):
    with secured.stream(*uris, cluster=URI + said) as stream:
        stream.subscribe("CDS")
        with pytest.raises(StreamEnded, match="PERMISSION_DENIED"):
            stream.next()


@pytest.mark.parametrize("uris", [
    ("portolan://fleet/a/web", "portolan://fleet/b/web"), ("portolan://fleet/a",), ("portolan://fleet//web",),
    ("portolan://fleet/a/web/x",), ("portolan://fleet/" + "a" * 600 + "/web",),
])
def test_a_certificate_that_is_not_clear_gets_nothing(secured, uris):
    with secured.stream(*uris) as odd, secured.stream() as plain:
        odd.subscribe("CDS")
        assert names(plain) == ["plain"]
        envoys, _ = secured.translator.wait_reports(lambda e, r: len(e) == 2)
        assert sorted(e.fleet for e in envoys.values()) == ["", "?"]
        assert odd.responses.empty()


# ---- from objects ----


@pytest.fixture
def pipeline(folder):
    with Pipeline(folder) as one:
        one.xds.args = []
        one.watcher.args += ["--config", str(folder / "portolan.yaml")]
        (folder / "portolan.yaml").write_text("{network: {admin-port: 9001}, portolan: {gateway: {provisioning: true}}}\n")
        yield one.start()


def app(name, ip, namespace="default"):
    return [service(name, port(80), namespace=namespace), slice_of(name, 80, endpoint(ip), namespace=namespace)]


def view(pipeline, fleet):
    """All that an Envoy of the fleet is told, as {type: names}."""
    with World(pipeline.xds_address, node=f"of-{fleet or 'default'}",
               cluster=URI + fleet if fleet else "tests") as world:
        world.quiet()
        return {t: sorted(found) for t, found in world.resources.items()}


def secret(name):
    return tls_secret(name, Authority().issue(f"{name}.com"))


def test_a_gateway_has_what_it_refers_to_and_nothing_else(pipeline):
    world = pipeline.write(
        "a.yaml", api.CLASS, ingress_class(), *app("i", "10.0.0.1"), *app("x", "10.0.0.2"), *app("y", "10.0.0.3"),
        *app("both", "10.0.0.4"), *app("shared", "10.0.0.5"), *map(secret, ("ix", "ax", "bx")),
        ingress("i", ingress_rule("i.com", path("i"), path("shared", at="/s")), tls=[("ix", "i.com")]),
        gateway("a", listener("http", 80), listener("https", 443, "HTTPS", **terminated("ax"))),
        gateway("b", listener("http", 80), listener("https", 443, "HTTPS", **terminated("bx"))),
        route("x", rule(backend("x"), backend("shared")), parents=[{"name": "a"}]),
        route("y", rule(backend("y"), at="/y"), parents=[{"name": "b"}]),
        route("both", rule(backend("both"), at="/both"), parents=[{"name": "a"}, {"name": "b"}]))
    pipeline.xds.wait_source(world)
    plain, a, b = (view(pipeline, fleet) for fleet in ("", "default/a", "default/b"))
    assert [n.split("/")[-1] for n in plain["SDS"]] == ["ix"]
    assert a["SDS"] == ["default/ax"] and b["SDS"] == ["default/bx"]
    assert a["LDS"] == ["envoy-admin", "gateway/default/a/443", "gateway/default/a/80"]
    assert b["LDS"] == ["envoy-admin", "gateway/default/b/443", "gateway/default/b/80"]
    assert plain["LDS"] == ["envoy-admin", "ingress_http", "ingress_https"]
    assert a["RDS"] == ["gateway/default/a/443/*", "gateway/default/a/80"]

    def services(found):
        return sorted({n.split("/")[1] for n in found["EDS"]})

    assert services(plain) == ["i", "shared"]
    assert services(a) == ["both", "shared", "x"] and services(b) == ["both", "y"]


def location(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/", headers={"Host": "x.example"})
    return connection.getresponse().getheader("location")


def redirect(name, to):
    return route(f"to-{name}", rule(filters=[{"type": "RequestRedirect", "requestRedirect": {"hostname": to}}]),
                 parents=[{"name": name}])


def test_two_envoys_each_serve_their_gateway_alone(pipeline, folder):
    ports = {"a": free_port(), "b": free_port()}
    gateways = [gateway(name, listener("http", port)) for name, port in ports.items()]
    world = pipeline.write("a.yaml", api.CLASS, *gateways, redirect("a", "a.example"), redirect("b", "b.example"))
    envoys = [Envoy(folder, pipeline.xds_address, node=f"of-{name}", bootstrap=["--node-cluster", f"{URI}default/{name}"])
              for name in ports]
    with envoys[0] as a, envoys[1] as b:
        pipeline.xds.wait_answered(world, 2)
        assert all(location(port).startswith(f"http://{name}.example") for name, port in ports.items())
        assert f":{ports['a']}" in a.admin("/listeners") and f":{ports['b']}" not in a.admin("/listeners")
        assert f":{ports['b']}" in b.admin("/listeners") and f":{ports['a']}" not in b.admin("/listeners")


def test_a_route_that_moves_takes_its_clusters_along(pipeline):
    def write(name):
        world = pipeline.write("a.yaml", api.CLASS, *app("x", "10.0.0.2"), gateway("a", listener("http", 80)),
                               gateway("b", listener("http", 80)), route("x", rule(backend("x")), parents=[{"name": name}]))
        pipeline.xds.wait_source(world)

    write("a")
    assert view(pipeline, "default/a")["CDS"] and not view(pipeline, "default/b")["CDS"]
    write("b")
    assert view(pipeline, "default/b")["CDS"] and not view(pipeline, "default/a")["CDS"]
    assert not view(pipeline, "")["CDS"]


def test_without_gateways_nothing_is_said_of_fleets(pipeline):
    pipeline.xds.wait_source(pipeline.write("a.yaml", ingress_class(), *app("i", "10.0.0.1"),
                                            ingress("i", ingress_rule("i.com", path("i")))))
    assert not [r for r in json.loads(pipeline.xds.get("/debug/resources")) if "fleets" in r]
    assert pipeline.xds.status()["fleets"] == 1
