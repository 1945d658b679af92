"""Every recording in this folder ends as its expected file says, and a pipeline that plays it change by
change has the same bytes at its end. docs/do/one-bug-one-file.md tells how to add one.

UPDATE_RECORDINGS=1 writes the expected files.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from offline import canonical
from programs import program
from replay import Replay

HERE = pathlib.Path(__file__).parent
RECORDINGS = sorted(HERE.glob("*.rec"))


def at_the_end(recording):
    """Resources and statuses, without versions, the filters that every listener has, and Envoy's
    runtime, which do not depend on the objects."""
    done = subprocess.run([program("portolan"), "at", recording, "end", "--print", "json"],
                          capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    found["resources"] = [r for r in found["resources"] if r["kind"] != "runtime"]
    for resource in found["resources"]:
        del resource["version"]
        leave_out(resource, "http_filters")
    return canonical(found)


def leave_out(value, name):
    if isinstance(value, dict):
        value.pop(name, None)
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            leave_out(one, name)


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.stem)
def test_it_ends_as_expected(recording):
    expected = recording.with_suffix(".expected.yaml")
    found = at_the_end(recording)
    if os.environ.get("UPDATE_RECORDINGS"):
        expected.write_text(found)
    assert found == expected.read_text()


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.stem)
def test_played_change_by_change_it_ends_in_the_same_bytes(recording, folder):
    done = subprocess.run([program("portolan"), "at", recording, "end", "--print", "json"],
                          capture_output=True, check=True)
    versions = {(r["kind"], r["name"]): r["version"] for r in json.loads(done.stdout)["resources"]}
    with Replay(folder / "replay", recording) as replay:
        replay.start()
        while not replay.place()["ended"]:
            replay.step()
        assert {k: v[0] for k, v in replay.resources().items()} == versions


def test_there_is_something_to_hold():
    assert RECORDINGS
