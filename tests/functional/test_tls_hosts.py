"""TLS hosts in filter chains of their own, and behind one that they share (tls.hosts)."""

import json
import socket
import ssl
import struct
import threading
import time

import pytest

from backends import Client
from certs import Authority
from objects import ingress, path, port, rule, service, slice_of, tls_secret
from xds_client import World

REFUSED = "refused"


@pytest.fixture(scope="module")
def authority():
    return Authority()


def use(site, form, which="newest"):
    site.pipeline.translator.args += ["--tls-hosts", form]
    return site.start(which)


@pytest.fixture
def shared(site):
    return use(site, "shared")


def proxy(name, **tls):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"routes": [{"services": [{"name": "web", "port": 80}]}],
                     "virtualhost": {"fqdn": f"{name}.example.com", "tls": {"secretName": name, **tls}}}}


def web(site):
    backend = site.backends.get("web") or site.backend("web")
    return [service("web", port(80, target=backend.port)), slice_of("web", backend.port, backend.address)]


def host(name, certificate, **tls):
    return [tls_secret(name, certificate), proxy(name, **tls)]


def issue(authority, name):
    return authority.issue(f"{name}.example.com")


def client(site, certificate=None, folder=None):
    c = Client(site.address)
    if certificate:
        (folder / "client.pem").write_text(certificate.chain + certificate.key)
        c.context.load_cert_chain(folder / "client.pem")
    return c


def asked(client, name, server_name=None, headers=None):
    try:
        answer = client.get(f"{name}.example.com", tls=True, sni=server_name, headers=headers)
    except (ssl.SSLError, OSError):
        return REFUSED
    return answer.backend or answer.status


@pytest.mark.parametrize("form, which", [("chains", "newest"), ("shared", "newest"), ("shared", "oldest")])
def test_both_forms_and_old_envoys_give_the_same_answers(site, authority, form, which):
    use(site, form, which)
    site.write(
        "all.yaml", *web(site),
        *[o for name in ("a", "b") for o in host(name, issue(authority, name))],
        *host("old", issue(authority, "old"), maximumProtocolVersion="1.2"),
        *host("asks", issue(authority, "asks"), clientValidation={"caSecret": "authority"}),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "authority", "namespace": "default"},
         "stringData": {"ca.crt": authority.text}},
        ingress("wild", rule("*.wild.example.com", path("web")), rule("known.wild.example.com", path("web")),
                tls=[("wild", "*.wild.example.com"), ("known", "known.wild.example.com")]),
        tls_secret("wild", issue(authority, "*.wild")), tls_secret("known", issue(authority, "known.wild")))
    anybody, known = client(site), client(site, authority.issue("somebody"), site.folder)
    forged = {"x-portolan-server-name": "b.example.com"}
    assert [
        asked(anybody, "a"), asked(anybody, "b"), asked(anybody, "old"), asked(anybody, "any.wild"),
        asked(anybody, "known.wild"), asked(anybody, "nobody"), asked(anybody, "asks"), asked(known, "asks"),
        # Another host on the connection of this one, whatever the request says.
        asked(anybody, "b", "a.example.com"), asked(anybody, "b", "a.example.com", forged),
        asked(anybody, "a", "a.example.com", forged), asked(anybody, "A", "a.example.com"),
        # Whoever asks for certificates is not reached without one.
        asked(anybody, "asks", "a.example.com"), asked(anybody, "asks", "known.wild.example.com"),
        asked(known, "a", "asks.example.com"),
    ] == ["web", "web", "web", "web", "web", REFUSED, REFUSED, "web",
          421, 421, "web", "web", 421, 421, 421]
    if form == "shared":
        assert not any("x-portolan-server-name" in a.headers for a in site.backends["web"].asked)
    certificates = {n: anybody.get(f"{n}.wild.example.com", tls=True).certificate for n in ("any", "known")}
    assert certificates["any"] != certificates["known"]


def listener_changes(site):
    found = site.envoy.stats("^listener_manager.listener_(modified|in_place_updated|added)$")
    return sum(found.values())


def is_kept(connection, name):
    answer = Client.on(connection, f"{name}.example.com")
    return answer.status == 200 and "close" not in answer.headers.get("connection", "")


def test_hosts_come_change_and_go_and_no_connection_notices(shared, authority):
    site = shared
    site.write("web.yaml", *web(site))
    site.write("keep.yaml", *host("keep", issue(authority, "keep")))
    c = client(site)
    kept = c.connect("keep.example.com", tls=True)
    assert is_kept(kept, "keep")
    changes = listener_changes(site)

    assert asked(c, "new") == REFUSED
    first = issue(authority, "new")
    site.write("new.yaml", *host("new", first))
    open_before = c.connect("new.example.com", tls=True)
    assert is_kept(open_before, "new") and is_kept(kept, "keep")
    certificate = c.get("new.example.com", tls=True).certificate
    assert certificate == ssl.PEM_cert_to_DER_cert(first.chain)

    # Its routes, and then its certificate: connections go on, new ones get the new certificate.
    changed = proxy("new")
    changed["spec"]["routes"][0] = {"conditions": [{"prefix": "/"}], "directResponsePolicy": {"statusCode": 200}}
    site.write("new.yaml", tls_secret("new", first), changed)
    assert Client.on(open_before, "new.example.com").backend is None
    second = issue(authority, "new")
    site.write("new.yaml", *host("new", second))
    assert c.get("new.example.com", tls=True).certificate == ssl.PEM_cert_to_DER_cert(second.chain)
    assert is_kept(open_before, "new") and is_kept(kept, "keep")

    # An unusable certificate changes nothing.
    site.write("new.yaml", tls_secret("new", (second.chain, first.key)), proxy("new"))
    assert c.get("new.example.com", tls=True).certificate == ssl.PEM_cert_to_DER_cert(second.chain)
    site.write("new.yaml", *host("new", second))

    # One that needs a chain of its own comes, and leaves the others alone.
    site.write("own.yaml", *host("own", issue(authority, "own"), minimumProtocolVersion="1.3"))
    assert asked(c, "own") == "web"
    assert is_kept(open_before, "new") and is_kept(kept, "keep")
    assert listener_changes(site) > changes
    site.remove("own.yaml")
    assert asked(c, "own") == REFUSED
    changes = listener_changes(site)

    site.remove("new.yaml")
    assert asked(c, "new") == REFUSED
    assert Client.on(open_before, "new.example.com").status == 404
    assert is_kept(kept, "keep")
    assert listener_changes(site) == changes


def test_a_host_that_begins_to_ask_for_certificates_is_left_by_those_who_have_none(shared, authority):
    site = shared
    site.write("web.yaml", *web(site), {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "authority", "namespace": "default"},
        "stringData": {"ca.crt": authority.text}})
    certificate = issue(authority, "web")
    site.write("web-host.yaml", *host("web", certificate))
    c = client(site)
    before = c.connect("web.example.com", tls=True)
    assert is_kept(before, "web")
    site.write("web-host.yaml", *host("web", certificate, clientValidation={"caSecret": "authority"}))
    # RFC 9110, section 15.5.20: the client may come again, on another connection.
    assert Client.on(before, "web.example.com").status == 421
    assert asked(c, "web") == REFUSED
    assert asked(client(site, authority.issue("somebody"), site.folder), "web") == "web"
    site.write("web-host.yaml", *host("web", certificate))
    assert asked(c, "web") == "web"


def test_who_was_asked_for_before_needs_no_xds_server_and_who_was_not_waits_for_it(shared, authority):
    site = shared
    site.write("all.yaml", *web(site), *host("before", issue(authority, "before")),
               *host("later", issue(authority, "later")))
    c = client(site)
    assert asked(c, "before") == "web"
    kept = c.connect("before.example.com", tls=True)
    site.pipeline.xds.keep_address()
    site.pipeline.xds.kill()
    assert asked(c, "before") == "web"
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(
        c.get("later.example.com", tls=True, timeout=60).backend))
    waiting.start()
    assert is_kept(kept, "before")
    assert not answers
    site.pipeline.xds.start()
    waiting.join(60)
    assert answers == ["web"]
    assert is_kept(kept, "before")


def test_the_form_may_change_while_envoy_runs(shared, authority):
    site = shared
    site.write("all.yaml", *web(site), *host("web", issue(authority, "web")),
               *host("own", issue(authority, "own"), minimumProtocolVersion="1.3"))
    c = client(site)
    translator = site.pipeline.translator
    for form in ("chains", "shared"):
        kept = c.connect("own.example.com", tls=True)
        assert is_kept(kept, "own")
        translator.stop()
        translator.args[-1] = form
        translator.start()
        site.settle()
        # Envoy accepts a listener before it uses it; certificates of server names may be gone by
        # then.
        end = time.monotonic() + 60
        while form == "chains" and asked(c, "web") == REFUSED:
            assert time.monotonic() < end
        assert [asked(c, "web"), asked(c, "own"), asked(c, "web", "own.example.com")] == ["web", "web", 421]
        assert Client.on(kept, "own.example.com").status == 200


def client_hello(name):
    """TLS 1.2, with exactly this server name."""
    def vector(form, data):
        return struct.pack(form, len(data)) + data

    def extension(number, data):
        return struct.pack(">H", number) + vector(">H", data)

    names = vector(">H", b"\0" + vector(">H", name))
    extensions = extension(0, names) + extension(10, bytes.fromhex("0004001d0017")) + extension(
        13, bytes.fromhex("000404030804"))
    body = (b"\3\3" + b"r" * 32 + b"\0" + vector(">H", bytes.fromhex("c02bc02f")) + b"\1\0" +
            vector(">H", extensions))
    return b"\x16\3\1" + vector(">H", b"\1" + struct.pack(">I", len(body))[1:] + body)


def test_a_server_name_that_is_none_reaches_nothing(shared, authority):
    """A server name becomes a resource's name: Envoy 1.40 dies of one that begins with xdstp:."""
    site = shared
    site.write("all.yaml", *web(site), *host("web", issue(authority, "web")))
    c = client(site)

    def said(name):
        with socket.create_connection((site.address, 8443), timeout=10) as s:
            s.sendall(client_hello(name))
            try:
                return s.recv(1)
            except ConnectionResetError:
                return b""

    asked_before = site.envoy.stats("on_demand_secret.cert_requested")
    assert said(b"web.example.com") == b"\x16"  # a ServerHello: the words are well said
    for name in (b"*", b"xdstp://a", b"xdstp://a/envoy.extensions.transport_sockets.tls.v3.Secret/web",
                 b"default/web", b"web.example.com/", b"*.example.com", b"\xff\xfe", b"a b", b".", b"-",
                 b"a" * 254):
        assert said(name) == b"", name
    after = site.envoy.stats("on_demand_secret.cert_requested")
    assert sum(after.values()) - sum(asked_before.values()) <= 1
    for i in range(50):
        assert said(b"nobody-%d.example.com" % i) == b"\x15"  # an alert
    # Unknown names leave nothing behind.
    assert sum(site.envoy.stats("on_demand_secret.cert_active").values()) == 1
    assert asked(c, "web") == "web"


# ---- refusals by Envoy ----

TYPES = ("CDS", "EDS", "LDS", "SRDS", "RDS", "SDS")


@pytest.fixture
def worlds(pipeline, authority):
    """Two Envoys, one too old for the shared form; both have accepted the world."""
    pipeline.translator.stop()
    pipeline.translator.args += ["--tls-hosts", "shared"]
    pipeline.translator.start()
    pipeline.write("good.yaml", service("web"), slice_of("web", 80, "10.0.0.1"),
                   *host("good", issue(authority, "good")))
    with World(pipeline.xds_address, node="new", types=TYPES, envoy=(1, 37)) as new, \
            World(pipeline.xds_address, node="old", types=TYPES, envoy=(1, 36)) as old:
        for world in (new, old):
            world.quiet()
        pipeline.xds.wait_accepted(pipeline.settle())
        yield new, old


def chains(world):
    listener = world.resources["LDS"].get("ingress_https")
    return {c.name for c in listener.filter_chains} if listener else set()


def problems(pipeline, name):
    rows = json.loads(pipeline.translator.get("/debug/statuses"))
    found = [r for r in rows if (r["kind"], r["name"]) == ("HTTPProxy", name)]
    return [p["message"] for r in found for p in r.get("problems", ())]


def test_each_envoy_gets_the_form_that_it_can_take(worlds):
    new, old = worlds
    assert chains(new) == {"by/server-name"}
    assert chains(old) == {"good.example.com"}
    assert set(new.resources["SRDS"]) == {"good.example.com"}


def test_the_configuration_chooses_the_form(pipeline, authority):
    def configuration(form):
        return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
                "metadata": {"name": "portolan", "namespace": "portolan"},
                "spec": {"portolan": {"tls": {"hosts": form}}}}

    pipeline.write("good.yaml", service("web"), slice_of("web", 80, "10.0.0.1"),
                   *host("good", issue(authority, "good")))
    with World(pipeline.xds_address, types=TYPES, envoy=(1, 40)) as world:
        world.until(lambda w: chains(w) == {"good.example.com"})
        assert [row["newer"] for row in json.loads(pipeline.xds.get("/debug/envoys"))] == [True]
        pipeline.manifests.write("config.yaml", configuration("shared"))
        world.until(lambda w: chains(w) == {"by/server-name"} and "good.example.com" in w.resources["SRDS"])
        pipeline.manifests.write("config.yaml", configuration("chains"))
        world.until(lambda w: chains(w) == {"good.example.com"})
        # Connections of the listener that it had may go on for a while.
        world.quiet()
        assert list(world.resources["SRDS"]) == ["good.example.com"]


def test_a_chain_of_its_own_that_a_newer_envoy_refuses_is_held_back_there_only(pipeline, worlds, authority):
    new, old = worlds

    def refuse(response):
        bad = any(c.name == "bad.example.com" for r in response.resources.values()
                  for c in getattr(r, "filter_chains", ()))
        return "no bad chains" if bad else None

    new.refuse = refuse
    pipeline.manifests.write("more.yaml", *[
        o for n in ("bad", "fine") for o in host(n, issue(authority, n), minimumProtocolVersion="1.3")])
    new.until(lambda w: "fine.example.com" in chains(w))
    old.until(lambda w: chains(w) == {"good.example.com", "bad.example.com", "fine.example.com"})
    assert chains(new) == {"by/server-name", "fine.example.com"}
    assert any("no bad chains" in p for p in problems(pipeline, "bad"))
    assert not problems(pipeline, "fine")


def test_routes_that_a_newer_envoy_refuses_stay_there_as_they_were(pipeline, worlds, authority):
    new, old = worlds
    certificate = issue(authority, "good")

    def refuse(response):
        bad = any(route.match.prefix == "/bad" for r in response.resources.values()
                  for h in getattr(r, "virtual_hosts", ()) for route in h.routes)
        return "no /bad here" if bad else None

    changed = proxy("good")
    changed["spec"]["routes"].append({"conditions": [{"prefix": "/bad"}],
                                      "services": [{"name": "web", "port": 80}]})
    new.refuse = refuse
    pipeline.manifests.write("good.yaml", service("web"), slice_of("web", 80, "10.0.0.1"),
                             tls_secret("good", certificate), changed)
    pipeline.manifests.write("next.yaml", *host("next", issue(authority, "next")))
    new.until(lambda w: "https/next.example.com" in w.resources["RDS"] and w.refused)
    new.quiet()
    routes = new.resources["RDS"]["https/good.example.com"].virtual_hosts[0].routes
    assert [r.match.prefix for r in routes] == ["/"]
    # The other has them, and the object's status names the refusing Envoy.
    old.until(lambda w: "https/good.example.com" in w.resources["RDS"] and any(
        r.match.prefix == "/bad" for r in w.resources["RDS"]["https/good.example.com"].virtual_hosts[0].routes))
    while not any("Envoy new refuses" in p and "no /bad here" in p for p in problems(pipeline, "good")):
        old.quiet()


def test_the_last_host_that_goes_is_gone_and_comes_back(shared, authority):
    site = shared
    site.write("web.yaml", *web(site))
    c, certificate = client(site), issue(authority, "last")
    site.write("last.yaml", *host("last", certificate))
    assert asked(c, "last") == "web"
    site.remove("last.yaml")
    assert asked(c, "last") == REFUSED
    site.write("other.yaml", *host("other", issue(authority, "other")))
    assert [asked(c, "last"), asked(c, "other"), asked(c, "last", "other.example.com")] == [REFUSED, "web", 421]
    site.write("last.yaml", *host("last", certificate))
    assert [asked(c, "last"), asked(c, "other")] == ["web", "web"]
