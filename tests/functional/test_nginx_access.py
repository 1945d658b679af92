"""Who may use a path: passwords, address lists, limits, and faults that close a path."""

import base64
import re

import pytest

from nginx import World, config_map, nginx

SHA_SECRET = "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"  # the password is "password"
BCRYPT = "alice:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n"


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    return found


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": "default"}, "stringData": data}


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_missing_secret_closes_the_path(world):
    world.write(nginx("a", world.host, auth_type="basic", auth_secret="absent"))
    assert world.served() == 503


def test_passwords_with_sha(world):
    world.write(secret("users-sha", auth=SHA_SECRET),
                nginx("a", world.host, auth_type="basic", auth_secret="users-sha", auth_realm="test auth"))
    assert world.served() == 401
    assert world.served(headers=basic("alice", "wrong")) == 401
    assert world.served(headers=basic("alice", "password")) == "echo"
    assert "Authorization" not in world.seen(headers=basic("alice", "password")).headers


def test_passwords_in_a_map(world):
    world.write(secret("users-map", alice=SHA_SECRET.split(":", 1)[1].strip()),
                nginx("a", world.host, auth_type="basic", auth_secret="users-map", auth_secret_type="auth-map"))
    assert world.served() == 401
    assert world.served(headers=basic("alice", "password")) == "echo"


def test_digest_closes_the_path(world):
    world.write(secret("users-digest", auth=SHA_SECRET),
                nginx("a", world.host, auth_type="digest", auth_secret="users-digest"))
    assert world.served(headers=basic("alice", "password")) == 503


def test_refusals_carry_cors_headers(world):
    world.write(secret("users-cors", auth=SHA_SECRET),
                nginx("a", world.host, auth_type="basic", auth_secret="users-cors", enable_cors="true"))
    answer = world.get()
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "*")


@pytest.mark.parametrize("annotations, status", [
    ({"auth_type": "basic", "auth_secret": "users-unknown"}, 401), ({"denylist_source_range": "127.0.0.0/8"}, 403), ({}, 404)])
def test_refusals_of_unknown_paths_carry_headers(world, annotations, status):
    world.write(secret("users-unknown", auth=SHA_SECRET), nginx("a", world.host, "/a", enable_cors="true", **annotations))
    answer = world.get("/unknown", tls=True)
    assert (answer.status, answer.headers.get("access-control-allow-origin")) == (status, "*")
    assert "strict-transport-security" in answer.headers


def test_the_first_ingress_protects_unknown_paths(world):
    world.write(secret("users-first", auth=SHA_SECRET),
                nginx("a", world.host, "/a", auth_type="basic", auth_secret="users-first",
                      created="2020-01-01T00:00:00Z"),
                nginx("b", world.host, "/b", created="2020-01-02T00:00:00Z"))
    assert world.served("/nothing") == 401
    assert world.served("/nothing", headers=basic("alice", "password")) == 404
    assert world.served("/b") == "echo"


@pytest.mark.parametrize("annotations, status", [
    ({"denylist_source_range": "127.0.0.0/8"}, 403),
    ({"denylist_source_range": "10.0.0.0/8"}, "echo"),
    ({"whitelist_source_range": "127.0.0.0/8"}, "echo"),
    ({"whitelist_source_range": "10.0.0.0/8"}, 403),
    ({"whitelist_source_range": "127.0.0.0/8", "denylist_source_range": "127.0.0.0/8"}, 403),
    ({"whitelist_source_range": "not-an-address"}, 503),
    ({"enable_modsecurity": "true"}, 503),
    ({"enable_modsecurity": "false"}, "echo"),
    ({"auth_cache_duration": "200;x", "auth_url": "http://auth.test"}, 503),
    ({"configuration_snippet": "deny all;"}, 403),
    ({"configuration_snippet": "satisfy any; deny all;"}, 503),
])
def test_lists_and_what_closes(world, annotations, status):
    world.write(nginx("a", world.host, **annotations))
    assert world.served() == status


@pytest.mark.parametrize("name, nothing, something", [
    ("enable-modsecurity", "false", "true"), ("enable-owasp-core-rules", "0", "1"),
    ("upstream-hash-by-subset", "false", "true"), ("ssl-prefer-server-ciphers", "true", "false")])
def test_what_asks_for_nothing_is_not_named(world, name, nothing, something):
    for value, named in ((nothing, False), (something, True)):
        world.write(nginx("a", world.host, upstream_hash_by="$request_uri", **{name: value}))
        problems = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]["problems"]
        assert any(f"/{name}]" in p["field"] for p in problems) is named, problems


@pytest.mark.parametrize("annotations, expected", [
    ({"auth_type": "Basic"}, 404), ({"auth_type": "basic-x"}, 503), ({"auth_secret_type": "file"}, 404),
    ({"server_alias": "a.test b.test"}, 404), ({"server_alias": "a-value.test , b-value.test"}, "echo"),
    ({"default_backend": "Other"}, 404), ({"default_backend": "other"}, "echo"),
    ({"opentelemetry_operation_name": "a.b"}, 404), ({"opentelemetry_operation_name": "a_b-1"}, "echo"),
    ({"fastcgi_index": "a/b"}, 404), ({"fastcgi_index": "index.php"}, "echo"),
    ({"auth_tls_error_page": "http://a.test/ b"}, 404), ({"auth_tls_error_page": "@named"}, "echo"),
    ({"temporal_redirect": "http://t.test/#a"}, 404), ({"permanent_redirect": "http://t.test/a b"}, 404),
    ({"load_balance": "EWMA"}, 404), ({"load_balance": "ewma"}, "echo"), ({"backend_protocol": " Http "}, "echo"),
    ({"auth_url": "http://auth.test", "auth_method": "get"}, 503), ({"rewrite_target": "/a b"}, "echo"),
])
def test_values_outside_of_their_class(world, annotations, expected):
    world.write(nginx("a", world.host, **annotations))
    assert world.served() == expected


def test_limit_by_address(world):
    world.write(nginx("a", world.host, limit_rps="1"))
    statuses = [world.get().status for _ in range(8)]
    assert statuses[:6] == [200] * 6 and statuses.count(503) >= 1


@pytest.mark.parametrize("exempt, limited", [
    ({"limit_allowlist": "127.0.0.0/8"}, False), ({"limit_whitelist": "::1,127.0.0.0/8"}, False),
    ({"limit_allowlist": "10.0.0.0/8"}, True)])
def test_addresses_that_are_not_limited(world, exempt, limited):
    world.write(nginx("a", world.host, limit_rps="1", **exempt))
    statuses = [world.get().status for _ in range(12)]
    assert (503 in statuses) == limited, statuses


def test_bodies_have_a_limit(world):
    world.write(nginx("a", world.host, "/", proxy_body_size="8k"), nginx("b", world.host, "/any", proxy_body_size="0"))

    def put(at, size):
        connection = world.site.client.connect(world.host)
        try:
            connection.request("POST", at, body=b"x" * size, headers={"Host": world.host})
            return connection.getresponse().status
        finally:
            connection.close()

    assert put("/", 4096) == 200
    assert put("/", 9000) == 413
    assert put("/any", 100000) == 200


def test_custom_headers(world):
    world.site.write("controller.yaml", config_map("controller", {
        "global-allowed-response-headers": "X-Custom,X-Other"}, "ingress-nginx"))
    world.write(config_map("good", {"X-Custom": "$remote_addr"}), config_map("bad", {"X-Forbidden": "x"}),
                nginx("a", world.host, "/good", custom_headers="default/good"),
                nginx("b", world.host, "/bad", custom_headers="default/bad"),
                nginx("c", world.host, "/missing", custom_headers="default/absent"))
    assert world.get("/good").headers["x-custom"] == "$remote_addr"
    assert world.served("/bad") == 503
    assert world.served("/missing") == 503


def test_a_host_of_another_namespaces_httpproxy_is_closed(world):
    world.backend("owner")
    world.site.write("thief.yaml", {**nginx("thief", world.host, "/login", namespace="other")})
    world.write({"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
                 "metadata": {"name": "owner-of-it", "namespace": "default"},
                 "spec": {"virtualhost": {"fqdn": world.host},
                          "routes": [{"services": [{"name": "owner", "port": 80}]}]}},
                nginx("solver", world.host, "/.well-known/acme-challenge/x"))
    assert world.served("/login") == "owner"
    assert world.served("/.well-known/acme-challenge/x") == "echo"
    status = world.site.pipeline.statuses()["Ingress other/thief"]
    assert "HostOwned" in [p["reason"] for p in status["problems"]], status
