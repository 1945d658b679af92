"""A relay of TCP connections that can cut them."""

import contextlib
import socket
import struct
import threading

from addresses import loopback


class Relay:
    def __init__(self, to):
        """to: "address:port" """
        host, _, port = to.rpartition(":")
        self.to = (host, int(port))
        self.listener = socket.create_server((loopback(), 0))
        self.address = "{}:{}".format(*self.listener.getsockname())
        self.pairs = []
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.to)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.pairs.append((client, server))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    @staticmethod
    def _carry(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        """Both sides of each connection get a RST."""
        with self.lock:
            cut, self.pairs = self.pairs, []
        for pair in cut:
            for s in pair:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Wakes the thread that reads it: until then the descriptor is in use.
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RD)
                s.close()

    def close(self):
        self.listener.close()
        self.reset()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
