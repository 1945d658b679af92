"""Control sockets of stages that answer as a test tells them."""

import contextlib
import socket
import threading

PATIENCE = 60  # seconds until a question that hangs ends


class FakeStage:
    """A control socket. `pages` maps a target to (status, type, body), `raw` answers with bytes as they
    are, and `hang` never answers: `asked` is set when a question has come. `together` maps a target to how
    many have to ask for it before any of them is answered."""

    def __init__(self, folder, name, pages=None, raw=None, hang=False, together=None):
        self.pages = {"/readyz": (200, "text/plain", "ok\n"), "/metrics": (200, "text/plain", "")}
        self.pages |= pages or {}
        self.raw = raw
        self.hang = hang
        self.asked = threading.Event()
        self.released = threading.Event()
        self.targets = []
        self.together = {t: threading.Barrier(n, timeout=PATIENCE) for t, n in (together or {}).items()}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / f"{name}.control"))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(
                    target=self.answer, args=[self.listener.accept()[0]], daemon=True
                ).start()

    def answer(self, connection):
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096)
            target = request.split(b" ")[1].decode()
            self.targets.append(target)
            self.asked.set()
            if self.hang:
                self.released.wait(PATIENCE)
                return
            if self.raw is not None:
                connection.sendall(self.raw)
                return
            if target in self.together:
                self.together[target].wait()
            status, kind, body = self.pages.get(target, (404, "text/plain", "no such page\n"))
            body = body.encode()
            head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
            connection.sendall(head.encode() + b"\r\n\r\n" + body)

    def close(self):
        self.released.set()
        self.listener.close()
