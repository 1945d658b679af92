"""A real Envoy behind the stages, and the time from which it serves a change."""

import json
import os
import re
import socket
import subprocess
import threading
import time

from processes import TOP, Failure, Process, ask, memory, program


def binary():
    run = [TOP / "scripts" / "venv", "--print", "envoy"]
    return subprocess.run(run, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


class Backend:
    """Answers 200 to each request on a connection, on one address only."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        with connection:
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def stop(self):
        self.listener.close()


class Asker:
    """One request after the other on a connection that is kept."""

    def __init__(self, port):
        self.port = port
        self.socket = None

    def status(self, host, path):
        """Status code of one GET; 0 if there was no answer."""
        try:
            if not self.socket:
                self.socket = socket.create_connection(("127.0.0.1", self.port), 10)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                data = self.socket.recv(65536)
                if not data:
                    raise OSError
                answer += data
        except OSError:
            self.close()
            return 0
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        left = int(length[1]) - len(body) if length else 0
        while left > 0:
            left -= len(self.socket.recv(65536))
        return int(head.split(b" ", 2)[1])

    def wait_for(self, status, host, path, timeout=120, again=0.01):
        """CLOCK_MONOTONIC in ns when the answer first had that status. again: seconds to wait after
        a missing answer."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            got = self.status(host, path)
            if got == status:
                return time.monotonic_ns()
            # Envoy's main thread is measured: leave it the processor.
            time.sleep(0.0005 if got else again)
        raise Failure(f"Envoy did not answer {status} for {host}{path}")

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


class Envoy:
    def __init__(self, fleet):
        root = fleet.world.root
        self.admin = root / "run" / "envoy-admin.sock"
        bootstrap = root / "envoy.yaml"
        command = [program("portolan"), "bootstrap", "--xds-address", fleet.address,
                   "--admin-path", self.admin, "--node-id", "bench", bootstrap]  # fmt: skip
        subprocess.run([str(word) for word in command], check=True)
        command = [binary(), "-c", bootstrap, "--concurrency", 1, "--use-dynamic-base-id",
                   "--log-level", "warning"]  # fmt: skip
        self.process = Process("envoy", command, root / "envoy.log")
        self.asker = Asker(fleet.http_port)

    def version(self):
        return json.loads(ask(self.admin, "/server_info"))["version"]

    def memory(self):
        return memory(self.process.pid)

    def stop(self):
        self.asker.close()
        self.process.stop()


def cores():
    return len(os.sched_getaffinity(0))
