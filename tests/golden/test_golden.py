"""Objects as YAML in, resources and statuses as YAML out, a pair of files for each case.

UPDATE_GOLDEN=1 writes the present output, and removes outputs without an input: read the difference
before you commit it. A line "# translator: OPTIONS" in the input gives options. NAME.config.yaml
beside it is the configuration file; a ContourConfiguration portolan/portolan in the input is one,
too.
"""

import os
import pathlib
import re
import shutil
import tempfile

import pytest

import offline
from addresses import loopback
from envoy_process import Envoy
from resources import ServerAlone, listener

HERE = pathlib.Path(__file__).parent
CASES = sorted(str(p.relative_to(HERE)).removesuffix(".in.yaml") for p in HERE.rglob("*.in.yaml"))
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


def options(text):
    return [word for line in re.findall(r"^# translator: (.*)$", text, re.M) for word in line.split()]


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def translate(case, folder, *more):
    """The input goes by its bare name, so that messages do not contain our folders."""
    source = HERE / f"{case}.in.yaml"
    place = pathlib.Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(source, place / "in.yaml")
    config = HERE / f"{case}.config.yaml"
    if config.exists():
        shutil.copy(config, place / "config.yaml")
        config = place / "config.yaml"
    return place, offline.translate(place, place / "in.yaml", config=config if config.exists() else None,
                                    options=[*options(source.read_text()), *more])


def written(place, translated):
    out = {"resources": offline.resources(translated.resources),
           "statuses": offline.statuses(translated.statuses)}
    if offline.fleets(translated.resources):
        out["fleets"] = offline.fleets(translated.resources)
    if offline.desired(translated.statuses):
        out["desired"] = offline.desired(translated.statuses)
    said = offline.lines(translated.said, place)
    if said:
        out["watcher"] = said
    return offline.canonical(out)


@pytest.mark.parametrize("case", CASES)
def test_translates_to_what_is_written(case, folder):
    place, translated = translate(case, folder)
    text = written(place, translated)
    expected = HERE / f"{case}.out.yaml"
    if UPDATE:
        expected.write_text(text)
    assert expected.exists(), f"{expected.name} is missing: UPDATE_GOLDEN=1 writes it"
    assert text.splitlines() == expected.read_text().splitlines()


def test_every_output_has_its_input():
    orphans = [p for p in HERE.rglob("*.out.yaml")
               if str(p.relative_to(HERE)).removesuffix(".out.yaml") not in CASES]
    if UPDATE:
        for path in orphans:
            path.unlink()
        orphans = []
    assert orphans == []
    assert len(CASES) >= 40


class Judge:
    """A real Envoy that gets one case after the other, from a real xds-server."""

    def __init__(self, folder, which):
        self.address = loopback()
        self.server = ServerAlone(folder / which)
        self.server.start()
        self.server.commit()
        self.envoy = Envoy(folder, self.server.address, which, node=f"judge-{which}")
        self.envoy.start()

    def close(self):
        self.envoy.close()
        self.server.__exit__(None)

    def judge(self, state):
        """Reasons for which Envoy refuses any of the resources."""
        link = self.server.translator.link
        link.state.clear()
        link.state.update(state)
        source = self.server.commit()
        rows = self.server.stage.wait_answered(source)
        return [r["last_reject"] for r in rows if r["acked_source"] < source]


@pytest.fixture(scope="module", params=["newest", "oldest"])
def judge(request, folder):
    judge = Judge(folder, request.param)
    yield judge
    judge.close()


@pytest.mark.parametrize("case", CASES)
def test_is_accepted_by_envoy(case, judge, folder):
    _, translated = translate(case, folder, "--listen-address", judge.address)
    assert judge.judge(translated.resources) == []


def test_what_envoy_refuses_is_seen(judge):
    bad = listener("bad", "r")
    bad.filter_chains[0].filters[0].typed_config.value = b"\xff\xff"
    judge.server.translator.link.state.clear()
    judge.server.translator.put(bad)
    state = dict(judge.server.translator.link.state)
    assert judge.judge(state) != []
    assert judge.judge({}) == []
