"""A network namespace of a test's own, and everything that runs in it.

Nothing outside has a name for the namespace: a small process (this file, run as a program) holds
it, hands out sockets that belong to it, and ends when its test does, however that comes about.
So nothing is left behind and two test runs never meet.

Inside, all of 10.0.0.0/8 and fd00::/8 is local on `lo`: addresses that Kubernetes accepts in
EndpointSlices (it refuses loopback ones) can be listened on and connected to.
"""

import array
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading

NEEDED = ("ip", "nsenter", "setpriv", "unshare")
ADDRESS = "10.0.0.1"
REQUEST = struct.Struct("=II")


class Unavailable(Exception):
    """This machine lacks something that a test needs; the message names it."""


class NetworkNamespace:
    """A namespace with `lo` up. Usable as a context manager; close() kills the processes in it."""

    def __init__(self):
        missing = [name for name in NEEDED if not shutil.which(name)]
        if missing:
            raise Unavailable(f"not installed: {', '.join(missing)} (Debian: iproute2, util-linux)")
        self.root = os.geteuid() == 0
        self.lock = threading.Lock()
        self.closed = False
        self.control, theirs = socket.socketpair()
        with theirs:
            self.holder = subprocess.Popen(
                ["unshare", *(["-n"] if self.root else ["-Urn"]), "--"]
                + ["setpriv", "--pdeathsig", "KILL", "--"]
                + [sys.executable, "-I", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        try:
            if self.control.recv(1) != b"+":
                _, errors = self.holder.communicate()
                raise Unavailable(f"no network namespace for us: {errors.decode().strip()}")
            self.inode = os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino
            self.run(["ip", "link", "set", "lo", "up"])
            self.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"])
            self.run(["ip", "route", "add", "local", "10.0.0.0/8", "dev", "lo"])
            # IPv6 may be switched off in the kernel; a test that needs it finds out by itself.
            self.run(["ip", "-6", "route", "add", "local", "fd00::/8", "dev", "lo"], check=False)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def prefix(self):
        """The words that, before a command, make it run in here and die with its parent.

        Every one of them executes the next in its own place: the process that is started is, in
        the end, the command itself. "Parent" is the thread that starts it, as the kernel has it.
        """
        enter = ["nsenter", "-t", str(self.holder.pid), "-n"]
        if not self.root:
            enter += ["-U", "--preserve-credentials"]
        return [*enter, "--", "setpriv", "--pdeathsig", "KILL", "--"]

    def popen(self, args, **options):
        """subprocess.Popen in here, as the leader of a session of its own."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("start_new_session", True)
        return subprocess.Popen([*self.prefix(), *map(os.fspath, args)], **options)

    def run(self, args, *, check=True, timeout=120, **options):
        """subprocess.run in here with output captured as text."""
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(
            [*self.prefix(), *map(os.fspath, args)], timeout=timeout, check=False, **options
        )
        if check and done.returncode != 0:
            raise RuntimeError(
                f"{' '.join(map(str, args))}: exit status {done.returncode}\n"
                f"{done.stdout or ''}{done.stderr or ''}"
            )
        return done

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        """A socket that belongs to the namespace, for this process to use as its own."""
        with self.lock:
            self.control.sendall(REQUEST.pack(family, kind))
            message, fds, _, _ = socket.recv_fds(self.control, 1, 1)
        if message != b"+":
            raise OSError(f"no socket of family {family} and kind {kind} in the namespace")
        os.set_inheritable(fds[0], False)
        return socket.socket(fileno=fds[0])

    def connect(self, address, timeout=60):
        """A TCP connection made in here; the address is (host, port), without look-up."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        connection = self.socket(family)
        try:
            connection.settimeout(timeout)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            connection.close()
            raise
        return connection

    def listen(self, host=ADDRESS, port=0, backlog=128):
        """A listening TCP socket in here, for a server in a thread of the test."""
        listener = self.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(backlog)
        except BaseException:
            listener.close()
            raise
        return listener

    def pids(self):
        """The processes in here, without the one that holds it."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.holder.pid:
                continue
            with contextlib.suppress(OSError):
                if (entry / "ns/net").stat().st_ino == self.inode:
                    found.append(int(entry.name))
        return found

    def close(self):
        """Kill all processes in here, and with them the namespace."""
        if self.closed:
            return
        self.closed = True
        # A process started during one look is found by the next.
        while hasattr(self, "inode") and (pids := [p for p in self.pids() if not is_zombie(p)]):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.control.close()
        self.holder.kill()
        self.holder.communicate()


def is_zombie(pid):
    """Dead already, and only waits for its parent to notice."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def hold(control):
    """The holder's work: report that the namespace exists, then give sockets until the end."""
    control.sendall(b"+")
    while len(request := control.recv(REQUEST.size, socket.MSG_WAITALL)) == REQUEST.size:
        family, kind = REQUEST.unpack(request)
        try:
            made = socket.socket(family, kind)
        except OSError:
            control.sendall(b"-")
            continue
        with made:
            fds = array.array("i", [made.fileno()])
            control.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        hold(inherited)
