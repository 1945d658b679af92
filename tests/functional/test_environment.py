"""The surroundings of `portolan run`: its terminal, its files, other processes."""

import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import termios

import pytest

from addresses import loopback
from events import Deadline, readable
from programs import BUILD, TOP, program, venv
from run import Run


def gone(pids, deadline):
    while [pid for pid in pids if os.path.exists(f"/proc/{pid}")]:
        deadline.left(f"{pids} end")


@pytest.mark.parametrize("nohup", [False, True])
def test_a_terminal_that_is_closed_ends_all_but_under_nohup(folder, nohup):
    terminal, inside = pty.openpty()

    def of_its_own():
        os.setsid()
        fcntl.ioctl(inside, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)

    run = Run(folder, address=loopback(), envoy=False)
    ready, told = os.pipe()
    with open(run.log, "ab") as log:
        run.process = subprocess.Popen(
            [program("portolan"), "run", "--ready-fd", str(told), *map(str, run.options)],
            stdin=inside, stdout=log, stderr=log, pass_fds=[told, inside], preexec_fn=of_its_own)
    os.close(told)
    readable([ready], Deadline(60), "ready")
    os.close(ready)
    pids = [c["pid"] for c in run.children().values()]
    assert len(pids) == 4
    os.close(inside)
    os.close(terminal)
    if nohup:
        run.process.send_signal(signal.SIGHUP)
        while "passed on" not in run.logged():
            assert run.process.poll() is None
        assert run.stop() == 0
    else:
        try:
            assert run.process.wait(60) == 0
        except subprocess.TimeoutExpired:
            raise AssertionError(run.logged()[-6000:]) from None
        run.process = None
        assert "the terminal was closed" in run.logged()
    gone(pids, Deadline(60))


def test_a_hangup_while_the_terminal_is_there_reads_everything_again(folder):
    with Run(folder, address=loopback(), envoy=False) as run:
        pids = [c["pid"] for c in run.children().values()]
        run.process.send_signal(signal.SIGHUP)
        while "SIGHUP: passed on" not in run.logged():
            assert run.process.poll() is None
        assert [c["pid"] for c in run.children().values()] == pids


@pytest.mark.parametrize("options, said", [
    (["--kubeconfig", "/nowhere/config"], "/nowhere/config"),
    (["--config", "/nowhere/config.yaml"], "/nowhere/config.yaml"),
    (["--admin-address", "127.0.0.1:99999"], "127.0.0.1:99999")])
def test_what_cannot_work_ends_run_at_once_and_nothing_is_called_ready(folder, options, said):
    run = Run(folder, *options, address=loopback(), envoy=False)
    ready, told = os.pipe()
    done = subprocess.run([program("portolan"), "run", "--ready-fd", str(told), *map(str, run.options)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, pass_fds=[told])
    os.close(told)
    assert done.returncode not in (0, None) and said in done.stderr
    assert "is started again" not in done.stderr
    assert os.read(ready, 1) == b""
    os.close(ready)


def test_the_ports_of_the_configuration_are_taken_where_no_option_says_others(folder):
    config = folder / "config.yaml"
    free = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as s:
            free.append(s.getsockname()[1])
    config.write_text(f"portolan: {{http: {{port: {free[0]}}}, https: {{port: {free[1]}}}}}\n")
    address = loopback()
    with Run(folder, "--config", config, address=address) as run:
        code, said = run.command("status")
        assert code == 0
        assert f"--http-port={free[0]}" in run.logged() or str(free[0]) in command_lines(run)
        assert str(free[1]) in command_lines(run) and not re.search(r"\b8080\b", command_lines(run))


def command_lines(run):
    lines = [open(f"/proc/{c['pid']}/cmdline", "rb").read().decode().replace("\0", " ")
             for c in run.children().values()]
    return "\n".join(lines)


# ---- the quickstart ----


def quickstart(folder, *options):
    venv("envoy")
    address = loopback()
    return subprocess.Popen(
        [TOP / "scripts/quickstart", "--no-deps", "--build", BUILD, "--dir", folder / "quickstart", "--http-port", "18080", "--https-port", "18443",
         *options, "--", "--runtime-dir", folder / "r", "--admin-address", f"{address}:0", "--listen-address",
         address],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(process, text):
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return "".join(said)
    raise AssertionError("".join(said))


def test_a_second_quickstart_refuses_and_a_later_one_keeps_what_was_changed(folder):
    first = quickstart(folder)
    try:
        until(first, "is ready.")
        manifests = folder / "quickstart/manifests"
        edited = manifests / "hello.yaml"
        edited.write_text(edited.read_text() + "# mine\n")
        before = {p.name: p.read_bytes() for p in manifests.iterdir()}
        second = quickstart(folder)
        said = second.communicate(timeout=60)[0]
        assert second.returncode == 1 and f"pid {first.pid}" in said and "Nothing was changed" in said
        assert {p.name: p.read_bytes() for p in manifests.iterdir()} == before
        assert first.poll() is None
    finally:
        first.terminate()
        first.wait(60)
    for options, kept in (([], True), (["--fresh"], False)):
        later = quickstart(folder, *options)
        try:
            until(later, "is ready.")
            assert edited.read_text().endswith("# mine\n") == kept
        finally:
            later.terminate()
            later.wait(60)
