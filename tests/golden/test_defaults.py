"""Objects from files have no API server that fills in the defaults of our definitions: they must become
the same without them."""

import pathlib
import re
import tempfile

import pytest
import yaml

import offline
import openapi
from crds import schema_of, shipped
from test_golden import CASES, HERE, folder, options

assert folder  # a fixture


def filled(item):
    kind = item.get("kind") if isinstance(item, dict) else None
    if kind not in shipped() or not isinstance(item.get("spec"), dict):
        return item
    schema = schema_of(shipped()[kind])["properties"]["spec"]
    return {**item, "spec": openapi.fill(schema, item["spec"])}


def documents(case):
    """Before and after, if they differ."""
    text = (HERE / f"{case}.in.yaml").read_text(encoding="utf-8")
    if "projectcontour.io/v1" not in text:
        return None
    try:
        plain = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return None
    both = plain, [filled(item) for item in plain]
    return (options(text), *both) if both[0] != both[1] else None


def outcome(items, chosen, folder):
    place = pathlib.Path(tempfile.mkdtemp(dir=folder))
    file = place / "in.yaml"
    file.write_text(yaml.safe_dump_all(items), encoding="utf-8")
    done = offline.translate(place, file, options=chosen)
    # Lines of the file are others.
    text = offline.canonical(offline.statuses(done.statuses))
    return offline.resources(done.resources), re.sub(r"line\s+\d+", "line", text)


WITH_DEFAULTS = [case for case in CASES if documents(case)]


@pytest.mark.parametrize("case", WITH_DEFAULTS)
def test_absent_is_the_same_as_the_default(case, folder):
    chosen, plain, full = documents(case)
    resources, statuses = outcome(plain, chosen, folder)
    filled_resources, filled_statuses = outcome(full, chosen, folder)
    assert filled_resources == resources
    assert filled_statuses.split() == statuses.split()


def test_every_default_is_met():
    """A default that no golden test uses shows nothing here."""
    met = set()
    for case in WITH_DEFAULTS:
        _, plain, full = documents(case)
        for before, after in zip(plain, full):
            if before != after:
                met |= {words[-1] for words in additions(before["spec"], after["spec"])}
    wanted = {path.rpartition(".")[2] for definition in shipped().values()
              for path, schema in openapi.walk(schema_of(definition)["properties"]["spec"])
              if "default" in schema}
    assert wanted - met == set()


def additions(before, after, path=()):
    if isinstance(after, dict):
        for name, value in after.items():
            old = before.get(name) if isinstance(before, dict) else None
            if old is None and not isinstance(value, (dict, list)):
                yield (*path, name)
            yield from additions(old, value, (*path, name))
    elif isinstance(after, list):
        for i, value in enumerate(after):
            yield from additions(before[i] if isinstance(before, list) else None, value, path)
