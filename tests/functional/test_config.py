"""The configuration file: checked, taken at the start, read again at SIGHUP, kept when it is bad."""

import fcntl
import json
import os
import re
import signal
import subprocess

import pytest
import yaml

from events import Growing
from objects import app
from programs import TOP, program
from replay import Recorder, Replay
from stage import Pipeline

KEY = "ContourConfiguration portolan/portolan"


def check(path):
    return subprocess.run([program("portolan"), "config", "check", path], capture_output=True, text=True,
                          timeout=60)


def objects_of(pipeline):
    """The configuration as the watcher has it."""
    return json.loads(pipeline.watcher.get("/debug/objects?kind=ContourConfiguration"))


@pytest.fixture
def file(folder):
    return folder / "config.yaml"


@pytest.fixture
def configured(folder, file):
    """A pipeline with a configuration file, which says nothing at first."""
    file.write_text("")
    (folder / "p").mkdir()
    with Pipeline(folder / "p", watcher=["--config", file]) as running:
        yield running.start()


def reload(pipeline, file, text, said):
    with Growing(pipeline.watcher.log) as log:
        file.write_text(text)
        pipeline.watcher.process.send_signal(signal.SIGHUP)
        log.wait_for(said)
    return pipeline.settle()


def test_check_names_line_and_key(file):
    file.write_text("tls:\n  minimum-protocol-version: '1.3'\n  cipher-suits: []\n")
    done = check(file)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (f'{file}, line 3: tls.cipher-suits: unknown key, did you mean "tls.cipher-suites"?\n')
    file.write_text("tls: {minimum-protocol-version: '1.3'}\nincluster: true\n")
    done = check(file)
    assert done.returncode == 0 and f"{file} can be used" in done.stdout
    assert done.stderr.startswith(f"warning: {file}, line 2: incluster: has no effect")
    file.write_text("tls:\n  minimum-protocol-version: '1.3'\n  cipher-suites: [ECDHE-RSA-AES128-GCM-SHA256]\n")
    done = check(file)
    assert done.returncode == 0
    assert done.stderr == (f"warning: {file}, line 3: tls.cipher-suites: has no effect: these are ciphers of TLS 1.2, "
                           "and the minimum is TLS 1.3\n")


def test_check_of_no_file_says_so(folder):
    done = check(folder / "none.yaml")
    assert done.returncode == 1 and "No such file" in done.stderr


@pytest.mark.parametrize("text, said", [
    ("timeouts: {request-timeout: soon}\n", "line 1: timeouts.request-timeout"),
    (None, "No such file"),
])
def test_a_bad_file_at_the_start_is_refused(folder, file, text, said):
    if text:
        file.write_text(text)
    (folder / "run").mkdir(mode=0o700)
    # 78: no supervisor tries again, as another try cannot help.
    for how, code in ((["--once"], 1), (["--runtime-dir", folder / "run"], 78), (["--check"], 78)):
        done = subprocess.run([program("portolan-watcher"), *how, "--manifests", folder, "--config", file],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == code and said in done.stderr


def test_a_bad_file_keeps_what_was_and_says_why(configured, file):
    pipeline = configured
    good = "tls: {minimum-protocol-version: '1.3'}\n"
    reload(pipeline, file, good, "was read again")
    before = objects_of(pipeline)
    assert pipeline.statuses()[KEY]["verdict"] == "accepted"
    assert pipeline.watcher.get("/readyz").strip() == "ok"

    reload(pipeline, file, "tls: {minimum-protocol-version: '1.4'}\n", "stays as it was")
    assert objects_of(pipeline) == before
    problem, = pipeline.statuses()[KEY]["problems"]
    assert problem["severity"] == "error" and problem["field"] == "tls.minimum-protocol-version"
    assert "not in force" in problem["message"] and f"{file}, line 1" in problem["message"]
    assert "the configuration stays as it was" in pipeline.watcher.get("/readyz")
    shown = subprocess.run([program("portolan"), "status", "--runtime-dir", pipeline.dir,
                            "contourconfiguration/portolan/portolan"], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 1 and f"{file}, line 1" in shown.stdout
    assert pipeline.watcher.metrics()["portolan_watcher_config_refused"] == 1
    assert json.loads(pipeline.watcher.get("/debug/status"))["state"] == "degraded"

    file.unlink()
    pipeline.watcher.process.send_signal(signal.SIGHUP)
    reload(pipeline, file, good, "was read again")
    assert pipeline.watcher.get("/readyz").strip() == "ok"
    assert pipeline.watcher.metrics()["portolan_watcher_config_refused"] == 0
    assert pipeline.statuses()[KEY]["problems"] == []


@pytest.mark.parametrize("flags", [None, os.O_RDWR], ids=["without-a-writer", "with-an-idle-writer"])
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(configured, file, flags):
    reload(configured, file, "tls: {minimum-protocol-version: '1.3'}\n", "was read again")
    before = objects_of(configured)
    file.unlink()
    os.mkfifo(file)
    writer = None if flags is None else os.open(file, flags)
    with Growing(configured.watcher.log) as log:
        configured.watcher.process.send_signal(signal.SIGHUP)
        log.wait_for("cannot read the configuration .*: No data available")
    assert objects_of(configured) == before
    if writer is not None:
        os.close(writer)


def test_the_output_of_a_command_is_read_to_its_end():
    """As bash gives it: portolan config check <(...). The pipe is a page long, so that the reader has to wait for the writer."""
    inside, outside = os.pipe()
    fcntl.fcntl(outside, fcntl.F_SETPIPE_SZ, 4096)
    checked = subprocess.Popen([program("portolan"), "config", "check", f"/dev/fd/{inside}"], pass_fds=[inside],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.close(inside)
    with open(outside, "w", encoding="ascii") as out:
        out.write("# as long as some pages\n" * 2000 + "tls: {minimum-protocol-version: '1.4'}\n")
    said, _ = checked.communicate(timeout=60)
    assert checked.returncode == 1 and ", line 2001" in said, said


def test_the_file_wins_over_an_object_of_that_name(configured, file):
    """And the object takes no effect when it goes, either."""
    pipeline = configured
    reload(pipeline, file, "disablePermitInsecure: true\n", "was read again")
    before = objects_of(pipeline)
    pipeline.write("config.yaml", {
        "apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
        "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": {}}, *app("a", "10.0.0.1", 80))
    assert objects_of(pipeline) == before
    pipeline.remove("config.yaml")
    assert objects_of(pipeline) == before


def test_an_object_is_the_configuration_where_there_is_no_file(pipeline):
    def config(name, **spec):
        return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
                "metadata": {"name": name, "namespace": "portolan"}, "spec": spec}

    pipeline.write("c.yaml", config("portolan", envoy={"timeouts": {"requestTimeout": "soon"}}),
                   config("other"))
    ours, other = pipeline.statuses()[KEY], pipeline.statuses()["ContourConfiguration portolan/other"]
    assert ours["verdict"] == "partial" and ours["problems"][0]["field"] == "spec.envoy.timeouts.requestTimeout"
    assert other["verdict"] == "ignored" and other["problems"][0]["reason"] == "NotInForce"


def test_the_page_about_it_names_every_key_and_no_other():
    source = (TOP / "common" / "configuration" / "configuration-file.c").read_text()
    keys = set(re.findall(r'^\t{ "([\w.-]+)",', source, re.M))
    page = (TOP / "docs/look-up/configuration.md").read_text()
    table = page.split("## Keys")[1].split("## What is not")[0]
    named = {word for row in table.splitlines() if row.startswith("| `")
             for word in re.findall(r"`([\w.-]+)`", row.split("|")[1])}
    assert len(keys) > 100
    assert named == keys


def test_the_pages_example_can_be_used(file):
    example, = re.findall(r"```yaml\n(.*?)```", (TOP / "docs/look-up/configuration.md").read_text(), re.S)
    file.write_text(example)
    done = check(file)
    assert (done.returncode, done.stderr) == (0, "")


def listener(pipeline):
    return pipeline.resources()["listener", "ingress_http"][1]


def test_a_recording_has_the_configuration_of_its_time_and_can_be_played_with_another(configured, file, folder):
    pipeline = configured
    recorder = Recorder(pipeline, folder / "recording")
    recorder.start()
    worlds = []
    for hops in (1, 2):
        worlds.append(reload(pipeline, file, f"network: {{num-trusted-hops: {hops}}}\n", "was read again"))
        recorder.wait_source(worlds[-1])
        worlds[-1] = worlds[-1], listener(pipeline)
    recorder.flush(worlds[-1][0])
    recorder.close()
    assert worlds[0][1] != worlds[1][1]
    with Replay(folder / "same", folder / "recording", speed="max") as replay:
        replay.start()
        replay.settle_at(worlds[1][0])
        assert listener(replay) == worlds[1][1]
    with Replay(folder / "past", folder / "recording", speed="max", until=worlds[0][0]) as replay:
        replay.start()
        replay.settle_at(worlds[0][0])
        assert listener(replay) == worlds[0][1]
    other = folder / "other.yaml"
    other.write_text("network: {num-trusted-hops: 1}\n")
    with Replay(folder / "other", folder / "recording", speed="max") as replay:
        replay.watcher.args += ["--config", str(other)]
        replay.start()
        replay.settle_at(worlds[1][0])
        assert listener(replay) == worlds[0][1]


# ---- the sample ----


def sample():
    done = subprocess.run([program("portolan"), "config", "example"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr
    return done.stdout


def uncommented(text):
    """As its head says: remove the sign before a key; comments stay."""
    return re.sub(r"^#(?=\S|  )", "", text, flags=re.M)


def checked(folder, text):
    path = folder / "sample.yaml"
    path.write_text(text)
    done = subprocess.run([program("portolan"), "config", "check", path], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, f"{path}.{key}" if path else key)
    else:
        yield path


def test_the_sample_sets_nothing_and_can_be_used(folder):
    assert yaml.safe_load(sample()) is None
    assert checked(folder, sample()) == (0, "")


def test_each_key_of_the_sample_can_be_used_as_it_stands(folder):
    whole = yaml.safe_load(uncommented(sample()))
    beside = {"json-fields": {"accesslog-format": "json"}}  # they are of no other format
    for section, value in whole.items():
        code, said = checked(folder, yaml.safe_dump({section: value, **beside.get(section, {})}, sort_keys=False))
        assert (code, said) == (0, ""), section


def test_the_sample_has_every_key_that_has_an_effect():
    source = (TOP / "common" / "configuration" / "configuration-file.c").read_text()
    table = source[source.index("} rows[] = {"):source.index("};", source.index("} rows[] = {"))]
    keys = {k for k, more in re.findall(r'\{\s*"([^"]+)",\s*"[^"]+"([^}]*)\}', table) if "FORM_NOTHING" not in more}
    without = {"gateway.gatewayRef", "featureFlags"} | {k for k in keys if k.startswith("metrics.contour.")}
    # Some values are maps of their own.
    there = set(leaves(yaml.safe_load(uncommented(sample()))))
    assert [k for k in sorted(keys - without) if not [t for t in there if t == k or t.startswith(k + ".")]] == []
