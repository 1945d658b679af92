"""portolan-supervisor with fake stages: each test is told of every start, signal and end by the stages
themselves, and of readiness by --ready-fd."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

from programs import program
from stage import ask

SUPERVISOR = program("portolan-supervisor")
FAKE_STAGE = pathlib.Path(__file__).with_name("fake_stage.py")
PATIENCE = 60  # seconds until a test fails whose event does not come


class Stage:
    """One process of a fake stage, from its connection to its end."""

    def __init__(self, connection):
        connection.settimeout(PATIENCE)
        self.connection = connection
        self.lines = connection.makefile("r")
        self.name, self.pid, self.watchdog_usec = self.heard().split(" ")
        self.pid = int(self.pid)

    def heard(self):
        """The next line that it says; "" when it has ended."""
        return self.lines.readline().rstrip("\n")

    def tell(self, line):
        self.connection.sendall(line.encode() + b"\n")


class Supervisor:
    def __init__(self, folder, names, options=(), words=()):
        self.runtime = folder / "run"
        self.socket = folder / "test.sock"
        self.log = folder / "log"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(PATIENCE)
        self.listener.bind(str(self.socket))
        self.listener.listen()
        self.names = names
        self.options = options
        self.words = words

    def command(self, ready_fd=None):
        command = [SUPERVISOR, "--runtime-dir", self.runtime, *self.options]
        if ready_fd is not None:
            command += ["--ready-fd", str(ready_fd)]
        for name in self.names:
            command += ["--", name, sys.executable, FAKE_STAGE, self.socket, name, *self.words]
        return command

    def start(self):
        read, write = os.pipe()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(write), stderr=log, stdin=subprocess.DEVNULL, pass_fds=[write]
            )
        os.close(write)
        self.ready = open(read, "rb")

    def accept(self):
        """The next stage that starts."""
        return Stage(self.listener.accept()[0])

    def accept_all(self):
        stages = [self.accept() for _ in self.names]
        return {s.name: s for s in stages}

    def wait_ready(self):
        assert self.ready.readline() == b"\n"

    def get(self, path):
        return ask(self.runtime / "supervisor.control", path)

    def child(self, name):
        status = json.loads(self.get("/debug/status")[1])
        return next(c for c in status["children"] if c["name"] == name)

    def logged(self):
        return self.log.read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def supervise(folder):
    with contextlib.ExitStack() as stack:

        def make(*names, options=(), words=(), ready=True):
            s = Supervisor(folder, names, options, words)
            s.start()
            stack.callback(lambda: s.process.poll() is None and s.process.kill())
            stages = s.accept_all()
            if ready:
                for stage in stages.values():
                    stage.tell("notify READY=1")
                s.wait_ready()
            return s, stages

        yield make


def test_it_is_ready_when_all_stages_are(supervise):
    s, stages = supervise("one", "two", ready=False)
    assert s.get("/readyz")[0] == 503
    stages["one"].tell("notify READY=1\\nSTATUS=fine")
    stages["two"].tell("notify READY=1")
    s.wait_ready()
    assert s.get("/readyz") == (200, "ok\n")
    assert s.child("one")["status"] == "fine"
    assert s.child("one")["pid"] == stages["one"].pid


def test_a_killed_stage_is_started_again_and_no_other(supervise):
    s, stages = supervise("one", "two", "three")
    os.kill(stages["two"].pid, signal.SIGKILL)
    again = s.accept()
    assert again.name == "two" and again.pid != stages["two"].pid
    assert s.child("one")["restarts"] == s.child("three")["restarts"] == 0
    assert s.child("two")["restarts"] == 1
    assert s.child("two")["last_exit"] == "was killed by signal 9 (Killed)"
    status, why = s.get("/readyz")
    assert status == 503 and why == "two is starting\n"
    again.tell("notify READY=1\\nSTATUS=back")
    # The status arrives with the readiness, so that a state without it was asked too early.
    while s.child("two")["status"] != "back":
        pass
    assert s.get("/readyz") == (200, "ok\n")
    assert "two (pid %d) was killed by signal 9" % stages["two"].pid in s.logged()


def test_each_further_end_waits_longer(supervise):
    s, stages = supervise("one", ready=False)
    stage = stages["one"]
    for _ in range(4):
        stage.tell("exit 7")
        stage = s.accept()
    delays = [
        float(line.rsplit("again in ", 1)[1].split()[0])
        for line in s.logged().splitlines()
        if "exited with code 7" in line
    ]
    assert len(delays) == 4
    for delay, middle in zip(delays, (0.1, 0.2, 0.4, 0.8)):
        assert 0.74 * middle < delay < 1.26 * middle


def test_a_stage_that_does_not_feed_its_watchdog_is_aborted(supervise):
    s, stages = supervise("one", "two", options=["--watchdog-msec", "3000"], ready=False)
    assert stages["one"].watchdog_usec == "3000000"
    # One is pinged whenever two is silent for long: it has to outlive it.
    again = None
    s.listener.settimeout(0.2)
    while not again:
        stages["one"].tell("notify WATCHDOG=1")
        with contextlib.suppress(TimeoutError):
            again = s.accept()
    assert again.name == "two"
    assert s.child("two")["last_exit"].startswith("was killed by signal 6 (Aborted)")
    assert s.child("two")["watchdog_kills"] == 1
    assert s.child("one")["watchdog_kills"] == 0


def test_a_stage_may_ask_to_be_aborted(supervise):
    s, stages = supervise("one")
    stages["one"].tell("notify WATCHDOG=trigger")
    assert s.accept().name == "one"
    assert s.child("one")["watchdog_kills"] == 1


def test_it_ends_the_stages_in_opposite_order(supervise):
    s, stages = supervise("one", "two", "three", words=["stubborn"])
    s.process.send_signal(signal.SIGTERM)
    for name in ("three", "two", "one"):
        assert stages[name].heard() == "SIGTERM"
        # The next is not told before this one has ended.
        assert s.child(name)["state"] == "stopping"
        stages[name].tell("exit 0")
        assert stages[name].heard() == ""
    assert s.process.wait(PATIENCE) == 0
    assert not (s.runtime / "supervisor.control").exists()


def test_a_stage_that_does_not_end_is_killed(supervise):
    # As long as it needs to say that it was told.
    s, stages = supervise("one", options=["--stop-msec", "2000"], words=["stubborn"])
    assert s.stop() == 0
    assert stages["one"].heard() == "SIGTERM"
    assert stages["one"].heard() == ""
    assert "one (pid %d) does not end: killing it" % stages["one"].pid in s.logged()


def test_a_second_signal_ends_everything_at_once(supervise):
    s, stages = supervise("one", "two", options=["--stop-msec", "1000000"], words=["stubborn"])
    s.process.send_signal(signal.SIGINT)
    assert stages["two"].heard() == "SIGTERM"
    s.process.send_signal(signal.SIGINT)
    assert s.process.wait(PATIENCE) == 0
    assert stages["one"].heard() in ("SIGTERM", "")


def test_stages_do_not_outlive_a_killed_supervisor(supervise):
    s, stages = supervise("one", "two", words=["stubborn"])
    s.process.kill()
    assert stages["one"].heard() == stages["two"].heard() == ""


def test_sighup_reaches_every_stage(supervise):
    s, stages = supervise("one", "two")
    s.process.send_signal(signal.SIGHUP)
    assert stages["one"].heard() == stages["two"].heard() == "SIGHUP"


def test_a_second_supervisor_in_the_same_directory_is_refused(supervise):
    s, stages = supervise("one")
    second = subprocess.run(s.command(), capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode == 1
    assert "another supervisor (pid %d) runs in" % s.process.pid in second.stderr
    assert s.get("/readyz") == (200, "ok\n")


def test_a_directory_that_others_may_write_to_is_refused(folder):
    folder.chmod(0o777)
    run = subprocess.run(
        [SUPERVISOR, "--runtime-dir", folder, "--", "one", "/bin/true"],
        capture_output=True, text=True, timeout=PATIENCE,
    )
    assert run.returncode == 1
    assert "nobody else may write to it" in run.stderr


def test_a_stage_with_a_wrong_command_line_is_not_tried_for_ever(supervise):
    s, stages = supervise("one", "two", ready=False)
    stages["two"].tell("exit 2")
    assert s.process.wait(PATIENCE) == 1
    assert stages["one"].heard() == "SIGTERM"
    assert "two cannot run like this" in s.logged()


def test_a_stage_that_never_gets_ready_is_not_tried_for_ever(supervise):
    s, stages = supervise("one", ready=False)
    stages["one"].tell("exit 1")
    for _ in range(4):
        s.accept().tell("exit 1")
    assert s.process.wait(PATIENCE) == 1
    assert "and has never been ready" in s.logged()


@pytest.mark.parametrize("code", [2, 78])
def test_usage_and_configuration_errors_are_final(supervise, code):
    s, stages = supervise("one", ready=False)
    stages["one"].tell(f"exit {code}")
    assert s.process.wait(PATIENCE) == 1
    assert s.logged().count("cannot run like this: ending everything") == 1
    assert "is started again" not in s.logged()


def test_one_that_was_ready_once_is_tried_for_ever(supervise):
    s, stages = supervise("one")
    stages["one"].tell("exit 2")  # which would be too much from one that never was
    s.accept().tell("exit 1")
    assert s.accept().name == "one"


def test_only_a_child_itself_can_say_that_it_is_ready(supervise):
    s, stages = supervise("one", ready=False)
    stranger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stranger.sendto(b"READY=1", str(s.runtime / "notify.sock"))
    stranger.sendto(b"READY=1\0", str(s.runtime / "notify.sock"))
    stranger.sendto(b"X" * 10000, str(s.runtime / "notify.sock"))
    while "portolan_notify_dropped_total 3" not in s.get("/metrics")[1]:
        pass
    assert s.get("/readyz")[0] == 503
    stages["one"].tell("notify READY=1")
    s.wait_ready()


def test_it_tells_its_own_supervisor(folder, supervise, monkeypatch):
    above = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    above.settimeout(PATIENCE)
    above.bind(str(folder / "above.sock"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "above.sock"))
    s, stages = supervise("one", ready=False)
    message = above.recv(4096).decode()
    assert message.startswith("STATUS=starting: one is")
    stages["one"].tell("notify READY=1")
    while "READY=1" not in message:
        message = above.recv(4096).decode()
    assert message == "READY=1\nSTATUS=all programs are ready"
    stages["one"].tell("exit 1")
    message = above.recv(4096).decode()
    assert message == "STATUS=partially operational: one is waiting"
    s.process.send_signal(signal.SIGTERM)
    while message != "STOPPING=1":
        message = above.recv(4096).decode()
