"""The CustomResourceDefinitions that we ship."""

import functools

import yaml

from programs import TOP

FOLDER = TOP / "examples/crds"


@functools.cache
def shipped():
    """{kind: CustomResourceDefinition}"""
    found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.yaml")]
    return {d["spec"]["names"]["kind"]: d for d in found}


def schema_of(definition):
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
