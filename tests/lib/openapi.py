"""OpenAPI schemas of CustomResourceDefinitions: their content, flat, and values that do and do not
fit.

A path is ".spec.routes[].name"; "[]" is an item of a list, "{}" a value of a map.
"""

import itertools
import json
import re
import sys

LIMITS = {"int32": (-2**31, 2**31 - 1), "int64": (-2**63, 2**63 - 1)}


def children(schema):
    """(step, schema) of everything one level down."""
    for name, child in schema.get("properties", {}).items():
        yield f".{name}", child
    if "items" in schema:
        yield "[]", schema["items"]
    if "additionalProperties" in schema:
        yield "{}", schema["additionalProperties"]


def walk(schema, path=""):
    """(path, schema) of it and of all below."""
    yield path, schema
    for step, child in children(schema):
        yield from walk(child, path + step)


def bounds(schema):
    """The smallest and the largest number, however the schema says it."""
    low, high = LIMITS.get(schema.get("format"), (-sys.maxsize, sys.maxsize))
    low = max(low, schema.get("minimum", low) + bool(schema.get("exclusiveMinimum")))
    high = min(high, schema.get("maximum", high) - bool(schema.get("exclusiveMaximum")))
    return low, high


def facts(schema):
    """A schema's own demands: {word: value}. Of patterns and rules only their number."""
    said = {key: schema[key] for key in (
        "type", "anyOf", "default", "minLength", "maxLength", "minItems", "maxItems", "nullable",
        "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields") if key in schema}
    for key in ("enum", "required"):
        if key in schema:
            said[key] = sorted(schema[key])
    if schema.get("type") == "integer":
        said["bounds"] = bounds(schema)
    elif "format" in schema:
        said["format"] = schema["format"]
    for key in ("pattern", "x-kubernetes-validations"):
        if key in schema:
            said[key] = len(schema[key]) if key != "pattern" else 1
    return said


def differences(ours, theirs):
    """{(path, word): (ours, theirs)} wherever two schemas differ."""
    flat = [{path: facts(s) for path, s in walk(schema)} for schema in (ours, theirs)]
    found = {}
    for path in flat[0].keys() | flat[1].keys():
        if path not in flat[0] or path not in flat[1]:
            found[path, "exists"] = (path in flat[0], path in flat[1])
            continue
        for word in flat[0][path].keys() | flat[1][path].keys():
            both = tuple(side[path].get(word) for side in flat)
            if both[0] != both[1]:
                found[path, word] = both
    return found


# ---- values ----

STRINGS = [
    "", "a", "A", "-", "a-", "a.b", "a..b", "*.a.b", "*", "A.b", "a_b", "a b", " a", "a\n", "ä", "a/b", "/", "/a", "a/b/c",
    "1", "10", "1.5", "1.", ".5", "-1", "10s", "1h30m", "1.5h", ".s", "s", "10", "0", "0s", "-10s", "10us", "10µs", "10ns",
    "10x", "1 h", "infinity", "infinite", "Infinity", "a;b", "a=b", "a\tb", "a\x7f", "a\x01", '"a"', "a\\b", "a[b]", "(a)",
    "a,b", "a,", "a:b", "a~b", "a`b", "a{b}", "v3", "h2", "http/1.1", "192.0.2.0/24", "A_b:c,d", "_a", "example.com/Type",
    "Example.com/Type", "example.com/", "2026-01-01T00:00:00Z", "2026-01-01", "a://b", "http://a.b:80", "http://*.a", "System",
    "/a%2Fb", "/a%zz", "/a//b", "/a/./b", "/a/..", "/a#b", "192.0.2.1", "1h5m10s20ms1s", "100000s",
]
PLAIN = ["", "a", "ä b\n"]
WRONG = {"string": [1, True, []], "integer": ["1", True, 1.5], "boolean": ["true", 1], "array": [{}, "a"],
         "object": [[], "a"], "int-or-string": [True, [], 1.5]}


def kind_of(schema):
    return schema.get("type", "int-or-string")


def fits(schema, text):
    return (len(text) >= schema.get("minLength", 0) and text in schema.get("enum", [text])
            and len(text) <= schema.get("maxLength", len(text))
            and re.search(schema.get("pattern", ""), text, re.ASCII)
            and schema.get("format") in (None, "date-time" if text[4:5] == "-" else None))


def smallest(schema, path="", needed=None):
    """The least that the schema takes. needed: {path: properties} that rules ask for."""
    match kind_of(schema):
        case "object":
            found = {name: smallest(schema["properties"][name], f"{path}.{name}", needed)
                     for name in schema.get("required", [])}
            for end, more in (needed or {}).items():
                if path.endswith(end):
                    found.update(more)
            return found
        case "array":
            return [smallest(schema["items"], f"{path}[]", needed)] * schema.get("minItems", 0)
        case "boolean":
            return True
        case "int-or-string":
            return 1
        case "integer":
            low, high = bounds(schema)
            return schema.get("enum", [min(max(1, low), high)])[0]
        case "string":
            words = [*schema.get("enum", []), "a", *STRINGS]
            return next(word for word in words if fits(schema, word))


def scalars(schema):
    """Values for a string, number or truth value."""
    match kind_of(schema):
        case "boolean":
            return [True, False]
        case "int-or-string":
            return [-1, 0, 1, "", "1", "25%", "1Gi", "250m", "1.5e3", "a"]
        case "integer":
            low, high = bounds(schema)
            edges = [low - 1, low, low + 1, high - 1, high, high + 1, -1, 0, 1, 100, 302]
            return [*schema.get("enum", []), *(n for n in edges if -2**63 <= n < 2**63)]
    words = STRINGS if schema.keys() & {"pattern", "format", "enum"} else PLAIN
    most = schema.get("maxLength")
    return [*schema.get("enum", []), *words, *(["a" * most, "a" * (most + 1)] if most else [])]


def lists(schema, path, needed):
    one = smallest(schema["items"], f"{path}[]", needed)
    most = schema.get("maxItems", 2)
    return [[], *([one] * n for n in sorted({1, 2, most, most + 1}))]


def objects(schema, path, needed):
    least = smallest(schema, path, needed)
    yield least
    for name in schema.get("required", []):
        yield {key: value for key, value in least.items() if key != name}
    if "additionalProperties" in schema:
        yield {"a": smallest(schema["additionalProperties"], path + "{}", needed), "": "b"}
    else:
        yield {**least, "noSuchField": "a"}
    if "x-kubernetes-validations" in schema and "properties" in schema:
        names = [n for n in schema["properties"] if n not in schema.get("required", [])]
        for chosen in itertools.chain([()], itertools.combinations(names, 1), itertools.combinations(names, 2)):
            bare = {n: least[n] for n in schema.get("required", [])}
            yield bare | {n: smallest(schema["properties"][n], f"{path}.{n}", needed) for n in chosen}


def variants(schema, path="", needed=None, seen=None):
    """(path, value) for values of everything in a schema, each in the smallest object that has it.

    A part that occurs at several places is tested in full at the first, and once again at each of
    the others to show that it exists.
    """
    seen = set() if seen is None else seen
    yield path, smallest(schema, path, needed)
    key = json.dumps([schema, "status" in path], sort_keys=True)
    if key in seen:
        return
    seen.add(key)
    kind = kind_of(schema)
    own = {"array": lists, "object": objects}.get(kind)
    for value in own(schema, path, needed) if own else scalars(schema):
        yield path, value
    for value in [None, *WRONG[kind]]:
        yield path, value
    least = smallest(schema, path, needed)
    for step, child in children(schema):
        for below, value in variants(child, path + step, needed, seen):
            if step == "[]":
                yield below, [value]
            elif step == "{}":
                yield below, {"a": value}
            else:
                yield below, {**least, step[1:]: value}


def fill(schema, value):
    """The value as an API server returns it: with defaults filled in."""
    if isinstance(value, list):
        return [fill(schema.get("items", {}), v) for v in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    # null is the same as absent where there is a default.
    absent = {n: s["default"] for n, s in properties.items() if "default" in s and value.get(n) is None}
    known = {**value, **absent}
    return {n: fill(properties.get(n, schema.get("additionalProperties") or {}), v) for n, v in known.items()}
