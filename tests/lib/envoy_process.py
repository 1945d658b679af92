"""A real Envoy for one test, its bootstrap written by `portolan bootstrap`."""

import json
import os
import pathlib
import subprocess

import stage
from events import PATIENCE, Folder
from programs import program, venv

BINARIES = {"newest": "envoy", "oldest": "envoy-oldest"}


class Envoy:
    """Started at once, ready when start() returns. Its admin interface is a Unix socket."""

    def __init__(self, folder, xds_address, which="newest", bootstrap=(), node=None, prefix=()):
        self.dir = pathlib.Path(folder) / (node or f"envoy-{which}")
        self.dir.mkdir()
        self.binary = venv(BINARIES[which])
        self.admin_path = self.dir / "admin.sock"
        self.log = self.dir / "envoy.log"
        self.config = self.dir / "bootstrap.yaml"
        self.process = None
        self.drain_seconds = 1  # how long connections of a listener's former form go on
        self.prefix = list(prefix)  # words before the command: netns.prefix()
        self.bootstrap = ["--xds-address", xds_address, "--admin-path", self.admin_path,
                          "--node-id", node or "test-envoy", *bootstrap]

    def start(self, timeout=PATIENCE):
        command = [program("portolan"), "bootstrap", *map(str, self.bootstrap), self.config]
        done = subprocess.run(command, text=True, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        folder = Folder(self.dir)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.binary, "-c", self.config, "--use-dynamic-base-id", "--concurrency", "2",
                 "--log-level", "warning", "--file-flush-interval-msec", "50", "--drain-time-s", str(self.drain_seconds),
                 "--parent-shutdown-time-s", str(self.drain_seconds + 1)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            folder.wait_for(self.admin_path.name, self.process, timeout)
        except ChildProcessError as error:
            raise AssertionError(f"envoy: {error}\n{self.logged()[-3000:]}") from None
        finally:
            folder.close()
        return self

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.close()
        if kind is not None:
            print(f"---- log of envoy, the end ----\n{self.logged()[-3000:]}")

    def logged(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # ---- its admin interface ----

    def admin(self, page):
        status, body = stage.ask(os.fspath(self.admin_path), page)
        assert status == 200, f"{page}: {status} {body}"
        return body

    def stats(self, pattern):
        """{name: number} of the counters and gauges whose name matches."""
        found = json.loads(self.admin(f"/stats?format=json&filter={pattern}"))["stats"]
        return {s["name"]: s["value"] for s in found if "value" in s}
