"""examples/crds is what scripts/crds makes of proto/k8s."""

import subprocess
import sys

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
