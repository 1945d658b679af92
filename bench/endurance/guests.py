"""Other clients during a soak: an Envoy that refuses at random, one that never reads, and new ones
that must accept everything served."""

import contextlib
import os
import pathlib
import random
import shutil
import socket
import threading

import chaos
from envoy_process import Envoy
from events import Deadline
from netns import NetworkNamespace
from xds_client import Stream, StreamEnded, World


class Relay:
    """Connections to a socket go on to where connect() leads; each end's end is the other's."""

    def __init__(self, listener, connect):
        self.listener, self.connect = listener, connect
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                try:
                    far = self.connect()
                except OSError:
                    near.close()
                    continue
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    @staticmethod
    def _copy(source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                to.sendall(data)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            if end is source:
                source.close()

    def close(self):
        self.listener.close()


def tcp(address):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=chaos.PATIENCE)


class Refuser(chaos.Thread):
    """Refuses one answer of three, whatever its content."""

    def __init__(self, address, seed):
        super().__init__(self._turn)
        self.address, self.random = address, random.Random(seed)
        self.world = None
        self.refused = 0

    def _refuse(self, _):
        if self.random.random() < 1 / 3:
            self.refused += 1
            return "not today"
        return None

    def _turn(self):
        try:
            if self.world is None:
                self.world = World(self.address, node="refuser", refuse=self._refuse)
            seen = len(self.world.log)
            self.world.until(lambda w: len(w.log) > seen, timeout=1)
        except TimeoutError:
            pass
        except StreamEnded:
            self.world.close()
            self.world = None

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        if self.world:
            self.world.close()


class NeverReads(chaos.Thread):
    """Asks for everything, of all types, and takes no answer off the socket."""

    def __init__(self, address):
        super().__init__(self._turn)
        self.address = address
        self.pause = threading.Event()
        self.times = 0

    def _turn(self):
        stream = Stream(self.address, node="never-reads", reads=False)
        self.times += 1
        for type in ("CDS", "LDS"):
            stream.subscribe(type)
        stream.subscribe("RDS", "ingress_http")
        self.pause.wait(5)
        stream.close()

    def __exit__(self, *arguments):
        self.pause.set()
        super().__exit__(*arguments)


class Newcomers(chaos.Thread):
    """A new Envoy every few seconds, in a network namespace of its own, where its listeners
    conflict with no others: it must end up refusing nothing, with its listeners open."""

    def __init__(self, run, folder, address, host, every):
        super().__init__(self._turn)
        self.run, self.folder, self.address, self.host, self.every = run, pathlib.Path(folder), address, host, every
        self.stop_event = threading.Event()
        self.times = 0
        self.bad = []
        self.folder.mkdir()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.fspath(self.folder / "xds.sock"))
        listener.listen()
        xds = chaos.xds_address(run)
        self.relay = Relay(listener, lambda: tcp(xds))
        self.netns = NetworkNamespace()

    def _turn(self):
        self.stop_event.wait(self.every)
        if self.stop_event.is_set():
            return
        self.times += 1
        node = f"newcomer-{self.times}"
        envoy = Envoy(self.folder, f"unix:{self.folder / 'xds.sock'}", node=node, prefix=self.netns.prefix())
        try:
            envoy.start(chaos.PATIENCE)
            self._serve(envoy)
            refused = {n: v for n, v in envoy.stats("update_rejected$|listener_create_failure$").items() if v}
            if refused:
                self.bad.append(f"{node}: {refused} {envoy.logged()[-1000:]}")
        except (AssertionError, OSError, TimeoutError) as error:
            self.bad.append(f"{node}: {error!r} {envoy.logged()[-1000:]}")
        finally:
            envoy.close()
            shutil.rmtree(envoy.dir, ignore_errors=True)

    def _serve(self, envoy):
        """Until a request for a host that exists throughout is answered by the application, or, as that is in
        another network, with 503: not with 404."""
        deadline = Deadline(chaos.PATIENCE)
        while True:
            deadline.left("the new Envoy's answer")
            with contextlib.suppress(OSError), self.netns.connect((self.address, 8080)) as sock:
                sock.sendall(f"GET / HTTP/1.1\r\nhost: {self.host}\r\nconnection: close\r\n\r\n".encode())
                if sock.recv(1000).split(b" ")[1:2] == [b"503"]:
                    return
            self.stop_event.wait(0.1)

    def __exit__(self, *arguments):
        self.stop_event.set()
        super().__exit__(*arguments)
        self.relay.close()
        self.netns.close()
