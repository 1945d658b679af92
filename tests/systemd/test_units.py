"""The units as systemd sees them, and a gateway host that really boots with them."""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import boot
from backends import Backend, Load
from objects import ingress, path, port, rule, service, slice_of
from programs import missing
from stage import PLAINTEXT, plaintext

UNITS = [f"portolan-{name}.service" for name in (*boot.STAGES, "passwords", "recorder", "envoy")]


@pytest.fixture(scope="module")
def installed():
    """make install, in a folder."""
    if not shutil.which("systemd-analyze"):
        missing("no systemd-analyze (Debian: systemd)")
    root = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    boot.install(root)
    yield root
    shutil.rmtree(root)


@pytest.mark.parametrize("stage, most", [("watcher", 3.0), ("translator", 2.0), ("xds-server", 2.0),
                                         ("admin", 2.0), ("passwords", 2.0), ("recorder", 2.0), ("envoy", 2.5)])
def test_a_stage_is_exposed_no_more_than_it_has_to_be(installed, stage, most):
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", f"--root={installed}",
                           f"portolan-{stage}.service"], text=True, capture_output=True)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= most


def test_no_stage_takes_another_with_it(installed):
    for unit in UNITS:
        text = (installed / "usr/local/lib/systemd/system" / unit).read_text()
        settings = re.findall(r"^(\w+)=(.*)$", text, re.M)
        assert not [k for k, _ in settings if k in ("Requires", "BindsTo", "Requisite", "Upholds")]
        assert ("Restart", "always") in settings and ("LimitCORE", "0") in settings
        # Envoy goes on serving when the target is stopped or restarted.
        assert (("PartOf", "portolan.target") in settings) == ("envoy" not in unit)
        for name in ("MemoryHigh", "MemoryMax", "RestartPreventExitStatus"):
            assert (name in dict(settings)) == ("envoy" not in unit), name
        assert "@" not in re.sub(r"SystemCallFilter=.*", "", text)


@pytest.fixture(scope="module")
def host():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portolan-boot-"))
    host = boot.Host(folder / "root")
    try:
        host.boot()
        host.run("systemd-sysusers")
        host.run("systemd-tmpfiles", "--create", "portolan.conf")
        yield host
    finally:
        host.cut_power()
        subprocess.run(["rm", "-rf", "--one-file-system", folder])


@pytest.fixture(scope="module")
def backend(host):
    with Backend("web", host.address) as backend:
        yield backend


@pytest.fixture(scope="module")
def serving(host, backend):
    """Enabled, started, and a host that is served."""
    host.systemctl("enable", "portolan.target", *UNITS)
    host.systemctl("start", "portolan.target")
    host.write("web.yaml", *web("web", backend))
    assert host.client.get("web.example.com").backend == "web"
    return host


def web(name, backend):
    return [ingress(name, rule(f"{name}.example.com", path(name))),
            service(name, port(80, target=backend.port)),
            slice_of(name, backend.port, backend.address)]


def test_systemd_finds_nothing_wrong_with_the_units(host):
    assert host.run("systemd-analyze", "--man=no", "verify", "portolan.target", *UNITS) == ""


def test_each_stage_runs_as_nobody_special(serving):
    for stage in boot.STAGES:
        status = serving.run("cat", f"/proc/{serving.pid(stage)}/status")
        found = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.M))
        assert found["NoNewPrivs"] == "1" and found["Seccomp"] == "2"
        assert int(found["CapEff"], 16) == int(found["CapBnd"], 16) == 0
        assert found["Uid"].split()[0] != "0"
    assert serving.run("stat", "-c", "%U %a", "/run/portolan").split() == ["portolan", "700"]


def test_only_envoy_beside_the_stages_reaches_the_private_keys(serving):
    assert serving.run("stat", "-c", "%U %G %a", "/run/portolan-xds").split() == [
        "portolan", "portolan-envoy", "2750"]
    assert serving.run("stat", "-c", "%U %G %a", "/run/portolan-xds/xds.sock").split() == [
        "portolan", "portolan-envoy", "660"]
    [row] = json.loads(serving.stage("xds-server").get("/debug/envoys"))
    envoy = serving.run("id", "-u", "portolan-envoy").strip()
    assert row["peer"].startswith(f"unix:uid {envoy}, pid ")


def test_the_journal_has_fields(serving):
    rows = [row for row in serving.journal("portolan-translator.service") if "PORTOLAN_STAGE" in row]
    assert rows and rows[0]["PORTOLAN_STAGE"] == "translator" and rows[0]["PRIORITY"] in "34567"


@pytest.mark.parametrize("stage", ["watcher", "translator", "xds-server", "admin", "recorder"])
def test_a_killed_stage_comes_back_alone_and_no_request_fails(serving, backend, stage):
    before, pushed = serving.pids(), serving.pushed()
    with Load(serving.client, "web.example.com") as load:
        serving.kill(stage)
        serving.settle()
        load.more(50)
        assert serving.pushed() == pushed
        serving.write("more.yaml", *web(f"more-{stage}", backend))
        assert serving.client.get(f"more-{stage}.example.com").backend == "web"
    assert load.failed == []
    after = serving.pids()
    assert [name for name in before if before[name] != after[name]] == ([stage] if stage in before else [])


def test_envoy_serves_while_all_stages_are_stopped(serving):
    stages = [f"portolan-{stage}" for stage in boot.STAGES]
    pushed = serving.pushed()
    with Load(serving.client, "web.example.com") as load:
        serving.systemctl("stop", *stages)
        load.more(50)
        assert serving.systemctl("is-active", *stages, check=False).split() == ["inactive"] * 4
        serving.systemctl("start", *stages)
        serving.settle()
        load.more(20)
    assert load.failed == [] and serving.pushed() == pushed


def test_a_reload_keeps_every_stage(serving):
    before = serving.pids()
    for stage in boot.STAGES:
        serving.systemctl("reload", f"portolan-{stage}")
    serving.settle()
    assert serving.pids() == before


@pytest.mark.parametrize("word", ["stop", "restart"])
def test_stopping_or_restarting_the_target_leaves_envoy_alone(serving, word):
    envoy, pushed = serving.pid("envoy"), serving.pushed()
    with Load(serving.client, "web.example.com") as load:
        serving.systemctl(word, "portolan.target")
        load.more(20)
        serving.systemctl("start", "portolan.target")
        serving.settle()
        load.more(20)
    assert load.failed == [] and serving.pid("envoy") == envoy and serving.pushed() == pushed


def test_a_reload_with_a_bad_file_fails_and_changes_nothing(serving):
    etc = serving.root / "etc/portolan"
    (etc / "config.yaml").write_text("timeouts: {request-timeout: 5s}\n")
    (etc / "zz.env").write_text(
        "WATCHER_OPTIONS=--manifests=/etc/portolan/manifests --config=/etc/portolan/config.yaml\n")
    serving.systemctl("restart", "portolan-watcher")
    before = serving.pids()
    serving.systemctl("reload", "portolan-watcher")
    (etc / "config.yaml").write_text("timeouts: {request-timeout: soon}\n")
    with pytest.raises(AssertionError, match="request-timeout"):
        serving.systemctl("reload", "portolan-watcher")
    serving.settle()
    assert serving.pids() == before and serving.client.get("web.example.com").backend == "web"
    (etc / "zz.env").unlink()
    serving.systemctl("restart", "portolan-watcher")
    serving.settle()


@pytest.mark.parametrize("options, said", [
    ("--no-such-option", "no-such-option"), ("--kubeconfig=/nowhere/config", "/nowhere/config"),
    ("--config=/nowhere.yaml --manifests=/etc/portolan/manifests", "/nowhere.yaml")])
def test_what_cannot_work_is_said_once_and_not_tried_again(serving, options, said):
    typo = serving.root / "etc/portolan/zz.env"
    typo.write_text(f"WATCHER_OPTIONS={options}\n")
    before = len(serving.journal("portolan-watcher"))
    serving.systemctl("restart", "portolan-watcher", check=False)
    assert serving.systemctl("is-active", "portolan-watcher", check=False).strip() == "failed"
    assert serving.show("portolan-watcher", "NRestarts") == "0"
    lines = [row.get("MESSAGE", "") for row in serving.journal("portolan-watcher")[before:]]
    assert any(said in str(line) for line in lines) and len(lines) < 12
    assert serving.client.get("web.example.com").backend == "web"
    typo.unlink()
    serving.systemctl("reset-failed", "portolan-watcher")
    serving.systemctl("start", "portolan-watcher")
    serving.settle()


@pytest.fixture(scope="module")
def older(serving):
    return boot.previous()


def test_going_back_to_an_older_build_and_an_upgrade_fail_no_request(serving, older, backend):
    """Stage by stage, in one order and in the other, so that old and new ones are neighbours in all ways."""
    def built(stage):
        return digest(f"/proc/{serving.leader}/root/proc/{serving.pid(stage)}/exe")

    def digest(program):
        return hashlib.sha256(pathlib.Path(program).read_bytes()).hexdigest()

    def of_older(stage):
        [found] = pathlib.Path(older).rglob(f"portolan-{stage}")
        return found

    # The older build may know no Unix socket for Envoys.
    program = of_older("xds-server")
    serving.by_tcp(PLAINTEXT)
    serving.systemctl("restart", "portolan-xds-server", "portolan-envoy")
    serving.settle()
    now, envoy = {s: built(s) for s in boot.STAGES}, serving.pid("envoy")
    with Load(serving.client, "web.example.com") as load:
        boot.put(serving.root, older)
        serving.by_tcp(*plaintext(program))
        changed(serving, load, boot.STAGES)
        was = {s: built(s) for s in boot.STAGES}
        serving.write("old.yaml", *web("old", backend))
        assert serving.client.get("old.example.com").backend == "web"
        pushed = serving.pushed()

        boot.install(serving.root)
        serving.by_tcp(PLAINTEXT)
        changed(serving, load, reversed(boot.STAGES))
        serving.write("upgraded.yaml", *web("upgraded", backend))
        assert serving.client.get("upgraded.example.com").backend == "web"
    assert load.failed == []
    assert {s: built(s) for s in boot.STAGES} == now
    # A stage's program can be the same in both builds.
    assert was == {s: digest(of_older(s)) for s in boot.STAGES} and was != now
    assert serving.pid("envoy") == envoy
    assert serving.pushed() != pushed
    serving.by_tcp(None)
    serving.systemctl("restart", "portolan-xds-server", "portolan-envoy")
    serving.settle()


def changed(serving, load, stages):
    serving.systemctl("daemon-reload")
    for stage in stages:
        serving.systemctl("restart", f"portolan-{stage}")
        serving.settle()
        load.more(20)


def test_the_recording_is_there_and_redacted(serving):
    serving.stage("recorder").get("/debug/flush")
    said = json.loads(serving.run("portolan", "inspect", "--json", "/var/lib/portolan/recording"))
    assert said["redacted"] and said["kinds"]["Ingress"]["added"] > 0


def test_the_sandbox_refuses_nothing_under_systemd(serving):
    serving.stage("recorder").get("/debug/flush")
    for stage in (*boot.STAGES, "recorder"):
        said = "\n".join(str(row.get("MESSAGE")) for row in serving.journal(f"portolan-{stage}.service"))
        # systemd-nspawn's own filter knows no Landlock.
        assert "seccomp" not in said
        assert "a system call was refused" not in said
        assert [r for r in serving.stage(stage).incidents() if r["kind"] == "call"] == []


def test_what_is_enabled_serves_after_a_reboot(serving):
    serving.power_off()
    serving.boot()
    serving.systemctl("start", "portolan.target")
    serving.settle()
    assert serving.client.get("web.example.com").backend == "web"
    failed = serving.systemctl("list-units", "--failed", "--plain", "--no-legend", "portolan*")
    assert failed.strip() == ""
