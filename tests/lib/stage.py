"""Real stages, each a process of its own, in a runtime directory of the test's own."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import frames
from addresses import loopback
from events import PATIENCE, Folder, Notify
from programs import program


class ControlConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self.path))


def ask(path, page, timeout=PATIENCE):
    """(HTTP status, body) of a page on a control socket (or Envoy's admin socket)."""
    connection = ControlConnection(path, timeout)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


PLAINTEXT = "--insecure-plaintext"


def plaintext(program):
    """The words that ask an xds-server of any build for plain TCP: an older one knows no other and no such option."""
    known = subprocess.run([program, "--help"], text=True, capture_output=True, check=True).stdout
    return [PLAINTEXT] if PLAINTEXT in known else []


class Stage:
    """One process. Its stderr goes to a file, which is shown when a test fails."""

    def __init__(self, name, runtime_dir, *args, env=None):
        self.name = name
        self.dir = pathlib.Path(runtime_dir)
        self.args = [str(a) for a in args]
        self.env = env or {}
        self.program = f"portolan-{name}"
        self.installed = None  # the folder of another build that it is started from
        self.prefix = []  # words before the command: those of a network namespace
        self.log = self.dir / f"{name}.log"
        self.process = None
        self.starts = 0
        self.notify = None
        self.refusals = False  # whether its sandbox may refuse a system call

    def start(self, ready=True):
        """ready: wait until it says READY=1; else until its control socket answers."""
        assert self.process is None
        self.starts += 1
        control = self.dir / f"{self.name}.control"
        control.unlink(missing_ok=True)
        if self.notify:
            self.notify.close()
        self.notify = Notify(self.dir / f"{self.name}.notify")
        folder = Folder(self.dir)
        binary = self.installed / self.program if self.installed else program(self.program)
        command = [*self.prefix, binary, "--runtime-dir", self.dir, "--log-level", "debug", *self.words(binary)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": self.notify.path, **self.env})
        try:
            folder.wait_for(control.name, self.process)
            if ready:
                self.notify.wait_for("READY", self.process)
        except (ChildProcessError, TimeoutError) as error:
            raise AssertionError(f"{self.name}: {error}\n{self.logged()[-3000:]}") from None
        finally:
            folder.close()
        return self

    def words(self, binary):
        if not self.installed or PLAINTEXT not in self.args:
            return self.args
        at = self.args.index(PLAINTEXT)
        return [*self.args[:at], *plaintext(binary), *self.args[at + 1:]]

    def wait_ready(self):
        self.notify.wait_for("READY", self.process)
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, sig=signal.SIGKILL):
        """Ends it as a crash would; returns when it is gone."""
        self.process.send_signal(sig)
        self.process.wait(PATIENCE)
        self.process = None

    def stop(self):
        """Asks it to end, which it must do cleanly."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process = None
        assert code == 0, f"{self.name} ended with {code}\n{self.logged()[-6000:]}"
        refused = re.findall("a system call was refused: .*", self.logged())
        assert self.refusals or not refused, f"{self.name}: {refused}"

    def restart(self, ready=True):
        self.stop()
        return self.start(ready)

    def close(self):
        try:
            self.stop()
        finally:
            if self.notify:
                self.notify.close()
                self.notify = None

    def logged(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # ---- its own reports ----

    def ask(self, page):
        return ask(self.dir / f"{self.name}.control", page)

    def get(self, page):
        status, body = self.ask(page)
        assert status == 200, f"{self.name}{page}: {status} {body}"
        return body

    def status(self):
        return json.loads(self.get("/debug/status"))

    def incidents(self):
        """The latest first."""
        return json.loads(self.get("/debug/incidents"))

    def metrics(self):
        """{name with its labels: value}"""
        rows = (line.rsplit(" ", 1) for line in self.get("/metrics").splitlines()
                if line and not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def wait_source(self, source, timeout=PATIENCE, page="/debug/wait"):
        """Until it has got to the watcher's world of that number (common/daemon/control-wait.h)."""
        page = f"{page}?source={source}&timeout_ms={int(timeout * 1000)}"
        status, body = ask(self.dir / f"{self.name}.control", page, timeout + 5)
        assert status == 200, (f"{self.name} did not get to {source}: {status} {body}\n"
                               f"{self.logged()[-3000:]}")
        return json.loads(body)


class XdsServer(Stage):
    def __init__(self, runtime_dir, *args):
        super().__init__("xds-server", runtime_dir, "--xds-address", f"{loopback()}:0",
                         PLAINTEXT, *args)

    @property
    def address(self):
        return self.status()["xds_address"]

    def keep_address(self):
        """A restarted stage is found at its former place: nobody else takes ports at its address."""
        self.args[1] = self.address

    def wait_answered(self, source, envoys=1, timeout=PATIENCE):
        """Waits until so many Envoys have accepted the world of that number, or refused a part of
        it; returns the rows of /debug/envoys."""
        page = f"/debug/answered?source={source}&count={envoys}&timeout_ms={int(timeout * 1000)}"
        status, body = ask(self.dir / "xds-server.control", page, timeout + 5)
        rows = json.loads(body)
        assert status == 200, f"not all of {source} answered in {timeout} s by: " + ", ".join(
            "{node_id} acked_source {acked_source}, outstanding {outstanding}, nacks {nacks}".format(**r)
            for r in rows[:5])
        return rows

    def wait_accepted(self, source, envoys=1, timeout=PATIENCE):
        rows = self.wait_answered(source, envoys, timeout)
        refused = {r["node_id"]: r["last_reject"] for r in rows if r["acked_source"] < source}
        assert len(rows) - len(refused) >= envoys, f"refused: {refused}"


class Manifests:
    """A folder of objects. A change is complete or not there: files are renamed into place."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(exist_ok=True)
        self._new = tempfile.mkdtemp(prefix=".new-", dir=self.path.parent)

    def write_text(self, name, text):
        aside = pathlib.Path(self._new, "file")
        if isinstance(text, bytes):
            aside.write_bytes(text)
        else:
            aside.write_text(text)
        os.rename(aside, self.path / name)

    def write(self, name, *objects):
        # JSON is YAML, and faster to write and to read.
        self.write_text(name, "---\n".join(json.dumps(o) + "\n" for o in objects))

    def remove(self, name):
        (self.path / name).unlink()


class Pipeline:
    """Watcher, translator and xds-server over a folder of manifests, in a runtime directory of their
    own. Changes are made through it, so that it can wait until each stage has got there."""

    ORDER = ("watcher", "translator", "xds-server")

    def __init__(self, path=None, *, http=None, translator=(), xds=(), watcher=()):
        self.root = pathlib.Path(path or tempfile.mkdtemp(prefix="portolan-test-"))
        self.dir = self.root / "run"
        self.dir.mkdir(mode=0o700)
        self.manifests = Manifests(self.root / "manifests")
        address = ("--listen-address", http) if http else ()
        self.watcher = Stage("watcher", self.dir, "--manifests", self.manifests.path, *watcher)
        self.translator = Stage("translator", self.dir, *address, *translator)
        self.xds = XdsServer(self.dir, *xds)
        self.stages = {"watcher": self.watcher, "translator": self.translator,
                       "xds-server": self.xds}
        if self.serves_nginx(watcher):
            self.ORDER = (*self.ORDER, "passwords")
            self.stages["passwords"] = Stage("passwords", self.dir)

    @staticmethod
    def serves_nginx(arguments):
        """Whether the configuration file says so: `portolan run` looks there, too."""
        words = [str(a) for a in arguments]
        return "--config" in words and "ingressNginx" in pathlib.Path(words[words.index("--config") + 1]).read_text()

    def start(self, *names):
        for name in names or self.ORDER:
            self.stages[name].start(ready=False)
        for name in names or self.ORDER:
            self.stages[name].wait_ready()
        return self

    def close(self):
        errors = []
        for name in reversed(self.ORDER):
            try:
                self.stages[name].close()
            except AssertionError as error:
                errors.append(str(error))
        self.keep = bool(errors)
        assert not errors, "\n".join(errors)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.close()
        except AssertionError:
            if kind is None:
                raise
        finally:
            if kind is not None:
                self.show_logs()
            shutil.rmtree(self.root, ignore_errors=True)

    def show_logs(self):
        for stage in self.stages.values():
            print(f"---- log of {stage.name}, the end ----\n{stage.logged()[-4000:]}")

    # ---- changes ----

    def write(self, name, *objects):
        """Writes a file and waits until all stages have got to the world that holds it."""
        self.manifests.write(name, *objects)
        return self.settle()

    def write_text(self, name, text):
        self.manifests.write_text(name, text)
        return self.settle()

    def remove(self, name):
        self.manifests.remove(name)
        return self.settle()

    def world(self):
        """Number of the world that holds all changes made to the files so far."""
        return json.loads(self.watcher.get("/debug/sync"))["source"]

    def settle(self, *names):
        """Waits until the stages (all that run) have got to the present world; its number."""
        source = self.world()
        names = [n for n in names or self.ORDER if self.stages[n].running]
        for name in names:
            self.stages[name].wait_source(source)
        if "watcher" in names and "translator" in names:
            self.watcher.wait_source(source, page="/debug/statuses/wait")
        return source

    # ---- its content ----

    @property
    def xds_address(self):
        return self.xds.address

    def statuses(self):
        """The translator's statuses and the watcher's notes: {"Kind namespace/name": status}, or
        {"Document file:number": status} for unreadable documents."""
        rows = json.loads(self.watcher.get("/debug/statuses"))
        return {f"{r['kind']} {r['namespace'] + '/' if 'namespace' in r else ''}{r['name']}":
                {"problems": [], **r} for r in rows}

    def resources(self):
        """(kind, name): (version, bytes), read from the translator's link as a reader."""
        source = json.loads(self.translator.get("/debug/wait"))["source"]
        with frames.connect(self.dir / "resources.sock", "reader") as reader:
            return frames.resources(reader.wait_source(source))
