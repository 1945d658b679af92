"""A recording made beside a live pipeline plays back to the same bytes, whichever process dies."""

import json
import os
import pathlib
import re
import random
import select
import signal
import subprocess

import pytest
import yaml

from addresses import loopback
from certs import Authority
from envoy_process import Envoy
from objects import app, ingress, path, port, rule, service, slice_of, tls_secret
from programs import program
from replay import Recorder, Replay
from stage import Manifests, Pipeline, Stage

APPS = 6
STEPS = 25


def random_changes(pipeline, seed, authority):
    """Yields the world after each of many changes: apps come, change and go, certificates rotate."""
    rng = random.Random(seed)
    there = set()
    for _ in range(STEPS):
        name = f"app-{rng.randrange(APPS)}"
        if name in there and rng.random() < 0.3:
            there.remove(name)
            yield pipeline.remove(f"{name}.yaml")
            continue
        there.add(name)
        tls = f"{name}-tls" if rng.random() < 0.5 else None
        objects = app(name, f"10.0.0.{rng.randrange(250)}", 8080, tls=tls)
        if tls and rng.random() < 0.8:  # else the Ingress names a Secret that is not there
            objects.append(tls_secret(tls, authority.issue(f"{name}.example.com")))
        yield pipeline.write(f"{name}.yaml", *objects)


def digest(pipeline):
    """Resources with their versions and bytes, and the statuses."""
    statuses = {key: (row["verdict"], row.get("problems")) for key, row in pipeline.statuses().items()}
    return pipeline.resources(), statuses


def run(*words):
    return subprocess.run([program("portolan"), *map(str, words)], text=True, capture_output=True)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A recording, and the live pipeline's output for each world."""
    root = tmp_path_factory.mktemp("live")
    file = root / "recording"
    worlds = {}
    with Pipeline() as pipeline:
        pipeline.start()
        recorder = Recorder(pipeline, file)
        recorder.start()
        for source in random_changes(pipeline, 7, Authority()):
            recorder.wait_source(source)
            worlds[source] = digest(pipeline)
        recorder.flush(source)
        recorder.close()
    return file, worlds


def test_each_world_is_the_same_bytes_again(live, folder):
    file, worlds = live
    with Replay(folder / "again", file) as replay:
        replay.start()
        seen = {}
        place = replay.place()
        while True:
            seen[place["world"]] = digest(replay)
            if place["ended"]:
                break
            place = replay.step()
    assert [w for w in worlds if w not in seen] == []
    for world, found in worlds.items():
        assert seen[world] == found, world


@pytest.mark.parametrize("name", ["watcher", "translator", "xds-server"])
def test_whoever_is_killed_under_it_the_end_is_the_same(live, folder, name):
    file, worlds = live
    with Replay(folder / "again", file) as replay:
        replay.start()
        for n in range(4):
            place = replay.step(5)
            replay.stages[name].kill(signal.SIGKILL)
            replay.stages[name].start()
            replay.settle_at(place["world"])
            # It did not go back in time.
            assert replay.place()["world"] == place["world"]
            assert digest(replay)[0] == worlds[place["world"]][0]
        replay.step(STEPS)
        assert replay.place()["ended"]
        assert digest(replay) == worlds[max(worlds)]


def test_until_a_world_and_at_the_speed_that_it_had(live, folder):
    file, worlds = live
    until = sorted(worlds)[4]
    with Replay(folder / "max", file, speed="max", until=until) as replay:
        replay.start()
        replay.settle_at(until)
        assert replay.place()["world"] == until and replay.place()["ended"]
        assert digest(replay) == worlds[until]
    listed = run("inspect", "--list", file).stdout.splitlines()
    seconds = next(float(line.split()[1][1:-1]) for line in listed if f" {until} " in line)
    with Replay(folder / "timed", file, speed="1", until=until) as replay:
        replay.start()
        replay.settle_at(until)
        assert float(replay.watcher.metrics()["portolan_replay_changes_total"]) >= 5
        assert replay.watcher.status()["uptime_seconds"] >= int(seconds)


def test_an_envoy_takes_all_of_it(live, folder):
    file, worlds = live
    with Replay(folder / "again", file, http=loopback()) as replay:
        replay.start()
        with Envoy(folder, replay.xds_address) as envoy:
            place = replay.step(STEPS * 2)
            replay.xds.wait_accepted(place["world"])
            assert envoy.stats("update_rejected$|update_success$")


def test_inspect_says_what_is_in_it(live):
    file, worlds = live
    done = run("inspect", "--json", file)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["last_world"] == max(worlds)
    assert found["damage"] == {"bad_blocks": 0, "lost_changes": 0, "torn_bytes": 0}
    assert found["kinds"]["Ingress"]["added"] > 0 and found["kinds"]["Ingress"]["removed"] > 0
    assert not found["redacted"] and found["snapshots"] == 1
    assert found["changes"] == len(run("inspect", "--list", file).stdout.split("bytes:")[0].splitlines())
    assert "IN CLEAR" in run("inspect", file).stdout


def test_at_a_world_is_what_was_served_then(live):
    file, worlds = live
    for world in random.Random(3).sample(sorted(worlds), 5):
        done = run("at", file, world, "--print", "json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        versions = {(r["kind"], r["name"]): r["version"] for r in found["resources"]}
        assert versions == {k: v[0].decode() if isinstance(v[0], bytes) else v[0]
                            for k, v in worlds[world][0].items()}


def test_the_difference_names_the_objects_that_made_it(folder):
    file = folder / "recording"
    (folder / "live").mkdir()
    with Pipeline(folder / "live") as pipeline:
        pipeline.start()
        recorder = Recorder(pipeline, file)
        recorder.start()
        pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))
        before = pipeline.write("b.yaml", *app("b", "10.0.0.2", 8080))
        recorder.wait_source(before)
        pipeline.write("a.yaml", *app("a", "10.0.0.9", 8080))
        after = pipeline.write("c.yaml", ingress("c", rule("c.example.com", path("missing"))))
        recorder.flush(after)
        recorder.close()
    done = run("at", file, before, "--diff", after)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)
    assert found["objects"] == [{"object": "Ingress default/c", "change": "added"},
                                {"object": "EndpointSlice default/a-1", "change": "changed"}]
    because = {(r["kind"], r.get("name", r.get("part"))): (r["change"], r["because"])
               for r in found["resources"]}
    assert because[("endpoint", "default/a")] == ("changed", ["EndpointSlice default/a-1"])
    assert any("Ingress default/c" in names for _, names in because.values())
    assert not any(names == [] for _, names in because.values())
    added = [s["is"] for s in found["statuses"] if s["change"] == "added"]
    assert [s["name"] for s in added] == ["c"] and added[0]["verdict"] != "accepted"


def test_what_is_no_moment_or_no_recording_is_said(live, folder):
    file, _ = live
    assert run("at", file, "yesterday").returncode == 2
    (folder / "other").write_text("not a recording")
    done = run("at", folder / "other", "end")
    assert done.returncode == 1 and "is not a recording" in done.stderr
    assert run("inspect", folder / "missing").returncode == 1


class Command:
    """portolan run or replay, until it says that all is ready."""

    def __init__(self, dir, *words, env=None):
        self.dir = dir
        ready, theirs = os.pipe()
        place = f"{loopback()}:0"  # it chooses the ports, and its stages take them a moment later
        command = [program("portolan"), *map(str, words), "--runtime-dir", str(dir), "--no-screen",
                   "--ready-fd", str(theirs), "--insecure-plaintext", "--xds-address", place, "--admin-address", place]
        with open(f"{dir}.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=[theirs], env={**os.environ, **(env or {})})
        os.close(theirs)
        said = select.select([ready], [], [], 60)[0] and os.read(ready, 1)
        os.close(ready)
        if said != b"\n":
            self.close()
            pytest.fail(pathlib.Path(f"{dir}.log").read_text()[-3000:])

    def stage(self, name):
        return Stage(name, self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.terminate()
        self.process.wait(60)


def test_the_environment_can_ask_for_a_recording_and_status_names_the_recorder(folder):
    manifests, file = Manifests(folder / "manifests"), folder / "recording"
    manifests.write("a.yaml", *app("a", "10.0.0.1", 8080))
    asks = {"PORTOLAN_RECORD": str(file), "PORTOLAN_RECORD_REDACT": "yes"}
    with Command(folder / "run", "run", "--manifests", manifests.path, env=asks) as command:
        source = json.loads(command.stage("watcher").get("/debug/sync"))["source"]
        command.stage("recorder").wait_source(source)
        status = run("status", "--runtime-dir", command.dir).stdout
        assert re.search(r"^recorder +running +\d+ +\d+s +0 +\d+ +3 ", status, re.M), status
    assert "redacted" in run("inspect", file).stdout
    # A replay is never recorded into its own file.
    before = file.read_bytes()
    with Command(folder / "replay", "replay", file, "--speed", "max", env=asks) as command:
        assert not (command.dir / "recorder.control").exists()
    assert file.read_bytes() == before


def test_the_commands_record_and_replay(folder):
    manifests, file = Manifests(folder / "manifests"), folder / "recording"
    manifests.write("a.yaml", *app("a", "10.0.0.1", 8080))
    with Command(folder / "run", "run", "--manifests", manifests.path, "--record", file,
                 "--record-redact") as command:
        watcher, recorder = command.stage("watcher"), command.stage("recorder")
        worlds = []
        for n in range(3):
            manifests.write("a.yaml", *app("a", f"10.0.0.{n + 2}", 8080))
            worlds.append(json.loads(watcher.get("/debug/sync"))["source"])
            recorder.wait_source(worlds[-1])
    assert "redacted" in run("inspect", file).stdout
    with Command(folder / "replay", "replay", file, "--speed", "step", "--until", worlds[1]) as command:
        step = ["replay", "--next", "--runtime-dir", command.dir]
        seen = [command.stage("watcher").status()["replay"]["world"]]
        while not seen or seen[-1] < worlds[1]:
            done = run(*step)
            assert done.returncode == 0, done.stderr
            seen.append(json.loads(done.stdout)["world"])
        assert seen[-1] == worlds[1] and json.loads(done.stdout)["ended"]
        command.stage("xds-server").wait_source(worlds[1])
    assert run(*step).returncode == 1
    assert run("replay").returncode == 2


def test_more_than_one_step_at_a_time(live, folder):
    with Command(folder / "replay", "replay", live[0], "--speed", "step") as command:
        step = ["replay", "--runtime-dir", command.dir, "--next"]
        before = json.loads(run(*step).stdout)["changes"]
        assert json.loads(run(*step, "3").stdout)["changes"] == before + 3
        assert json.loads(run(*step[:-1], "--next=2").stdout)["changes"] == before + 5
        assert run(*step, "three").returncode == 2


# ---- changes ----

@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A host that is served, loses its Service, gets it back, and goes."""
    root = tmp_path_factory.mktemp("story")
    with Pipeline() as pipeline:
        pipeline.start()
        recorder = Recorder(pipeline, root / "recording")
        recorder.start()
        # Objects that exist at the recorder's start are no change.
        recorder.wait_source(pipeline.write("before.yaml", service("before", port(80))))
        worlds = []
        for write in (
            lambda: pipeline.write("all.yaml", *app("web", "10.0.0.1", 80)),
            lambda: pipeline.write("all.yaml", *[o for o in app("web", "10.0.0.1", 80) if o["kind"] != "Service"]),
            lambda: pipeline.write("all.yaml", *app("web", "10.0.0.1", 80)),
            lambda: pipeline.write("all.yaml", *[o for o in app("web", "10.0.0.1", 80) if o["kind"] != "Ingress"]),
        ):
            worlds.append(write())
            recorder.wait_source(worlds[-1])
        recorder.flush(worlds[-1])
        recorder.close()
    return root / "recording", worlds


def test_inspect_shows_verdicts_as_they_change(story):
    file, worlds = story
    lines = [line.split(" ", 2)[2] for line in run("inspect", "--verdicts", file).stdout.splitlines()
             if " Ingress default/web " in line]
    bad = lines[1].split(" → ")[1]
    assert re.fullmatch(r"(partial|rejected) ServiceMissing", bad), lines
    assert lines == [f"{worlds[0]} Ingress default/web accepted (new)",
                     f"{worlds[1]} Ingress default/web accepted → {bad}",
                     f"{worlds[2]} Ingress default/web {bad} → accepted",
                     f"{worlds[3]} Ingress default/web accepted → gone"]
    found = json.loads(run("inspect", "--json", "--verdicts", file).stdout)["verdicts"]
    assert [(v["world"], v["is"]) for v in found if v["object"] == "Ingress default/web"][1] == (worlds[1], bad)


def test_what_went_names_who_referred_to_it(story):
    file, worlds = story
    done = run("at", "--diff", worlds[3], "--print", "json", file, worlds[2])
    changes = json.loads(done.stdout)
    gone = [r for r in changes["resources"] if r["change"] == "removed" and r["kind"] == "cluster"]
    assert gone and all(r["because"] == ["Ingress default/web"] for r in gone), changes["resources"]
    assert all(r["because"] for r in changes["resources"] if "part" not in r), changes["resources"]


def test_unified(story, folder):
    file, worlds = story
    done = run("at", "-u", "--diff", worlds[1], file, worlds[0])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "# Service default/web: removed" in lines
    assert "--- a/status/Ingress/default/web" in lines and "-verdict: accepted" in lines
    assert any(line.startswith("+  reason: ServiceMissing") for line in lines), done.stdout
    # patch(1) accepts it: it turns the old text into the new one.
    hunks = done.stdout[done.stdout.index("--- a/status/Ingress/default/web"):].split("\n--- ")[0] + "\n"
    (folder / "was").write_text("".join(line[1:] + "\n" for line in hunks.splitlines()[2:]
                                        if line[0] in " -" and not line.startswith("---")))
    if "\n@@" not in hunks[hunks.index("@@") + 2:]:
        applied = subprocess.run(["patch", "-s", folder / "was"], input=hunks, text=True, capture_output=True)
        assert applied.returncode == 0, applied.stdout + applied.stderr
    assert run("at", "-u", file, "end").returncode == 2


def test_a_moment_outside_of_the_recording_is_said(story):
    file, worlds = story
    for moment in ("+9h", worlds[-1] + 1, "2099-01-01T00:00:00Z"):
        assert "after the recording ends" in run("at", file, moment).stderr, moment
    for moment in (1, "2020-01-01T00:00:00Z"):
        assert "before the recording begins" in run("at", file, moment).stderr, moment
    for moment in ("start", "end", "+0s", worlds[0], worlds[-1]):
        assert "the moment is" not in run("at", file, moment).stderr, moment
    done = run("explain", "--recording", file, "--at", "+9h", "http://web.example.com/")
    assert "after the recording ends" in done.stderr
