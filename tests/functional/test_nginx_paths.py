"""Which location of ingress-nginx serves a request: literal hosts, regex hosts, rewrites, merging."""

import pytest

from nginx import World, exact, nginx, redirect, regex
from objects import backend, path


@pytest.fixture
def world(nginx_site, request):
    return World.of(nginx_site, request)


def served(world, *requests):
    return {at: world.served(at) for at in requests}


def test_prefix_matches_whole_elements(world):
    world.write(nginx("a", world.host, "/aaa"))
    assert served(world, "/aaa", "/aaa/", "/aaa/ccc", "/aaaccc") == {
        "/aaa": "echo", "/aaa/": "echo", "/aaa/ccc": "echo", "/aaaccc": 404}


def test_a_regex_matches_from_the_start_in_any_case_with_any_rest(world):
    world.write(nginx("a", world.host, regex("echo", "/id/[0-9]+"), use_regex="true"))
    assert served(world, "/id/1", "/id/123a", "/ID/1", "/id/aaa") == {
        "/id/1": "echo", "/id/123a": "echo", "/ID/1": "echo", "/id/aaa": 404}


def test_a_regex_with_an_end(world):
    world.write(nginx("a", world.host, regex("echo", "/id/[0-9]{3}$"), use_regex="true"))
    assert served(world, "/id/123", "/id/99", "/id/9999", "/id/123a") == {
        "/id/123": "echo", "/id/99": 404, "/id/9999": 404, "/id/123a": 404}


def test_exact_goes_before_prefix_of_the_same_text(world):
    for name in "abc":
        world.backend(name)
    world.write(nginx("a", world.host, exact("a", "/exact"), created="2020-01-01T00:00:00Z"),
                nginx("b", world.host, path("b", at="/exact"), created="2020-01-02T00:00:00Z"),
                nginx("c", world.host, path("c", at="/exact"), created="2020-01-03T00:00:00Z"))
    assert served(world, "/exact", "/exact/suffix") == {"/exact": "a", "/exact/suffix": "b"}


def test_mixed_types(world):
    for name in ("root-exact", "root", "foo-exact", "foo"):
        world.backend(name)
    world.write(nginx("a", world.host, exact("root-exact", "/"), path("root", at="/"),
                      exact("foo-exact", "/foo"), path("foo", at="/foo")))
    assert served(world, "/", "/bar", "/foo", "/foo/bar", "/foobar") == {
        "/": "root-exact", "/bar": "root", "/foo": "foo-exact", "/foo/bar": "foo", "/foobar": "root"}


def test_a_path_with_a_slash_redirects_the_path_without(world):
    world.write(nginx("a", world.host, "/app/"))
    assert redirect(world.get("/app")) == (301, f"http://{world.host}/app/")
    assert redirect(world.get("/app?x=1")) == (301, f"http://{world.host}/app/?x=1")
    assert world.served("/app/") == "echo"


def test_regex_hosts_have_no_redirect_to_the_slash(world):
    world.write(nginx("a", world.host, "/app/", use_regex="true"))
    assert world.served("/app") == 404


def test_one_regex_makes_all_paths_of_the_host_regexes(world):
    world.backend("a"), world.backend("b")
    world.write(nginx("a", world.host, path("a", at="/a"), created="2020-01-01T00:00:00Z"),
                nginx("b", world.host, regex("b", "/b"), use_regex="true", created="2020-01-02T00:00:00Z"))
    assert world.served("/A/x") == "a"


def test_rewrite_leaves_longer_paths_of_others_alone(world):
    world.backend("solver")
    world.write(nginx("a", world.host, path("solver", at="/.well-known/acme/challenge"), created="2020-01-01T00:00:00Z"),
                nginx("b", world.host, "/", rewrite_target="/new", created="2020-01-02T00:00:00Z"))
    assert world.seen("/.well-known/acme/challenge", "solver").path == "/.well-known/acme/challenge"
    assert world.seen("/x").path == "/new"


def test_rewrite_of_what_a_prefix_does_not_match(world):
    world.backend("prefix")
    world.write(nginx("a", world.host, path("prefix", at="/foo")),
                nginx("b", world.host, regex("echo", "/foo.+"), use_regex="true", rewrite_target="/new/backend"))
    assert world.seen("/foo", "prefix").path == "/foo"
    assert world.seen("/foo/bar").path == "/new/backend"


def test_of_a_literal_and_a_longer_pattern_the_longer_counts(world):
    world.backend("literal")
    world.write(nginx("a", world.host, path("literal", at="/foo/bar/bar")),
                nginx("b", world.host, regex("echo", "/foo/bar/[a-z]{3}"), use_regex="true", rewrite_target="/n"))
    assert world.seen("/foo/bar/bar").path == "/n"


def test_rewrite_with_groups(world):
    world.write(nginx("a", world.host, regex("echo", "/foo/bar/(.+)"), rewrite_target="/new/backend/$1"))
    assert world.seen("/foo/bar/bar").path == "/new/backend/bar"
    assert world.seen("/FOO/BAR/x?q=1").path == "/new/backend/x?q=1"


def test_rewrite_with_an_optional_rest(world):
    world.write(nginx("a", world.host, regex("echo", "/something(/|$)(.*)"), rewrite_target="/$2"))
    assert world.seen("/something").path == "/"
    assert world.seen("/something/new").path == "/new"
    assert world.served("/somethingelse") == 404


def test_rewrite_with_groups_that_a_path_lacks(world):
    world.write(nginx("a", world.host, regex("echo", "/api(/|$)(.*)"), regex("echo", "/"), rewrite_target="/$2"))
    assert {at: world.seen(at).path for at in ("/api/x?y=1", "/foo", "/foo/bar?y=1")} == {
        "/api/x?y=1": "/x?y=1", "/foo": "/", "/foo/bar?y=1": "/?y=1"}


def test_the_implicit_path_is_rewritten_too(world):
    world.backend("default")
    world.write(nginx("a", world.host, regex("echo", "/api(/|$)(.*)"), default=backend(f"{world.name}-default", 80),
                      rewrite_target="/$2"))
    assert world.seen("/api/x?y=1").path == "/x?y=1"
    assert world.seen("/zzz?q", backend="default").path == "/?q"


def test_rewrite_to_the_path_itself_is_no_rewrite(world):
    world.backend("x")
    world.write(nginx("a", world.host, "/", rewrite_target="/"), nginx("b", world.host, exact("x", "/x")))
    assert served(world, "/x", "/X") == {"/x": "x", "/X": "echo"}


def test_exact_paths_of_regex_hosts_match_more(world):
    world.backend("header")
    world.write(nginx("a", world.host, exact("header", "/Header")),
                nginx("b", world.host, regex("echo", "/zzz.*"), use_regex="true"))
    assert world.served("/headers") == "header"


def test_paths_are_normalized(world):
    world.write(nginx("a", world.host, exact("echo", "/uuid")))
    assert served(world, "/ip/../uuid", "//uuid", "/%75uid") == {
        "/ip/../uuid": "echo", "//uuid": "echo", "/%75uid": "echo"}


def test_slashes_of_requests_are_merged(world):
    """A path with two of them has no request; backends and redirects see the merged path."""
    world.backend("twice")
    world.write(nginx("a", world.host, "/a/b", path("twice", at="//odd"), path("twice", at="/a//b/c")),
                nginx("secure", f"secure.{world.host}", "/", force_ssl_redirect="true"))
    assert served(world, "//a///b", "/a/b//c", "//odd", "/odd") == {
        "//a///b": "echo", "/a/b//c": "echo", "//odd": 404, "/odd": 404}
    assert world.seen("//a//b?c=//d").path == "/a/b?c=//d"
    assert redirect(world.get("//other.test//x?y=//z", f"secure.{world.host}")) == (
        308, f"https://secure.{world.host}/other.test/x?y=//z")
    told = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]["problems"]
    assert [(p["reason"], p["field"]) for p in told] == [
        ("PathNeverMatches", "spec.rules[0].http.paths[1]"), ("PathNeverMatches", "spec.rules[0].http.paths[2]")]


def test_a_wildcard_stands_for_one_label(world):
    world.write(nginx("a", f"*.{world.host}"))
    assert world.served(host=f"a.{world.host}") == "echo"
    assert world.served(host=f"a.b.{world.host}") == 404
    assert world.served(host=world.host) == 404


def test_host_in_any_case_with_a_port(world):
    world.write(nginx("a", world.host))
    assert world.served(host=f"{world.host.upper()}:8080") == "echo"
    assert world.seen(host=f"{world.host}:8080").headers["Host"] == f"{world.host}:8080"


def test_the_older_ingress_has_the_path(world):
    world.backend("old"), world.backend("new")
    world.write(nginx("z", world.host, path("old"), created="2020-01-01T00:00:00Z"),
                nginx("a", world.host, path("new"), created="2020-01-02T00:00:00Z"))
    assert world.served() == "old"


def test_of_equally_old_ones_the_greater_name_has_the_path(world):
    world.backend("greater"), world.backend("smaller")
    world.write(nginx("b", world.host, path("greater"), created="2020-01-01T00:00:00Z"),
                nginx("a", world.host, path("smaller"), created="2020-01-01T00:00:00Z"))
    assert world.served() == "greater"


def test_the_first_ingress_annotates_all_other_paths_of_the_host(world):
    world.write(nginx("a", world.host, "/something", permanent_redirect="https://e.test"))
    assert redirect(world.get("/anything/else")) == (301, "https://e.test")


def test_a_missing_service_answers_503(world):
    world.write(nginx("a", world.host, path("absent")))
    assert world.served() == 503


@pytest.mark.parametrize("paths, annotations, asked, words", [
    ([exact("echo", "/app"), path("other", at="/app")], {"use_regex": "true"}, {"/app": "echo", "/app/x": "echo"}, "use-regex"),
    ([path("echo", at="/app"), path("other", at="/app/")], {}, {"/app": "echo", "/app/x": "other"}, "could not have accepted"),
    ([exact("echo", "/app"), path("other", at="/app")], {}, {"/app": "echo", "/app/x": "other"}, None),
])
def test_paths_that_are_one_location_are_named(world, paths, annotations, asked, words):
    world.backend("other")
    world.write(nginx("a", world.host, *paths, **annotations))
    assert served(world, *asked) == asked
    told = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]["problems"]
    assert [words in p["message"] for p in told if p["reason"] in ("PathNeverMatches", "PathShared")] == ([True] if words else [])
