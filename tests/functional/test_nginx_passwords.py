"""Passwords of ingress-nginx's Ingresses, checked by portolan-passwords: each form of hash, faults
that close a path, and requests while it does not run."""

import base64
import concurrent.futures
import re
import signal
import socket

import pytest

from addresses import loopback
from backends import Client
from nginx import SETTINGS, World, config_map, nginx, redirect
from objects import path, port, service, slice_of
from run import Run

# The password of each is "password"; made by htpasswd and openssl passwd.
HASHES = {
    "bcrypt": "$2y$05$c4WoMPo3SXsafkva.HHa6uyvdTqVqeGuuv76QmS.t1ryNDtvJiOyS",
    "apr1": "$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/",
    "sha": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "ssha": "{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0",
    "plain": "{PLAIN}password",
    "md5": "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
    "sha256": "$5$saltsaltsalt$/N7c7rmQoc7bVRcUisZxkSYJRyapzgVkea220umjO3C",
    "sha512": "$6$saltsaltsalt$hu2MB85GKhCdSuPyy/Ac2I1avaZTRAa9f2YbpKlogMwpK13RIetDflQrNI0bK/af8sX3q7/Mi4VFc44T.vgRQ/",
    "des": "abJnggxhB/yWI",
}


@pytest.fixture
def world(nginx_sites, request):
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:44].strip("-")
    found = World(nginx_sites, name)
    found.backend("echo")
    return found


def secret(world, name="users", namespace="default", **data):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": f"{world.name}-{name}", "namespace": namespace}, "stringData": data}


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


GOOD, BAD = basic("alice", "password"), basic("alice", "Password")


def closed(world, *paths, name="users", ingress="a", **annotations):
    return nginx(ingress, world.host, *paths, auth_type="basic", auth_secret=f"{world.name}-{name}", **annotations)


@pytest.mark.parametrize("kind", HASHES)
def test_forms_of_hashes(world, kind):
    world.write(secret(world, auth=f"# users\nbob:\nalice:{HASHES[kind]}\nalice:{{PLAIN}}other\n"),
                closed(world, auth_realm="test auth"))
    answer = world.get()
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="test auth"')
    assert world.served(headers=BAD) == 401
    assert world.served(headers=basic("alice", "other")) == 401
    assert world.served(headers=basic("alice", "")) == 401
    assert world.served(headers=basic("bob", "")) == 401
    assert world.served(headers=basic("", "password")) == 401
    for _ in range(2):
        assert world.served(headers=GOOD) == "echo"
    assert "Authorization" not in world.seen(headers=GOOD).headers


@pytest.mark.parametrize("header", ["Basic", "Basic !!!!", "Basic YWxpY2U=", "Bearer x", "Basic " + "A" * 8000,
                                    "basic " + base64.b64encode(b"alice:pass\0word").decode()])
def test_headers_that_say_nothing(world, header):
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"), closed(world))
    assert world.served(headers={"Authorization": header}) == 401


def test_a_map_of_users(world):
    world.write(secret(world, alice=HASHES["bcrypt"], carol=HASHES["apr1"]), closed(world, auth_secret_type="auth-map"))
    assert world.served() == 401
    assert world.served(headers=GOOD) == "echo"
    assert world.served(headers=basic("carol", "password")) == "echo"


def test_a_changed_file_counts_at_once(world):
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"), closed(world))
    assert world.served(headers=GOOD) == "echo"
    world.write(secret(world, auth=f"carol:{HASHES['bcrypt']}\n"), closed(world))
    world.site.pipeline.stages["passwords"].wait_source(world.site.pipeline.world())
    assert world.served(headers=GOOD) == 401
    assert world.served(headers=basic("carol", "password")) == "echo"


@pytest.mark.parametrize("objects, annotations", [
    (lambda w: [], {}),
    (lambda w: [secret(w, other="x")], {}),
    (lambda w: [secret(w, auth="\n# nobody\n")], {}),
    (lambda w: [secret(w, namespace="elsewhere", auth="alice:{PLAIN}password\n")], {"auth_secret": "elsewhere/{}-users"}),
    (lambda w: [secret(w, auth="alice:{PLAIN}password\n")], {"auth_type": "digest"}),
    (lambda w: [secret(w, auth="alice:{PLAIN}password\n")], {"auth_type": "basic-x"}),
])
def test_what_cannot_be_checked_closes_the_path(world, objects, annotations):
    more = {k: v.format(world.name) for k, v in annotations.items()}
    made = closed(world)
    made["metadata"]["annotations"].update({f"nginx.ingress.kubernetes.io/{k.replace('_', '-')}": v
                                            for k, v in more.items()})
    world.write(*objects(world), made, nginx("open", f"open.{world.host}"))
    assert world.served(headers=GOOD) == 503
    assert world.served(host=f"open.{world.host}") == "echo"
    status = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]
    assert "AccessClosed" in [p["reason"] for p in status["problems"]]


def test_a_hash_that_would_take_too_long(world):
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\nmallory:$2y$31${'a' * 53}\n"), closed(world))
    # The client waits for 10 s: the hash would take days.
    assert world.served(headers=basic("mallory", "password")) == 401
    assert world.served(headers=GOOD) == "echo"
    status = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]
    assert ["line 2" in p["message"] for p in status["problems"] if p["reason"] == "PasswordUnusable"] == [True]


def test_a_user_without_a_hash(world):
    world.write(secret(world, auth="foo:\n"), closed(world))
    assert {world.served(headers=h) for h in ({}, basic("foo", ""), basic("foo", "bar"))} == {401}


def test_without_endpoints_nobody_is_asked(world):
    world.backend("auth", gate)
    name = f"{world.name}-empty"
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"), service(name, port(80)),
                closed(world, path(name), ingress="a"),
                nginx("b", f"b.{world.host}", path(name), whitelist_source_range="10.0.0.0/8"),
                nginx("c", f"c.{world.host}", path(name),
                      auth_url=f"http://{world.name}-auth.default.svc.cluster.local/"))
    assert {world.served(host=h + world.host) for h in ("", "b.", "c.")} == {503}
    assert not world.backends["auth"].asked


def gate(asked):
    return (200 if asked.headers.get("X-Ok") else 401), []


@pytest.mark.parametrize("satisfy, lists, headers, status", [
    ("any", {}, {}, "signin"),
    ("any", {}, GOOD, "echo"),
    ("any", {}, {"X-Ok": "1"}, "echo"),
    ("any", {}, {**BAD, "X-Ok": "1"}, "echo"),
    ("all", {}, GOOD, "signin"),
    ("all", {}, {**GOOD, "X-Ok": "1"}, "echo"),
    ("any", {"whitelist_source_range": "127.0.0.0/8"}, {}, "echo"),
    ("any", {"whitelist_source_range": "10.0.0.0/8"}, GOOD, "echo"),
    ("any", {"whitelist_source_range": "10.0.0.0/8"}, BAD, "signin"),
    ("all", {"whitelist_source_range": "10.0.0.0/8"}, {**GOOD, "X-Ok": "1"}, 403),
])
def test_satisfy(world, satisfy, lists, headers, status):
    world.backend("auth", gate)
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"),
                closed(world, satisfy=satisfy, auth_signin="http://in.test/",
                       auth_url=f"http://{world.name}-auth.default.svc.cluster.local/", **lists))
    if status == "signin":
        assert redirect(world.get("/p", headers=headers)) == (302, f"http://in.test/?rd=http://{world.host}%2Fp")
    else:
        assert world.served("/p", headers=headers) == status


def test_redirects_preflights_and_large_bodies_come_first(world):
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"),
                closed(world, "/", enable_cors="true", proxy_body_size="8k"),
                closed(world, "/away", ingress="b", permanent_redirect="http://r.test/"))
    connection = world.site.client.connect(world.host)
    try:
        connection.request("OPTIONS", "/", headers={"Host": world.host})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (204, b"")
    finally:
        connection.close()
    connection = world.site.client.connect(world.host)
    try:
        connection.request("POST", "/", body=b"x" * 9000, headers={"Host": world.host})
        assert connection.getresponse().status == 413
    finally:
        connection.close()
    assert redirect(world.get("/away")) == (301, "http://r.test/")
    refused = world.get()
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, "*")


def test_paths_of_no_auth_locations(world):
    world.site.write("controller.yaml", config_map("controller", {"no-auth-locations": "/noauth"}, "ingress-nginx"))
    try:
        world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"), closed(world, "/", "/noauth"))
        assert (world.served(), world.served("/noauth")) == (401, "echo")
    finally:
        world.site.write("controller.yaml", config_map("controller", {}, "ingress-nginx"))


def test_many_requests_at_once_wait_together(world):
    stage = world.site.pipeline.stages["passwords"]
    world.write(secret(world, auth="alice:$2y$10$CwTycUXWue0Thq9StjUM0uMMWh/zvdFoOYi74mYPnUsAlyTfJ8EzS\n"), closed(world))
    before = stage.metrics()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: world.get(headers=BAD).status, range(32)))
    after = stage.metrics()
    assert statuses == [200] * 32
    counted = {n: after[f'portolan_passwords_checks_total{{result="{n}"}}']
               - before[f'portolan_passwords_checks_total{{result="{n}"}}'] for n in ("right", "remembered", "busy")}
    assert (counted["right"] + counted["remembered"], counted["busy"]) == (32, 0)
    assert after["portolan_passwords_waiting"] == 0


def test_while_it_is_away_nobody_is_let_in(world):
    stage = world.site.pipeline.stages["passwords"]
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"), closed(world, "/closed"),
                nginx("b", world.host, "/open"))
    assert world.served("/closed", headers=GOOD) == "echo"
    stage.kill()
    try:
        assert world.served("/closed", headers=GOOD) == 503
        assert world.served("/closed") == 401
        assert world.served("/open") == "echo"
    finally:
        stage.start()
    assert world.served("/closed", headers=GOOD) == "echo"
    assert world.served("/closed", headers=BAD) == 401


def ask_at_once(world):
    """The connection of a question that has been sent as Envoy sends it."""
    asked = socket.socket(socket.AF_UNIX)
    asked.settimeout(60)
    asked.connect(str(world.site.pipeline.dir / "check.sock"))
    asked.sendall(f"GET /check HTTP/1.1\r\nHost: x\r\nAuthorization: {GOOD['Authorization']}\r\n"
                  f"X-Portolan-Users: default/{world.name}-users/file\r\n\r\n".encode())
    return asked


def test_a_question_that_comes_while_it_starts_waits_for_the_users(world):
    stage, translator = (world.site.pipeline.stages[n] for n in ("passwords", "translator"))
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"), closed(world))
    assert world.served(headers=GOOD) == "echo"
    stage.kill()
    translator.process.send_signal(signal.SIGSTOP)
    try:
        stage.start()
        asked = ask_at_once(world)
    finally:
        translator.process.send_signal(signal.SIGCONT)
    with asked:
        assert asked.recv(4096).split()[1] == b"200"


def test_a_large_body_waits_for_the_check(world):
    world.write(secret(world, auth=f"alice:{HASHES['bcrypt']}\n"), closed(world, proxy_body_size="0"))

    def post(headers):
        connection = world.site.client.connect(world.host)
        try:
            connection.request("POST", "/", body=b"x" * 3_000_000, headers={"Host": world.host, **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    assert post(GOOD) == 200
    assert world.backends["echo"].asked[-1].headers["Content-Length"] == "3000000"


def test_portolan_run_starts_it_where_the_configuration_asks_for_it(folder):
    (folder / "config.yaml").write_text(SETTINGS)
    address = loopback()
    with Run(folder, "--config", folder / "config.yaml", address=address) as run:
        source = run.write("a.yaml", {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users", "namespace": "default"},
            "stringData": {"auth": f"alice:{HASHES['bcrypt']}\n"}},
            service("echo", port(80)), slice_of("echo", 1, address),
            nginx("a", "run.test", auth_type="basic", auth_secret="users"))
        run.ask("passwords", f"/debug/wait?source={source}&timeout_ms=20000")
        client = Client(address)
        assert client.get("run.test").status == 401
        assert client.get("run.test", headers=BAD).status == 401
        assert client.get("run.test", headers=GOOD).status == 503  # let in: nobody listens there
