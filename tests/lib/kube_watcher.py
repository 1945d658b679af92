"""The watcher against a Kubernetes API server: the process in the cluster's network namespace, and
its output as a translator would see it."""

import contextlib
import ctypes
import os
import re
import select
import struct

import frames
from events import PATIENCE, Deadline
from kube import IN_CLUSTER, PORT
from programs import TOP
from stage import Stage



def _kinds():
    """{kind: its number on the links}, by common/decode/object-kind."""
    header, table = ((TOP / f"common/decode/object-kind.{end}").read_text(encoding="utf-8") for end in "hc")
    numbers = re.search(r"enum object_kind {\n(.*?)OBJECT_KIND_MAX_", header, re.S)[1]
    numbers = {name: n for n, name in enumerate(re.findall(r"\b(OBJECT_\w+)", numbers), 1)}
    return {kind: numbers[name] for name, kind in re.findall(r'\[(OBJECT_\w+)\] = \{\s*"(\w+)"', table)}


KINDS = _kinds()
_libc = ctypes.CDLL(None, use_errno=True)
_IN_MODIFY = 0x2
_EVENT = struct.Struct("iIII")


class KubeWatcher(Stage):
    """portolan-watcher in the namespace of kube, as the user of a kubeconfig (admin unless told
    otherwise), or in a pod's place with the service account in a folder. Without kube, an ordinary
    process."""

    def __init__(self, kube, folder, *args, kubeconfig=None, account=None):
        folder.mkdir(mode=0o700)
        env = {}
        prefix = kube.netns.prefix() if kube else []
        if account:
            access = ["--in-cluster"]
            env = {"KUBERNETES_SERVICE_HOST": kube.host, "KUBERNETES_SERVICE_PORT": str(PORT)}
            script = 'mount -t tmpfs none /run && mkdir -p "$0" && mount --bind "$1" "$0"'
            script += ' && shift && exec "$@"'
            prefix += ["unshare", "-m", "sh", "-c", script, IN_CLUSTER, account]
        else:
            access = ["--kubeconfig", kubeconfig or kube.admin_kubeconfig]
        super().__init__("watcher", folder, *access, *args, env=env)
        self.prefix = prefix

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            if self.running or kind is None:
                self.close()
        finally:
            if kind is not None:
                print(f"---- log of the watcher, the end ----\n{self.logged()[-6000:]}")

    def objects(self):
        """A reader of its served state: .wait(done), .state."""
        return Objects(self.dir / "objects.sock", "reader")

    def translator(self):
        """A translator's place: set() its statuses."""
        return Objects(self.dir / "objects.sock", "translator", frames.State())

    def wait_logged(self, pattern, timeout=PATIENCE, since=0):
        """Until a line matches; what follows since (of an earlier call: the end of what matched)."""
        deadline = Deadline(timeout)
        fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _libc.inotify_add_watch(fd, os.fsencode(self.log), _IN_MODIFY)
            while not (found := re.search(pattern, self.logged()[since:])):
                left = deadline.left(f"{pattern!r} in\n{self.logged()[since:][-3000:]}")
                if select.select([fd], [], [], left)[0]:
                    os.read(fd, 65536)
        finally:
            os.close(fd)
        return since + found.end()

    def reasons(self):
        return self.status()["reasons"]

    def kind(self, name):
        """Its report on one kind: state, synced, problem, relists, events."""
        return next(k for k in self.status()["kubernetes"]["kinds"] if k["name"] == name)


class Objects(frames.Connection):
    def __init__(self, path, role, send=None):
        import socket

        sock = socket.socket(socket.AF_UNIX)
        sock.connect(os.fspath(path))
        super().__init__(sock, role, send)

    @property
    def state(self):
        return self.mirror.state

    def get(self, kind, key):
        return self.state.get((KINDS[kind], key.encode()))

    def wait_for(self, kind, key, wanted=lambda item: item is not None, timeout=PATIENCE):
        """Until wanted(item or None) is true of that object; the item."""
        self.wait(lambda _: self.state.complete and wanted(self.get(kind, key)), timeout)
        return self.get(kind, key)

    def wait_gone(self, kind, key, timeout=PATIENCE):
        self.wait_for(kind, key, lambda item: item is None, timeout)

    def changes(self):
        """Keys that were put or removed by deltas since the last call. A server that starts again
        takes its own endpoints away for a moment: they are left out."""
        found = [k for _, puts, removes in self.mirror.log for k in (*puts, *removes)]
        self.mirror.log.clear()
        names = {number: name for name, number in KINDS.items()}
        return sorted((names[kind], key.decode()) for kind, key in found if key != b"default/kubernetes")

    def set_status(self, kind, key, verdict=0, problems=(), generation=None):
        """Plays the translator's verdict on an object; problems: (reason, message) pairs."""
        problems = [frames.message("Problem", severity=2, reason=r, message=m) for r, m in problems]
        status = frames.message("ObjectStatus", verdict=verdict, problems=problems,
                                observed_generation=generation)
        self.send.put(KINDS[kind], key, status.SerializeToString())
        self.commit()

    def say(self, kind, key, **status):
        """Says an ObjectStatus of any members, to be committed."""
        self.send.put(KINDS[kind], key, frames.message("ObjectStatus", **status).SerializeToString())

    def commit(self):
        self.send.generation += 1
        self.send.source = self.state.source
        self.send.complete = True
        self.push()
        self.wait_in_sync()


def status_addresses(ingress):
    """The addresses in an Ingress' status."""
    entries = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return [e.get("ip") or e.get("hostname") for e in entries]


@contextlib.contextmanager
def stopped(process, cont, stop):
    """The process does not run in this block."""
    process.send_signal(stop)
    try:
        yield
    finally:
        process.send_signal(cont)
