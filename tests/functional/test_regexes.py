"""Regular expressions: the oldest and the newest Envoy accept all that the translator accepts, and
the other way round."""

import pytest
import yaml

import envoy_judge
import offline
from objects import proxy, service, to

FORMS = [
    "/a", "/a|b", "/(a|b)*", "/[a-z]+", "/[^a]", "/.*", "/a?b+c*", "/a{3}", "/a{3,}", "/a{3,5}", "/a{1000}", "/a{1001}", "/a{5,2}",
    "/(?i)a", "/(?s).", "/(?U)a+", "/(?m)^a$", "/(?z)a", "/(?-i)a", "/(?:a)", "/(?P<n>a)", "/(?P<n>a)(?P<n>b)", "/(?P<1>a)",
    "/(?=a)", "/(?!a)", "/(?<=a)", "/(?<!a)", "/(a)\\1", "/\\k<n>", "/(?>a)", "/a++", "/a*+", "/a**", "/a*?", "/a??", "/+a", "/*", "/?",
    "/(", "/)", "/(a", "/a)", "/[", "/]", "/[a", "/[z-a]", "/[]", "/[]a]", "/[[:alpha:]]", "/[[:foo:]]", "/[[.a.]]", "/{", "/{3", "/a{,3}",
    "/\\d\\w\\s\\D\\W\\S", "/\\b\\B", "/\\A", "/\\z", "/\\Z", "/\\G", "/\\C", "/\\Qa.b\\E", "/\\Qa", "/\\E", "/\\", "/\\y", "/\\pN", "/\\PN",
    "/\\p{Greek}", "/\\p{Foo}", "/\\p{^Greek}", "/\\x41", "/\\x{41}", "/\\x{10FFFF}", "/\\x{110000}", "/\\xZ", "/\\07", "/\\777", "/\\u0041",
    "/\\cA", "/\\a\\f\\t\\v", "/^a$", "/$a^", "/ä", "/[ä-ö]", "/\\pL{100}", "/\\pL{1000}", "/(\\pL{100}){100}", "/(a{100}){100}",
    "/((a{100}){100}){100}", "/(a|b|c){1000}", "/(((((a{10}){10}){10}){10}){10})", "/" + "(" * 500 + "a" + ")" * 500,
    "/" + "(" * 1001 + "a" + ")" * 1001, "/" + "a" * 3000, "/" + "(?:a|" * 300 + "b" + ")" * 300, "/(?#comment)", "/a(?i:b)c", "/(?i-s:b)",
    "/[\\d-z]", "/[a-\\d]", "/[\\pL]", "/(?<n>a)", "/a|", "/|a", "/()", "/(|)", "/a{0}", "/a{0,0}", "/[^\\x00-\\x{10FFFF}]",
]
# Refused although both Envoys take them, and why.
STRICTER = {"/(?<n>a)": "newer versions of RE2 have it, Debian's has not"}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """{form: why the translator refuses it, or None}"""
    folder = tmp_path_factory.mktemp("regexes")
    world = [service("web"), *(proxy(f"p{i}", to("web", conditions=[{"regex": f}]), fqdn=f"h{i}.example.com")
                               for i, f in enumerate(FORMS))]
    (folder / "all.yaml").write_text(yaml.safe_dump_all(world, allow_unicode=True))
    statuses = offline.statuses(offline.translate(folder, folder / "all.yaml").statuses)
    return {f: next((p["message"] for p in statuses[f"HTTPProxy default/p{i}"].get("problems", ())
                     if p["reason"] == "RouteError/PathMatchConditionsNotValid"), None) for i, f in enumerate(FORMS)}


def _manager(regex):
    return envoy_judge.manager([{"match": {"safe_regex": {"regex": regex}}, "direct_response": {"status": 200}}])


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """{form: whether both Envoys take it}"""
    folder, managers = tmp_path_factory.mktemp("judges"), {f"r{i}": _manager(f) for i, f in enumerate(FORMS)}
    found = [envoy_judge.takes(folder, which, managers, _manager("(")) for which in ("newest", "oldest")]
    return {f: all(one[f"r{i}"] for one in found) for i, f in enumerate(FORMS)}


def test_the_translator_and_envoy_agree(said, taken):
    assert {f[:80]: "Envoy refuses it" for f in FORMS if not said[f] and not taken[f]} == {}
    assert {f[:80]: said[f] for f in FORMS if said[f] and taken[f] and f not in STRICTER} == {}
    assert sum(bool(w) for w in said.values()) > 20 and sum(not w for w in said.values()) > 40
    assert all(said[f] for f in STRICTER)
