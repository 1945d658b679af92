"""`portolan run`: the whole thing under its own supervisor, as a user starts it."""

import json
import os
import pathlib
import signal
import subprocess

import stage
from events import PATIENCE, Deadline, Folder, Growing, readable
from programs import program, venv


class Run:
    def __init__(self, folder, *options, address, envoy=True, source=()):
        """source: options in place of a folder of manifests"""
        self.root = pathlib.Path(folder)
        self.dir = self.root / "run"
        self.manifests = stage.Manifests(self.root / "manifests")
        self.log = self.root / "run.log"
        self.options = [*(source or ("--manifests", self.manifests.path)), "--runtime-dir", self.dir,
                        "--listen-address", address, "--xds-address", f"{address}:0",
                        "--insecure-plaintext",
                        "--admin-address", f"{address}:0", "--log-level", "debug", *options]
        if envoy:
            self.options += [f"--envoy={venv('envoy')}", "--envoy-concurrency", "2"]
        self.process = None

    def start(self, timeout=PATIENCE):
        """Until it says that all programs are ready."""
        ready, told = os.pipe()
        try:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [program("portolan"), "run", "--ready-fd", str(told), *map(str, self.options)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[told])
            os.close(told)
            readable([ready], Deadline(timeout), "portolan run: ready")
            assert os.read(ready, 1) == b"\n", f"ended with {self.process.wait()}"
        except (AssertionError, TimeoutError) as error:
            self.close()
            raise AssertionError(f"{error}\n{self.logged()[-6000:]}") from None
        finally:
            os.close(ready)
        return self

    def stop(self, timeout=PATIENCE):
        """Its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.process = None
        assert "a system call was refused" not in self.logged()
        return code

    def __enter__(self):
        return self.start()

    def close(self):
        """Ends running processes; the supervisor kills those that do not end."""
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def __exit__(self, kind, *_):
        self.close()
        if kind is not None:
            print(f"---- log of portolan run, the end ----\n{self.logged()[-6000:]}")

    def logged(self):
        return self.log.read_text(errors="replace")

    # ---- asking ----

    def command(self, *words):
        """(exit code, standard output) of a portolan command about this one."""
        done = subprocess.run([program("portolan"), words[0], "--runtime-dir", self.dir, *words[1:]],
                              stdin=subprocess.DEVNULL, text=True, capture_output=True)
        return done.returncode, done.stdout

    def ask(self, stage_name, page, timeout=PATIENCE):
        status, body = stage.ask(self.dir / f"{stage_name}.control", page, timeout)
        assert status == 200, f"{stage_name}{page}: {status} {body[:500]}"
        return json.loads(body)

    def children(self):
        return {c["name"]: c for c in self.ask("supervisor", "/debug/status")["children"]}

    def pid(self, name):
        """A stage that is being started again has none, and a signal to 0 would be to our own process group."""
        with Growing(self.log) as log:
            while not (pid := self.children()[name]["pid"]):
                log.wait_for(rf"supervisor: {name} \(pid \d+\) is ready", PATIENCE)
        return pid

    def kill(self, name, sig=signal.SIGKILL):
        """Ends a stage as a crash would; returns when its successor answers."""
        folder = Folder(self.dir)
        try:
            pid = self.pid(name)
            (self.dir / f"{name}.control").unlink()
            os.kill(pid, sig)
            folder.wait_for(f"{name}.control", timeout=PATIENCE)
        finally:
            folder.close()

    def settle(self, timeout=PATIENCE):
        """Until Envoy has accepted the world that holds all changes made to the files so far."""
        source = self.ask("watcher", "/debug/sync")["source"]
        ms = int(timeout * 1000)
        for name in ("translator", "xds-server"):
            self.ask(name, f"/debug/wait?source={source}&timeout_ms={ms}", timeout + 5)
        rows = self.ask("xds-server", f"/debug/answered?source={source}&timeout_ms={ms}", timeout + 5)
        assert all(r["acked_source"] >= source for r in rows), rows
        return source

    def write(self, name, *objects):
        self.manifests.write(name, *objects)
        return self.settle()
