"""Snippets: translated ones, by real requests, and refused ones."""

import pytest

from nginx import World, nginx, redirect, regex
from objects import path


@pytest.fixture
def world(nginx_site, request):
    return World.of(nginx_site, request)


def snippet(world, text, *paths, **more):
    world.write(nginx("a", world.host, *paths, configuration_snippet=text, **more))


@pytest.mark.parametrize("text, at, expected", [
    ("return 403;", "/x", (403, None)),
    ("return 444;", "/x", (403, None)),
    ("return 204;", "/x", (204, None)),
    ("return 301 https://else.test$request_uri;", "/x?a=b", (301, "https://else.test/x?a=b")),
    ("return 301 https://else.test$uri$is_args$args;", "/x?a=b", (301, "https://else.test/x?a=b")),
    ("return 302 /new;", "/x", (302, "http://HOST/new")),
    ("return https://else.test/;", "/x", (302, "https://else.test/")),
    ("return 301 $scheme://www.$host$request_uri;", "/x", (301, "http://www.HOST/x")),
    ("rewrite ^/old/(.*)$ /new/$1 permanent;", "/old/a?b=c", (301, "http://HOST/new/a?b=c")),
    ("rewrite ^/old/(.*)$ /new/$1? redirect;", "/old/a?b=c", (302, "http://HOST/new/a")),
    ("rewrite ^/old/(.*)$ https://else.test/$1 permanent;", "/old/a", (301, "https://else.test/a")),
    ("rewrite ^/old(.*)$ https://else.test$1 permanent;", "/old", (301, "https://else.test/")),
    ("rewrite ^/old(/.*)? https://else.test$1 permanent;", "/older?a=b", (301, "https://else.test/?a=b")),
    ("rewrite ^/old(/.*)? https://else.test$1? redirect;", "/old/a?a=b", (302, "https://else.test/a")),
    ("rewrite ^/old(/.*)?$ https://else.test$1? redirect;", "/old?a=b", (302, "https://else.test/")),
    ("rewrite ^/old/(.*)$ https://else.test:8443/$1 permanent;", "/old/a", (301, "https://else.test:8443/a")),
    ("rewrite ^/old$ http://else.test:8080/new redirect;", "/old", (302, "http://else.test:8080/new")),
    ("rewrite ^/([0-9-]+)/old$ /$1/new permanent;", "/1-2/old", (301, "http://HOST/1-2/new")),
    ("rewrite ^/old$ /new permanent;", "/old", (301, "http://HOST/new")),
    ("rewrite ^/(.*)$ https://else.test/$1 permanent;", "/any/where", (301, "https://else.test/any/where")),
    ("rewrite ^ https://else.test$request_uri? permanent;", "/x?a=b", (301, "https://else.test/x?a=b")),
])
def test_answers(world, text, at, expected):
    snippet(world, text)
    status, location = expected
    assert redirect(world.get(at)) == (status, location and location.replace("HOST", world.host))


def test_paths_that_a_rewrite_does_not_name_are_served(world):
    snippet(world, "rewrite ^/old/(.*)$ /new/$1 permanent;")
    assert world.served("/older") == "echo"


def test_a_text(world):
    snippet(world, 'return 200 "User-agent: *";')
    answer = world.get("/robots.txt")
    assert (answer.status, answer.headers["content-type"], answer.body.strip()) == (200, "text/html", "User-agent: *")


CONDITIONS = [
    ("($http_x_a = yes)", {"X-A": "yes"}, {"X-A": "no"}),
    ("($http_x_a != yes)", {}, {"X-A": "yes"}),
    ('($http_x_a = "")', {}, {"X-A": "yes"}),
    ('($http_x_a != "")', {"X-A": "yes"}, {}),
    ("($http_x_a)", {"X-A": "yes"}, {}),
    ("($http_x_a)", {"X-A": "yes"}, {"X-A": "0"}),
    ("($http_user_agent ~* (bot|crawl))", {"User-Agent": "a BOT b"}, {"User-Agent": "human"}),
    ("($http_user_agent ~ ^Bad$)", {"User-Agent": "Bad"}, {"User-Agent": "Badly"}),
    ("($http_user_agent !~ good)", {"User-Agent": "bad"}, {"User-Agent": "very good"}),
    ("($http_x_forwarded_proto = http)", {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https"}),
    ('($http_x_forwarded_proto != "https")', {}, {"X-Forwarded-Proto": "https"}),
    ("($http_x_forwarded_for = 1.2.3.4)", {"X-Forwarded-For": "1.2.3.4"}, {"X-Forwarded-For": "1.2.3.4, 5.6.7.8"}),
    ("($cookie_a = b)", {"Cookie": "c=d; a=b; e=f"}, {"Cookie": "c=d; a=bb"}),
    ("($cookie_a ~ ^b)", {"Cookie": "c=d; a=bb"}, {"Cookie": "a=cb"}),
    ('($cookie_a ~ "^b$|^c$")', {"Cookie": "c=d; a=c"}, {"Cookie": "a=cb; c=b"}),
    ('($http_user_agent ~* "bot|^curl|x$")', {"User-Agent": "CURL/1"}, {"User-Agent": "my curl"}),
    ("($request_method !~ ^(GET|HEAD)$)", None, {}),
]


@pytest.mark.parametrize("condition, meets, fails", CONDITIONS)
def test_conditions(world, condition, meets, fails):
    snippet(world, f"if {condition} {{ return 403; }}")
    if meets is not None:
        assert world.served(headers=meets) == 403
    assert world.served(headers=fails) == "echo"


@pytest.mark.parametrize("condition, meets, fails", [
    ("($request_uri ~ ^/admin)", "/admin/x", "/x/admin"),
    ("($request_uri = /a?b=c)", "/a?b=c", "/a"),
    ("($uri ~ \\.php$)", "/x.php?a=b", "/x.phpx"),
    ("($uri = /a)", "/a?b=c", "/ab"),
    ('($uri ~ "^/v\\d{2}$")', "/v12", "/vd{2}"),
    ("($request_uri ~ '^/v\\d+\\?\\w')", "/v1?x", "/vd"),
    ("($request_uri ~* ^/v\\d+\\?\\w)", "/V1?x", "/vd"),
    ('($uri ~* "/admin$|/manager$")', "/x/ADMIN?a", "/admin/x"),
    ('($uri ~* "/admin$|/manager$")', "/manager?a=b", "/x?/manager"),
    ('($uri ~ "^/a|b$")', "/a/c", "/x/bc"),
    ('($request_uri ~ "^/(a|b)/|^/c[|]")', "/b/c", "/x/a/"),
    ("($arg_debug = 1)", "/?x=y&debug=1", "/?debug=2"),
    ("($arg_debug)", "/?debug=2", "/?x=debug"),
    ("($arg_debug)", "/?DEBUG=2", "/?debug=0&debug=1"),
    ("($arg_debug = 1)", "/?debug&Debug=1&debug=2", "/?debug=2&debug=1"),
    ("($arg_debug ~ ^1)", "/?DEBUG=12", "/?debug=21"),
    ("($arg_debug != 1)", "/?debug=2&debug=1", "/?DEBUG=1"),
    ('($arg_debug = "")', "/?debug=&debug=1", "/?debug&DEBUG=1"),
    ("($args ~ debug)", "/?a=debug", "/debug?a=b"),
    ("($host = HOST)", "/", None),
    ("($host != HOST)", None, "/"),
    ("($scheme = http)", "/", None),
    ("($scheme = https)", None, "/"),
])
def test_conditions_on_addresses(world, condition, meets, fails):
    snippet(world, f"if {condition.replace('HOST', world.host)} {{ return 403; }}")
    if meets:
        assert world.served(meets) == 403
    if fails:
        assert world.served(fails) == "echo"


@pytest.mark.parametrize("condition, asked, status", [
    ('($uri ~ "\\.(php$|asp$)")', "/x.php?a", 503),
    ('($uri ~ "(^/a|[$]x)")', "/a?b", 403),
    ('($args ~ "(^a|b)")', "/?a", 503),
    ('($request_uri ~ "(^/a$|/b$)")', "/a", 403),
    ('($arg_a ~ "^(b|c)?$")', "/", 503),
    ('($args ~ "^$")', "/", 503),
    ('($cookie_a !~ "^b*$")', "/", 503),
])
def test_ends_within_a_regex_are_met_or_refused(world, condition, asked, status):
    """What Envoy compares goes on behind $uri, and begins before $args."""
    snippet(world, f"if {condition} {{ return 403; }}")
    assert world.served(asked) == status


@pytest.mark.parametrize("text, asked", [
    ("rewrite ^/a/(.*)$ /$1 break; if ($uri ~ ^/secret) { return 403; }", {"/secret": 403, "/a/secret": "/secret", "/x": "/x"}),
    ("rewrite ^/a/(.*)$ /b/$1 break; rewrite ^/c/(.*)$ /d/$1 break;", {"/a/x": "/b/x", "/c/x": "/d/x", "/a/c/x": "/b/c/x", "/x": "/x"}),
    ("rewrite ^/a/(.*)$ /$1 break; return 403;", {"/a/x": "/x", "/x": 403}),
    ("if ($http_x_none) { return 410; } rewrite ^/a(/|$)(.*)$ /$2 break;", {"/a/x": "/x", "/a": "/", "/x": "/x"}),
    ("rewrite ^/(.*)$ /all/$1 break; return 403;", {"/x": "/all/x"}),
])
def test_a_rewrite_ends_the_rewriting_of_the_paths_that_it_finds(world, text, asked):
    snippet(world, text)
    for at, expected in asked.items():
        assert (world.seen(at).path if isinstance(expected, str) else world.served(at)) == expected


@pytest.mark.parametrize("text, asked", [
    ("rewrite ^/app/old/(.*) /new/$1 break;", {"/app/old/x": "/new/x", "/app/x": "/x"}),
    ("if ($http_x_none) { return 410; }", {"/app/x": "/x"}),
    ("if ($uri ~ ^/app/raw/) { break; }", {"/app/raw/x": "/app/raw/x", "/app/x": "/x"}),
])
def test_paths_that_no_rewrite_has_found_get_the_target(world, text, asked):
    snippet(world, text, regex("echo", "/app/(.*)"), use_regex="true", rewrite_target="/$1")
    for at, expected in asked.items():
        assert world.seen(at).path == expected


@pytest.mark.parametrize("condition, met", [
    ('($host ~ "^a[0-9]*\\.")', {"a1": 403, "A1": 403, "b": "echo"}),
    ("($host = a.HOST)", {"a": 403, "A": 403, "b": "echo"}),
    ("($host !~ ^a)", {"a": "echo", "A": "echo", "B": 403}),
    ("($host ~ ^A)", {"a": 503, "b": 503}),
    ("($host !~ ^A)", {"A": 503, "b": 503}),
    ("($host ~ ^[A-Za-c0-9-]+[.])", {"a-1": 503}),
    ('($host ~ "^(?:x-)?[A-Za-c0-9-]+[.]|b")', {"x-a": 503}),
    ('($host !~ "^(?:x-)?[a-c0-9A-C-]+[.]")', {"x-a": "echo", "A-1": "echo", "d": 403, "D": 403}),
    ("($host ~* ^A)", {"a": 403, "A": 403, "b": "echo"}),
])
def test_a_host_is_lower_case_to_conditions(world, condition, met):
    world.write(nginx("a", f"*.{world.host}", configuration_snippet=f"if {condition.replace('HOST', world.host)} {{ return 403; }}"))
    assert {name: world.served(host=f"{name}.{world.host}") for name in met} == met


def test_conditions_that_set(world):
    snippet(world, """
        set $block "";
        if ($http_x_a = yes) { set $block A; }
        if ($http_x_b = yes) { set $block "${block}B"; }
        if ($block = AB) { return 403; }
        """)
    assert world.served(headers={"X-A": "yes", "X-B": "yes"}) == 403
    assert [world.served(headers={"X-A": a, "X-B": b}) for a, b in [("yes", "no"), ("no", "yes"), ("no", "no")]] == ["echo"] * 3


@pytest.mark.parametrize("where", ["configuration_snippet", "server_snippet"])
def test_a_variable_is_empty_until_it_is_set(world, where):
    world.write(nginx("a", world.host, **{where: "if ($http_x_a = yes) { set $block 1; } if ($block) { return 410; }"}))
    assert (world.served(headers={"X-A": "yes"}), world.served()) == (410, "echo")


def test_a_variable_that_the_server_may_set_is_not_empty(world):
    world.write(nginx("a", world.host, configuration_snippet="if ($http_x_a = yes) { set $block 0; } if ($block) { return 403; }",
                      server_snippet="set $block 1;"))
    assert world.served() == 503


def test_headers_by_condition(world):
    snippet(world, """
        more_set_headers "X-Always: 1";
        add_header X-Frame-Options DENY always;
        proxy_hide_header X-Backend-Secret;
        if ($http_x_a = yes) { more_set_headers "X-Sometimes: $http_x_a"; }
        """)
    one, other = world.get(headers={"X-A": "yes"}).headers, world.get().headers
    assert (one["x-always"], one["x-frame-options"], one["x-sometimes"]) == ("1", "DENY", "yes")
    assert other["x-always"] == "1" and "x-sometimes" not in other


@pytest.mark.parametrize("text, kind", [
    ("return 200 '{}';", "text/html"),
    ("default_type application/json; return 200 '{}';", "application/json"),
    ("return 404 '{}'; default_type 'text/plain; charset=utf-8';", "text/plain; charset=utf-8"),
    ("default_type application/json; more_set_headers 'Content-Type: text/x'; return 200 '{}';", "text/x"),
])
def test_the_type_of_an_answer(world, text, kind):
    snippet(world, text)
    answer = world.get()
    assert (answer.body, answer.headers["content-type"]) == ("{}", kind)


def test_the_type_of_a_servers_answers(world):
    world.write(nginx("a", world.host, configuration_snippet="if ($uri = /in) { return 200 '{}'; }", server_snippet="""
        location = /v { return 200 '{}'; }
        default_type application/json;
        location = /w { default_type text/x; return 200 '{}'; }
        if ($uri = /s) { return 200 '{}'; }
        """))
    assert [world.get(at).headers["content-type"] for at in ("/v", "/w", "/s", "/in")] == [
        "application/json", "text/x", "application/json", "application/json"]


@pytest.mark.parametrize("more, ask, status", [
    ({}, {}, 200),
    ({}, {"at": "/bad"}, 404),
    ({"denylist_source_range": "127.0.0.0/8"}, {}, 403),
    ({"auth_url": "http://NAME-no.default.svc.cluster.local/"}, {}, 401),
    ({"limit_rps": "1", "limit_burst_multiplier": "1"}, {"tries": 3}, 503),
    ({"force_ssl_redirect": "true"}, {"at": "/x"}, 308),
    ({"permanent_redirect": "http://else.test"}, {}, 301),
    ({"backend_protocol": "HTTPS"}, {}, 503),
])
def test_status_of_any_answer(world, more, ask, status):
    """Of the backend and of Envoy's own filters."""
    world.backends["echo"].reply = lambda asked: (404 if asked.path == "/bad" else 200, ())
    world.backend("no", reply=lambda asked: (401, ()))
    more = {k: v.replace("NAME", world.name) for k, v in more.items()}
    world.write(nginx("a", world.host, configuration_snippet='more_set_headers "X-Status: $status";', **more))
    for _ in range(ask.get("tries", 1)):
        answer = world.get(ask.get("at", "/"))
    assert (answer.status, answer.headers["x-status"]) == (status, str(status))


@pytest.mark.parametrize("text, expected", [
    ("return 405; more_set_headers 'X-M: m'; add_header X-F f always; add_header X-G g;", ("m", "f", None)),
    ("return 301 https://else.test$request_uri; add_header X-F f; sub_filter a b;", (None, "f", None)),
    ("return 200 ok; add_header X-F f;", (None, "f", None)),
    ("if ($http_x = '') { return 401; } more_set_headers 'X-M: m'; add_header X-F f always;", ("m", "f", None)),
    ("if ($http_x = '') { more_set_headers 'X-M: in'; } more_set_headers 'X-M: out';", ("in", None, None)),
    ("if ($http_x = '') { more_clear_headers X-M; } more_set_headers 'X-M: out';", (None, None, None)),
    ("if ($http_x = '') { add_header X-F in always; } add_header X-G out always;", (None, "in", None)),
    ("if ($http_x = '') { set $x in; } add_header X-F $x; set $x last;", (None, "last", None)),
])
def test_headers_of_answers(world, text, expected):
    snippet(world, text)
    assert tuple(world.get().headers.get(f"x-{name}") for name in "mfg") == expected


def test_requests_are_changed(world):
    snippet(world, """
        proxy_set_header Host inside.test;
        proxy_set_header X-Ingress $namespace/$ingress_name;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Accept-Encoding "";
        proxy_set_header X-Real-IP "";
        proxy_http_version 1.1;
        proxy_read_timeout 3600s;
        rewrite ^/api/(.*)$ /v1/$1 break;
        """)
    seen = world.seen("/api/x?a=b", headers={"Accept-Encoding": "gzip"})
    assert (seen.path, seen.headers["Host"], seen.headers["X-Ingress"], seen.headers["Accept-Encoding"],
            seen.headers["X-Real-IP"]) == ("/v1/x?a=b", "inside.test", f"default/{world.name}-a", None, None)


@pytest.mark.parametrize("text, expected", [
    ("allow 127.0.0.0/8; deny all;", "echo"),
    ("allow 10.0.0.0/8; deny all;", 403),
    ("deny 127.0.0.0/8;", 403),
    ("deny 10.0.0.0/8; allow all;", "echo"),
    ("deny 127.0.0.0/8; allow 127.0.0.0/8; deny all;", 403),
    ("deny all;", 403),
    ("allow 127.0.0.0/8; deny 127.0.0.0/8;", 503),  # an order that is not translated
    ("deny somebody;", 503),
    ("auth_request /auth;", 503),
    ("if ($http_x) { deny all; }", 503),
])
def test_addresses(world, text, expected):
    snippet(world, text)
    assert world.served() == expected


def test_what_has_no_effect_is_passed_over(world):
    snippet(world, 'server_tokens off; proxy_cache_bypass $http_upgrade; more_set_headers "X-Applied: yes";')
    assert world.get().headers["x-applied"] == "yes"


@pytest.mark.parametrize("text", [
    "sub_filter a b;", "if (-f $request_filename) { return 200; }", "rewrite ^/a /b last;", "more_set_headers -s '404' 'A: b';",
    "return 302 https://x.test/$made_up;", "location /x { return 204; }", "set $a $made_up; more_set_headers \"X: $a\";",
    "more_set_headers 'A: b'; }", "if ($remote_addr = 1.2.3.4) { return 200; }", "rewrite (?=x) /b permanent;",
    "rewrite ^/a http://x.test:65536/b permanent;"])
def test_what_is_refused_leaves_the_path_served(world, text):
    snippet(world, text + ' more_set_headers "X-Refused: no";')
    answer = world.get()
    assert answer.status == 200 and "x-refused" not in answer.headers


def refusal(world):
    [found] = [p["message"] for k, v in world.site.pipeline.statuses().items() if k.endswith(f"/{world.name}-a")
               for p in v["problems"] if p["reason"] == "SnippetRefused"]
    return found


def test_each_line_that_is_refused_is_named(world):
    world.write(nginx("a", world.host, configuration_snippet="""set $x 1;
        sub_filter a b;
        more_set_headers "A: $x";
        if ($http_x = 1) { more_set_headers "B: 1"; proxy_pass http://x; }
        if (-f $request_filename) { break; }
        add_header Set-Cookie a;
        location /x { return 404; }
        """))
    told = refusal(world)
    for line, word in ((2, "sub_filter"), (4, "proxy_pass"), (5, "if"), (6, "add_header"), (7, "location")):
        assert f'line {line}: "{word}"' in told, told
    assert not any(f"line {line}:" in told for line in (1, 3)), told


def test_of_many_refused_lines_some_are_named(world):
    world.write(nginx("a", world.host, configuration_snippet="sub_filter a b;\n" * 60))
    assert refusal(world).count("sub_filter") <= 13 and "and 47 more" in refusal(world)


def test_server_snippets(world):
    world.backend("other")
    world.write(nginx("a", world.host, created="2020-01-01T00:00:00Z", server_snippet="""
        add_header X-Server yes;
        location = /metrics { deny all; return 403; }
        location ~* /actuator { return 404; }
        location ^~ /hidden/ { return 301 https://else.test/; }
        if ($http_user_agent ~* badbot) { return 403; }
        """), nginx("b", world.host, path("other", at="/other"), created="2021-01-01T00:00:00Z",
                    server_snippet="return 418;"))
    assert {at: world.served(at) for at in ("/metrics", "/metrics2", "/x/ACTUATOR/y", "/hidden/x", "/hidden", "/other")} == {
        "/metrics": 403, "/metrics2": "echo", "/x/ACTUATOR/y": 404, "/hidden/x": 301, "/hidden": "echo", "/other": "other"}
    assert world.get("/other").headers["x-server"] == "yes"
    assert world.served("/other", headers={"User-Agent": "a BadBot"}) == 403


def test_the_order_of_locations(world):
    world.write(nginx("a", world.host, server_snippet="""
        location /a { return 410; }
        location /a/b { return 411; }
        location ^~ /p { return 412; }
        location ~ \\.x$ { return 414; }
        location /p/long { return 415; }
        location ~ "^/d\\d{2}$" { return 416; }
        """))
    expected = {"/d12": 416, "/ddd": "echo", "/a/c": 410, "/a/b/c": 411, "/a/b/c.x": 414, "/p/a.x": 412, "/p/long/a": 415, "/p/long/a.x": 414, "/c": "echo"}
    assert {at: world.served(at) for at in expected} == expected


@pytest.mark.parametrize("condition, meets, fails", [
    ("($http_x_api_key != s3)", {}, {"X-Api-Key": "s3"}),
    ("($http_x_api_key !~* ^s)", {}, {"X-Api-Key": "S3"}),
    ('($http_x_api_key = "")', {}, {"X-Api-Key": "s3"}),
    ('($http_x_api_key != "")', {"X-Api-Key": "s3"}, {}),
    ("($request_method !~ ^(GET|HEAD)$)", None, {}),
    ("($uri !~ ^/ok)", {}, None),
])
def test_conditions_of_a_server(world, condition, meets, fails):
    world.write(nginx("a", world.host, server_snippet=f"if {condition} {{ return 403; }}"))
    if meets is not None:
        assert world.served(headers=meets) == 403
    if fails is not None:
        assert world.served("/ok", headers=fails) == "echo"


@pytest.mark.parametrize("condition, meets, fails", [
    ("($arg_token != s.3)", ["/", "/?token=s.33", "/?token=sx3", "/?tokens=s.3", "/token=s.3", "/?a=token=s.3"],
     ["/?token=s.3", "/?a=b&token=s.3&c=d", "/?Token=s.3"]),
    ('($arg_token = "")', ["/", "/?token=", "/?token", "/?a=b&token=&c=d"], ["/?token=x", "/?a=b&token=0"]),
    ("($arg_token !~ ^[a-f0-9]+$)", ["/", "/?token=xyz", "/?token=abx&b=a"], ["/?token=ab0&x=y", "/?token=0"]),
    ("($arg_token !~* abc)", ["/", "/?token=ab&x=abc", "/?x=abc"], ["/?token=xABCx", "/?a=b&token=abc"]),
    ('($arg_env !~ "^(dev|test)$")', ["/?env=prod&env=dev", "/?ENV=prod&env=dev", "/?envy=dev&xenv=dev"],
     ["/?env=dev&env=prod", "/?env&e=x&envy=x&&Env=test"]),
    ('($cookie_env !~ "^(dev|test)$")', [{"Cookie": "env=prod; env=dev"}, {"Cookie": "ENV=prod;env=dev"}, {"Cookie": "xenv=dev"}],
     [{"Cookie": "env=dev; env=prod"}, {"Cookie": "a=b; envy=x; Env = test"}]),
    ('($cookie_token = "")', [{}, {"Cookie": "a=b"}, {"Cookie": "token="}, {"Cookie": "token=; a=b"}], [{"Cookie": "a=b; token=x"}]),
    ('($args = "")', ["/", "/?"], ["/?a"]),
])
def test_negated_conditions_of_a_server(world, condition, meets, fails):
    world.write(nginx("a", world.host, server_snippet=f"if {condition} {{ return 403; }}"))
    ask = lambda one: world.served(one) if isinstance(one, str) else world.served(headers=one)
    assert [ask(one) for one in meets] == [403] * len(meets)
    assert [ask(one) for one in fails] == ["echo"] * len(fails)


@pytest.mark.parametrize("regex, good, bad", [
    ("^a.*b$", "a-b", "a"), ("^[^x]+$", "ab", "ax"), ("^a\\Wb$", "a-b", "a"), ("^a[^x]b", "a-b", "a"), ("^[$-z]+$", None, None)])
def test_a_negated_regex_does_not_reach_into_the_next_parameter(world, regex, good, bad):
    world.write(nginx("a", world.host, server_snippet=f"if ($arg_token !~ \"{regex}\") {{ return 403; }}"))
    if good:
        assert [world.served(f"/?token={t}") for t in (good, f"{good}&c=d", f"{bad}&b", f"{bad}&x=-b")] == ["echo", "echo", 403, 403]
    else:
        assert world.served("/?token=ab") == 503


@pytest.mark.parametrize("condition, good, bad", [
    ('($uri !~ "^/a.*\\.css$")', ["/a/x.css", "/a.css?x"], ["/a?x=.css", "/a/b"]),
    ('($uri !~ "^/[^x]+b$")', ["/ab", "/ab?c"], ["/a?b", "/x?b"]),
    ('($uri !~ "^/a\\S+b$")', ["/a-b"], ["/a?b"]),
    ('($uri !~ "^/\\w+[.]js(on)?$")', ["/ab.js", "/ab.json?c"], ["/ab?.js", "/ab.jsx"]),
    ('($uri ~ "^/a[!-~]b")', None, None),
    ('($uri ~ "^/a[\\t-z]b")', None, None),
    ('($uri ~ "^/[^-_]+/admin")', ["/a-b/admin", "/a?b/admin"], ["/FOO/admin", "/foo/admin?x"]),
    ('($uri ~ "^/a[^[:alnum:]./_-]b")', ["/axb", "/a.b", "/a?b", "/a-b"], ["/a!b", "/a~b"]),
    ('($uri ~ "^/[a-z0-9-]+/admin")', ["/A/admin", "/a?/admin"], ["/a-1/admin"]),
])
def test_a_regex_on_a_path_does_not_reach_into_the_query(world, condition, good, bad):
    snippet(world, f"if {condition} {{ return 403; }}")
    if good:
        assert [world.served(at) for at in good + bad] == ["echo"] * len(good) + [403] * len(bad)
    else:
        assert world.served() == 503


@pytest.mark.parametrize("more, served, status", [
    ({"configuration_snippet": "internal;"}, 404, 404),
    ({"configuration_snippet": "internal; more_set_headers -s 404 'X: y';"}, 503, 503),
    ({"server_snippet": "location = /x { internal; return 200; }"}, "echo", 404),
    ({"server_snippet": "location = /x { internal; root /y; }"}, "echo", 404),
    ({"server_snippet": "location = /x { return 200 s; internal; }"}, "echo", 404),
    ({"configuration_snippet": "rewrite ^/x /y break; internal;"}, 404, 404),
    ({"configuration_snippet": "return 301 /y; internal;"}, 404, 404),
    ({"configuration_snippet": "if ($http_x) { internal; }"}, 503, 503),
])
def test_what_is_internal_is_not_for_clients(world, more, served, status):
    world.write(nginx("a", world.host, **more))
    assert (world.served(), world.served("/x")) == (served, status)


@pytest.mark.parametrize("text, expected", [
    ("location /x { proxy_pass http://y; }", "echo"),
    ("location /x { auth_request /y; }", 503),
    ("location / { return 403; }", 503),
    ("allow 10.0.0.0/8; deny all;", 403),
    ("return 403;", 403),
])
def test_server_snippets_that_restrict(world, text, expected):
    world.write(nginx("a", world.host, server_snippet=text))
    assert world.served() == expected
