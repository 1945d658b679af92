"""Nothing is silent: spoil one thing of a golden world (a name, a kind, a label, a port, a case),
and either Envoy's resources are unchanged, or the user is told: by a status, a note of the watcher,
or a line about skipped objects."""

import copy
import os
import pathlib
import random

import pytest
import yaml

import offline

HERE = pathlib.Path(__file__).parent
CASES = sorted(str(p.relative_to(HERE)).removesuffix(".in.yaml") for p in HERE.rglob("*.in.yaml"))
SPOILS_A_WORLD = int(os.environ.get("PORTOLAN_SPOILS", 3))
SEED = os.environ.get("PORTOLAN_SPOILS_SEED", "")
# Fields without an effect on Envoy or on anything that is told: people's own words.
FREE = {"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "status"}


def places(value, path=()):
    """Every scalar, and every key, of an object."""
    if isinstance(value, dict):
        for k, v in value.items():
            if k in FREE:
                continue
            yield "key", (*path, k)
            yield from places(v, (*path, k))
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from places(v, (*path, i))
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield "value", path


def swap(text, way=0):
    """A tired person's typing: one letter less, one twice, two in the other order, another case."""
    if len(text) < 2:
        return text + "x"
    middle = len(text) // 2
    ways = (text[:-1], text[:middle] + text[middle] + text[middle:], text[:middle - 1] + text[middle] + text[middle - 1] + text[middle + 1:],
            text[0].swapcase() + text[1:], text.upper())
    found = ways[way % len(ways)]
    return found if found != text else text[:-1]


def spoil(objects, index, what, path, way=0):
    world = copy.deepcopy(objects)
    parent = world[index]
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if what == "key":
        parent[swap(str(last), way)] = parent.pop(last)
    elif isinstance(parent[last], int):
        parent[last] += 1 + way
    else:
        parent[last] = swap(parent[last], way)
    return world


def told(translated, folder):
    """The messages to people: verdicts and problems, whatever the objects' names, and the watcher's
    lines."""
    statuses = offline.statuses(translated.statuses).values()
    return sorted(map(repr, statuses)), offline.lines(translated.said, folder)


@pytest.mark.parametrize("case", CASES)
def test_what_spoils_a_world_changes_nothing_or_is_told(case, folder):
    text = (HERE / f"{case}.in.yaml").read_text()
    try:
        objects = [o for o in yaml.safe_load_all(text) if isinstance(o, dict)]
    except yaml.YAMLError:
        pytest.skip("a world that is no YAML")
    options = [w for line in text.splitlines() if line.startswith("# translator: ") for w in line[14:].split()]

    config = HERE / f"{case}.config.yaml"

    def translate(world):
        file = folder / "world.yaml"
        file.write_text(yaml.safe_dump_all(world))
        return offline.translate(folder, file, options=options, config=config if config.exists() else None)

    before = translate(objects)
    was = offline.canonical(offline.resources(before.resources))
    told_before = told(before, folder)
    rng = random.Random(case + SEED)
    choices = [(i, what, path) for i, o in enumerate(objects) for what, path in places(o)
               if path[-1] not in ("namespace", "key", "crt") and "data" not in path and "stringData" not in path]
    silent = []
    for i, what, path in rng.sample(choices, min(SPOILS_A_WORLD, len(choices))):
        way = rng.randrange(5)
        after = translate(spoil(objects, i, what, path, way))
        if offline.canonical(offline.resources(after.resources)) == was:
            continue
        # A value as good as the former one (another host, another path) is what was asked for.
        if what == "value" and is_a_wish(path):
            continue
        if told(after, folder) == told_before:
            silent.append((what, ".".join(map(str, path)), way))
    assert silent == []


# Values that refer to something else, by field: these have to be right. Any other value is a wish, and another one is
# granted as well: a host, a path, a number of seconds.
REFERENCES = {"secretName", "caSecret", "ingressClassName", "addressType", "kind", "apiVersion", "type", "pathType",
              "protocol", "strategy", "kubernetes.io/service-name", "appProtocol"}


def is_a_wish(path):
    last = next(p for p in reversed(path) if isinstance(p, str))
    refers = path[-2:-1] in (("service",), ("includes",), ("extensionRef",)) or (
        last in ("name", "port") and {"services", "service", "includes", "extensionRef"} & set(path))
    return not refers and last not in REFERENCES


def test_a_silent_spoil_would_be_found():
    assert is_a_wish(("spec", "rules", 0, "host")) and not is_a_wish(("spec", "tls", 0, "secretName"))
    assert not is_a_wish(("spec", "routes", 0, "services", 0, "name"))
    assert swap("Prefix") == "Prefi"
