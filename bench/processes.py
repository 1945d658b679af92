"""The stages, Envoy and the measuring client as processes; their memory and their output."""

import contextlib
import http.client
import os
import pathlib
import re
import selectors
import socket
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PORTOLAN_BUILD") or TOP / "build").resolve()
STAGES = ("watcher", "translator", "xds-server")


class Failure(Exception):
    pass


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self.path))


def ask(path, page, timeout=60):
    """The body of a page on a control socket."""
    connection = UnixConnection(path, timeout)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise Failure(f"{path} {page}: {answer.status} {body.strip()}")
    return body


def program(name):
    for folder in (".", name.removeprefix("portolan-"), "portolan", "bench"):
        path = BUILD / folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise Failure(f"{name} is not built in {BUILD}: run make there")


def memory(pid):
    """(RSS, PSS) in bytes: PSS counts a page that several processes share once in all."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = (re.search(rf"^{key}:\s+(\d+)", text, re.M) for key in ("Rss", "Pss"))
    return tuple(int(match[1]) * 1024 for match in found)


def cpu(pid):
    """Seconds of processor time that a process's threads have used."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


class Process:
    def __init__(self, name, command, log, **options):
        self.name = name
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            options.setdefault("stdout", out)
            self.popen = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stderr=out,
                **options,
            )
        self.pid = self.popen.pid

    def check(self):
        if self.popen.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise Failure(f"{self.name} ended with {self.popen.returncode}\n{tail}")

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()


class Stage(Process):
    """One of ours."""

    def __init__(self, name, runtime, *args):
        self.control = runtime / f"{name}.control"
        command = [program(f"portolan-{name}"), "--runtime-dir", runtime, *args]
        super().__init__(name, command, runtime / f"{name}.log")

    def metrics(self):
        """{name with labels: value}"""
        lines = ask(self.control, "/metrics").splitlines()
        pairs = (line.rpartition(" ") for line in lines if line and line[0] != "#")
        return {name: float(value) for name, _, value in pairs}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Lines:
    """Lines of a process's output, with a deadline."""

    def __init__(self, stream):
        self.fd = stream.fileno()
        os.set_blocking(self.fd, False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.fd, selectors.EVENT_READ)
        self.rest = b""
        self.ready = []

    def read(self, timeout):
        """The next line, or None if none comes in time; EOFError at the end."""
        deadline = time.monotonic() + timeout
        while not self.ready:
            left = deadline - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                return None
            data = os.read(self.fd, 1 << 20)
            if not data:
                raise EOFError
            *lines, self.rest = (self.rest + data).split(b"\n")
            self.ready = lines[::-1]
        return self.ready.pop().decode()
