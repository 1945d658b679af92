"""`portolan run` with a real Envoy: the result of one command."""

import os
import re

import pytest

from addresses import loopback
from backends import Backend, Client, Load
from objects import ingress, path, port, rule, service, slice_of
from run import Run


@pytest.fixture
def running(folder):
    run = Run(folder, address=loopback())
    address = run.options[run.options.index("--listen-address") + 1]
    with Backend("web", address) as web, run:
        run.client = Client(address)
        run.backend = web
        run.write("web.yaml", ingress("web", rule("web.example.com", path("web"))),
                  service("web", port(80, target=web.port)), slice_of("web", web.port, web.address))
        yield run


def test_starts_serves_says_how_it_is_and_ends_cleanly(running):
    assert running.client.get("web.example.com").backend == "web"
    code, said = running.command("status")
    assert code == 0
    for name in ("watcher", "translator", "xds-server", "admin", "supervisor"):
        assert name in said
    code, said = running.command("status", "ingress/default/web")
    assert code == 0 and "accepted" in said.lower()
    pids = [c["pid"] for c in running.children().values()]
    assert len(pids) == 5
    assert running.stop() == 0
    assert [pid for pid in pids if os.path.exists(f"/proc/{pid}")] == []
    assert [p.name for p in running.dir.glob("*.sock") if p.name != "envoy-admin.sock"] == []


@pytest.mark.parametrize("name", ["watcher", "translator", "xds-server", "admin"])
def test_a_killed_stage_is_started_again_and_no_request_fails(running, name):
    with Load(running.client, "web.example.com") as load:
        before = running.children()
        running.kill(name)
        load.more(20)
        running.settle()
        after = running.children()
        load.more(20)
        running.write("more.yaml", ingress("more", rule("more.example.com", path("web"))))
        assert running.client.get("more.example.com").backend == "web"
    assert load.failed == []
    assert after[name]["restarts"] == 1 and after[name]["pid"] != before[name]["pid"]
    others = [n for n in before if n != name]
    assert [after[n]["pid"] for n in others] == [before[n]["pid"] for n in others]


# The harness itself causes these warnings: xDS without encryption, and a folder that is empty at
# first.
ASKED_FOR = ("keys of all TLS hosts", "no object was read from")


def alarms(text):
    """Lines at warning and above, but Envoy's own about its end."""
    return [line for line in text.splitlines()
            if re.match(r"\S+Z (warning|error) ", line) and not any(a in line for a in ASKED_FOR)
            and not re.search(r" envoy: \[(main|config)\] ", line)]


@pytest.mark.parametrize("name", ["watcher", "translator", "xds-server"])
def test_a_restart_is_one_line_of_the_log(running, name):
    before = len(running.logged())
    running.kill(name)
    running.settle()
    log = running.logged()[before:]
    said = alarms(log)
    # Its neighbours miss it after two seconds, which it may take on a busy machine.
    missed = [line for line in said if ": lost " in line]
    assert missed == [] or max(map(float, re.findall(r"connected to .* again after ([0-9.]+) s", log))) >= 2, said
    said = [line for line in said if line not in missed]
    assert len(said) == 1 and f"error   supervisor: {name} (pid " in said[0], said


def test_the_first_screen_and_the_last_alarm_for_nothing(running):
    running.stop()
    assert alarms(running.logged()) == []
