"""Waiting for things outside of this process without asking again and again: a file that appears, a
process that ends, a message that comes. Every wait has an end."""

import ctypes
import os
import re
import select
import socket
import struct
import time

PATIENCE = 60  # seconds until a wait fails, on a machine that has other things to do

_libc = ctypes.CDLL(None, use_errno=True)
_IN_CREATE, _IN_MOVED_TO, _IN_CLOSE_WRITE, _IN_MODIFY = 0x100, 0x80, 0x8, 0x2
_EVENT = struct.Struct("iIII")


class Deadline:
    def __init__(self, seconds):
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    def left(self, what):
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{what}: not in {self.seconds} s")
        return left


def readable(fds, deadline, what):
    """Those of the descriptors that can be read; TimeoutError if none can in time."""
    ready = select.select(fds, [], [], deadline.left(what))[0]
    if not ready:
        deadline.left(what)
    return ready


class Folder:
    """Reports files that appear in a folder from now on."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self.fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        mask = _IN_CREATE | _IN_MOVED_TO | _IN_CLOSE_WRITE
        if self.fd < 0 or _libc.inotify_add_watch(self.fd, self.path.encode(), mask) < 0:
            raise OSError(ctypes.get_errno(), f"inotify for {self.path}")

    def close(self):
        os.close(self.fd)

    def wait_for(self, name, process=None, timeout=PATIENCE):
        """Until a file of that name is there; fails if the process ends before."""
        deadline = Deadline(timeout)
        path = os.path.join(self.path, name)
        ended = os.pidfd_open(process.pid) if process else None
        try:
            while not os.path.exists(path):
                ready = readable([self.fd] + ([ended] if process else []), deadline, path)
                if ended in ready:
                    raise ChildProcessError(f"ended with {process.wait()} before {path} was there")
                if ready:
                    os.read(self.fd, 65536)
        finally:
            if ended is not None:
                os.close(ended)


class Growing:
    """The lines added to a log file from now on."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self.text = ""
        self.fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0 or _libc.inotify_add_watch(self.fd, self.path.encode(), _IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), f"inotify for {self.path}")
        self.file = open(self.path, errors="replace")
        self.file.seek(0, os.SEEK_END)

    def close(self):
        self.file.close()
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait_for(self, pattern, timeout=PATIENCE):
        """Until the regular expression is found in it."""
        deadline = Deadline(timeout)
        while True:
            self.text += self.file.read()
            found = re.search(pattern, self.text)
            if found:
                return found
            readable([self.fd], deadline, f"{pattern} in {self.path}")
            os.read(self.fd, 65536)


class Notify:
    """The receiving side of sd_notify(3) for one process."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said = {}

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def _take(self):
        for line in self.socket.recv(65536).decode().splitlines():
            key, _, value = line.partition("=")
            self.said[key] = value

    def wait_for(self, key, process, timeout=PATIENCE):
        """Until KEY= was said once."""
        deadline = Deadline(timeout)
        ended = os.pidfd_open(process.pid)
        try:
            while key not in self.said:
                ready = readable([self.socket, ended], deadline, f"{key} of {process.args[0]}")
                if self.socket in ready:
                    self._take()
                elif ended in ready:
                    raise ChildProcessError(f"ended with {process.wait()} before it said {key}")
        finally:
            os.close(ended)
        return self.said[key]
