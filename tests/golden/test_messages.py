"""What statuses say, of all golden outputs: no place is named twice."""

import re

import pytest
import yaml

from test_golden import CASES, HERE

PLACE = re.compile(r"((?:spec|metadata|data|stringData)[.\[]\S*): ")
TWICE = re.compile(r"\b((?:spec|metadata|data|stringData)[.\[]\S*): \1(?!\w)")


def problems(statuses):
    for name, status in statuses.items():
        for problem in status.get("problems", ()):
            yield name, problem.get("field", ""), problem["message"]


def sentences(tree):
    for value in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)):
            yield from sentences(value)


def faults(statuses):
    """A problem has a field for its place; a condition has none, so its message begins with it, once."""
    found = [(name, field, text) for name, field, text in problems(statuses)
             if PLACE.match(text) or (field and re.match(rf"{re.escape(field)}(?!\w)", text))]
    return found + [text for text in sentences(statuses) if TWICE.search(text)]


@pytest.mark.parametrize("case", CASES)
def test_no_place_is_named_twice(case):
    written = yaml.load((HERE / f"{case}.out.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    assert faults(written["statuses"]) == []


@pytest.mark.parametrize("status", [
    {"problems": [{"field": "spec.listeners[1]", "message": "spec.listeners[1].tls.certificateRefs[0]: there is none"}]},
    {"problems": [{"field": "addressType", "message": "addressType \"FQDN\" is unknown"}]},
    {"problems": [{"message": "spec.addresses[0]: it is taken"}]},
    {"parents": {"Gateway a/b": {"ResolvedRefs": "False Invalid: spec.rules[6]: spec.rules[6].filters[0]: it is unknown"}}},
])
def test_such_a_message_is_seen(status):
    assert faults({"Gateway a/b": status})


def test_a_condition_may_name_its_place():
    assert not faults({"Gateway a/b": {
        "problems": [{"field": "spec.rules[6]", "message": "there is no Service a/b"}],
        "parents": {"Gateway a/b": {"ResolvedRefs": "False Invalid: spec.rules[6]: there is no Service a/b"}}}})
