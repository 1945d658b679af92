"""examples/crds is the output of scripts/crds for proto/k8s."""

import re
import subprocess
import sys

import yaml

import openapi
from crds import schema_of, shipped
from programs import TOP


def test_are_made_from_the_schemas():
    done = subprocess.run([sys.executable, TOP / "scripts/crds", "--check"], stdout=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode == 0, f"run scripts/crds and read the difference:\n{done.stdout}"


def test_every_field_is_described():
    bare = [kind + path for kind, definition in shipped().items()
            for path, schema in openapi.walk(schema_of(definition))
            if path != ".metadata" and not path.endswith(("[]", "{}")) and not schema.get("description")]
    assert bare == []


def test_take_every_reason_that_a_status_gives():
    """The golden tests have one of each; where the schema refuses one, no status is written at all."""
    wrong, count = [], 0
    for file in (TOP / "tests/golden").rglob("*.out.yaml"):
        text = "".join(file.read_text(encoding="utf-8").partition("\nstatuses:")[1:])
        for name, status in ((yaml.safe_load(text) or {}).get("statuses") or {}).items():
            kind = name.split()[0]
            if kind not in shipped() or not isinstance(status, dict):
                continue
            flat = dict(openapi.walk(schema_of(shipped()[kind])))
            for problem in status.get("problems", []):
                count += 1
                word, slash, reason = problem["reason"].partition("/")
                for field, text in (("type", word), ("reason", reason if slash else word)):
                    limits = flat[f".status.conditions[].errors[].{field}"]
                    if not openapi.fits(limits, text):
                        wrong.append((file.name, name, problem["reason"]))
    assert count > 100
    assert wrong == []


def test_short_names_are_those_of_the_portolan_command():
    source = (TOP / "common/decode/object-kind.c").read_text(encoding="utf-8")
    known = set(re.findall(r'^\t{ "(\w+)", OBJECT_', source, re.M))
    for kind, definition in shipped().items():
        names = definition["spec"]["names"]
        assert set(names["shortNames"]) <= known | {names["plural"], names["singular"]}, kind
