"""Contour's own CustomResourceDefinitions, from its module at Go's proxy; nothing of it is kept here."""

import functools
import json
import pathlib
import shutil
import subprocess

import yaml

from programs import missing

MODULE = "github.com/projectcontour/contour"
VERSION = "v1.33.8"
SUM = "h1:QoOfwqWws+CVRFpsRC2+f1DmB5IdurtyUtepIsiWfE0="


@functools.cache
def folder():
    """Where Contour's source is. The test is skipped where there is no Go to get it with."""
    if not shutil.which("go"):
        missing("no Go here, to get Contour's CustomResourceDefinitions with")
    done = subprocess.run(["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"], cwd="/",
                          stdout=subprocess.PIPE, text=True, check=False)
    got = json.loads(done.stdout or "{}")
    if done.returncode:
        missing(f"{MODULE}@{VERSION}: {got.get('Error')}")
    assert got["Sum"] == SUM
    return pathlib.Path(got["Dir"])


@functools.cache
def definitions():
    """{kind: CustomResourceDefinition}"""
    text = (folder() / "examples/contour/01-crds.yaml").read_text(encoding="utf-8")
    return {d["spec"]["names"]["kind"]: d for d in yaml.safe_load_all(text) if d}
