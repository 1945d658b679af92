"""`portolan run` and the commands that ask it: the screen, status, health, refusals. With real
stages and a real Envoy."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.request

import pytest

from addresses import loopback
from objects import port, service, slice_of
from programs import SANITIZED, program, venv

PORTOLAN = program("portolan")
PATIENCE = 60
MANIFEST = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, namespace: default }
spec:
  defaultBackend: { service: { name: web, port: { number: 80 } } }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { ports: [ { port: 80 } ] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: default, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [ { port: 8080 } ]
endpoints: [ { addresses: [ 127.0.0.1 ] } ]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: bad, namespace: default }
spec:
  tls: [ { hosts: [ bad.example ], secretName: missing } ]
  rules:
  - host: bad.example
    http: { paths: [ { path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } } ] }
"""


def portolan(*words, **options):
    return subprocess.run(
        [PORTOLAN, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, **options
    )


class Run:
    """`portolan run` on a folder of its own; ready when the constructor returns."""

    def __init__(self, folder, *words):
        self.dir = folder
        self.runtime = folder / "run"
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        (self.manifests / "web.yaml").write_text(MANIFEST)
        self.log = folder / "log"
        # It chooses the ports, and its stages take them a moment later.
        place = f"{loopback()}:0"
        self.command = [
            PORTOLAN, "run", "--manifests", self.manifests, "--runtime-dir", self.runtime,
            "--insecure-plaintext", "--xds-address", place, "--admin-address", place, *words,
        ]
        if SANITIZED:
            # At its end a program looks for leaks, which is slow on a busy machine.
            self.command += ["--stop-msec", "30000"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=log, text=True
            )
        impatience = threading.Timer(PATIENCE, self.process.kill)
        impatience.start()
        self.screen = ""
        for line in self.process.stdout:
            self.screen += line
            if line.startswith("Stop: "):
                break
        else:
            raise AssertionError(self.log.read_text()[-3000:])
        impatience.cancel()

    def status(self):
        return json.loads(portolan("status", "--json", "--runtime-dir", self.runtime).stdout)

    def child(self, name):
        children = self.status()["stages"]["supervisor"]["children"]
        return next(c for c in children if c["name"] == name)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


@pytest.fixture
def run(folder):
    with contextlib.ExitStack() as stack:

        def make(*words):
            r = Run(folder, *words)

            @stack.callback
            def end():
                if r.process.poll() is None:
                    r.process.kill()
                r.process.wait()
                r.process.stdout.close()

            return r

        yield make


def test_it_shows_what_runs_where_and_ends_cleanly(run):
    address = loopback()
    r = run(f"--envoy={venv('envoy')}", "--listen-address", address, "--envoy-concurrency", "1")
    assert f"http://{address}:8080/" in r.screen and f"https://{address}:8443/" in r.screen
    processes = dict(re.findall(r"(\S+) (\d+)", re.search("processes +(.*)", r.screen)[1]))
    assert set(processes) == {
        "supervisor", "admin", "watcher", "translator", "xds-server", "envoy"
    }
    assert processes["supervisor"] == str(r.process.pid)
    with socket.create_connection((address, 8080), PATIENCE) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 503")  # there are no endpoints
    assert r.stop() == 0
    for pid in processes.values():
        assert not pathlib.Path(f"/proc/{pid}").exists()
    log = r.log.read_text()
    order = re.findall(r"supervisor: (\S+) \(pid \d+\) exited", log)
    assert order == ["envoy", "xds-server", "translator", "watcher", "admin"], log[-3000:]


def test_status_shows_each_stage_and_each_envoy(run):
    address = loopback()
    r = run(f"--envoy={venv('envoy')}", "--listen-address", address, "--envoy-concurrency", "1")
    done = portolan("status", "--runtime-dir", r.runtime)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Portolan in {r.runtime} is ready\n")
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    for stage in ("watcher", "translator", "xds-server", "admin", "supervisor", "envoy"):
        assert rows[stage][1] in ("ready", "running")
        assert int(rows[stage][2]) > 1
    assert rows["watcher"][6] == "4"  # objects
    assert rows["portolan-run"][2:4] == ["delta", "ads"]
    status = r.status()
    assert status["ready"] and status["envoys"][0]["acks"] > 0


def test_status_says_what_became_of_an_object(run):
    r = run()
    for name in ("ingress/default/web", "Ingress/web", "ing/default/web"):
        done = portolan("status", name, "--runtime-dir", r.runtime)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(r"web.yaml:1: Ingress default/web: accepted\n", done.stdout)
    done = portolan("status", "ingress/default/bad", "--runtime-dir", r.runtime)
    assert done.returncode == 1
    assert re.search("Ingress default/bad: partial\n  (warning|error) .*missing", done.stdout)
    problems = portolan("status", "--problems", "--runtime-dir", r.runtime)
    assert (problems.returncode, problems.stdout) == (1, done.stdout)
    done = portolan("status", "ingress/default/none", "--runtime-dir", r.runtime)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no ingress/default/none" in done.stderr


def test_health_of_a_stage_is_an_exit_code(run):
    r = run()
    for words in (["watcher"], ["translator", "--ready"]):
        done = portolan("health", "--runtime-dir", r.runtime, *words[1:], words[0])
        assert (done.returncode, done.stdout) == (0, "ok\n")
    os.kill(r.child("translator")["pid"], signal.SIGSTOP)
    done = portolan("health", "--runtime-dir", r.runtime, "--timeout-msec", "100", "translator")
    assert done.returncode == 1
    assert "translator runs, but does not answer in time" in done.stdout
    assert portolan("health", "--runtime-dir", r.runtime, "nonsense").returncode == 2


def test_a_second_one_in_the_same_directory_is_refused(run):
    r = run()
    done = subprocess.run(r.command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert f"Portolan runs here already (pid {r.process.pid}, runtime directory" in done.stderr
    assert r.status()["ready"]


def test_a_taken_port_is_refused_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as runtime:
        port = taken.getsockname()[1]
        for option in ("--xds-address", "--admin-address"):
            done = portolan("run", "--manifests", tmp_path, "--runtime-dir", runtime,
                            "--insecure-plaintext", "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0",
                            option, f"127.0.0.1:{port}")
            assert (done.returncode, done.stdout) == (1, "")
            assert f"port {port} is taken by another program" in done.stderr
            assert option in done.stderr and len(done.stderr.splitlines()) == 1


def test_without_an_envoy_it_says_how_to_get_one(tmp_path):
    with tempfile.TemporaryDirectory() as runtime:
        base = ["run", "--manifests", tmp_path, "--runtime-dir", runtime, "--insecure-plaintext", "--xds-address",
                "127.0.0.1:0", "--admin-address", "127.0.0.1:0", "--listen-address", loopback()]
        done = portolan(*base, "--envoy", env={"PATH": "/nowhere", "PORTOLAN_CACHE": "/nowhere"})
        assert done.returncode == 1
        assert "--envoy=PATH" in done.stderr and "scripts/venv" in done.stderr
        done = portolan(*base, "--envoy=/nowhere/envoy")
        assert done.returncode == 1 and "cannot run /nowhere/envoy" in done.stderr


def test_metrics_of_all_stages_together_are_of_the_format(run):
    """https://prometheus.io/docs/instrumenting/exposition_formats/: a family's lines are adjacent,
    TYPE before samples, no sample twice."""
    r = run()
    address = r.status()["stages"]["admin"]["admin_address"]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    families, samples, family = [], [], None
    for line in lines:
        if line.startswith("# "):
            word, name = line.split(" ")[1:3]
            assert word in ("HELP", "TYPE")
            if name != family:
                families.append(name)
                family = name
            continue
        sample = re.fullmatch(
            r'([a-zA-Z_:][\w:]*)\{stage="([a-z-]+)"(,\w+="([^"\\]|\\.)*")*\} (\S+)', line
        )
        assert sample, line
        float(sample[5])
        assert re.fullmatch(f"{family}(_bucket|_sum|_count)?", sample[1]), line
        samples.append(line.rsplit(" ", 1)[0])
    assert len(families) == len(set(families))
    assert len(samples) == len(set(samples))
    for stage in ("watcher", "translator", "xds-server", "admin", "supervisor"):
        assert f'portolan_stage_up{{stage="{stage}"}} 1' in lines
        [memory] = [s for s in lines if s.startswith(f'process_resident_memory_bytes{{stage="{stage}"}}')]
        assert 1e6 < float(memory.split()[1]) < 1e9


def test_without_a_source_it_says_what_is_missing():
    done = portolan("run", env={k: v for k, v in os.environ.items() if k != "KUBECONFIG"})
    assert done.returncode == 2 and "--manifests" in done.stderr


def test_status_shows_conditions_as_kubernetes_would_have_them(pipeline):
    def proxy(name, generation, *routes, **virtualhost):
        return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
                "metadata": {"name": name, "namespace": "default", "generation": generation},
                "spec": {"routes": list(routes), **({"virtualhost": virtualhost} if virtualhost else {})}}

    web = {"services": [{"name": "web", "port": 80}]}
    extension = {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ExtensionService",
                 "metadata": {"name": "auth", "namespace": "default"},
                 "spec": {"services": [{"name": "nobody", "port": 80}]}}
    pipeline.write("all.yaml", service("web", port(80)), slice_of("web", 8080, "127.0.0.1"), extension,
                   proxy("good", 3, web, fqdn="good.example.com"), proxy("orphan", 1, web),
                   proxy("bad", 2, {**web, "conditions": [{"prefix": "x"}]}, fqdn="bad.example.com"))

    def shown(name, code):
        done = portolan("status", "--runtime-dir", pipeline.dir, name)
        assert done.returncode == code, done.stderr
        said = json.loads(portolan("status", "--runtime-dir", pipeline.dir, "--json", name).stdout)
        return done.stdout.splitlines()[1:], said[0]["status"]

    lines, status = shown("httpproxy/default/good", 0)
    assert lines == ["  status valid: Valid HTTPProxy", "  condition Valid: True, Valid, of generation 3"]
    assert status == {"currentStatus": "valid", "description": "Valid HTTPProxy", "conditions": [
        {"type": "Valid", "status": "True", "observedGeneration": 3, "reason": "Valid", "message": "Valid HTTPProxy"}]}
    lines, status = shown("proxy/bad", 1)
    assert lines[:2] == ["  status invalid: At least one error present, see Errors for details",
                         "  condition Valid: False, ErrorPresent, of generation 2"]
    [error] = status["conditions"][0]["errors"]
    assert (error["type"], error["status"], error["reason"]) == ("RouteError", "True", "PathMatchConditionsNotValid")
    assert error["message"].startswith("spec.routes[0].conditions: ") and "warnings" not in status["conditions"][0]
    lines, status = shown("httpproxy/default/orphan", 1)
    assert lines[0] == "  status orphaned: this HTTPProxy is not part of a delegation chain from a root HTTPProxy"
    lines, status = shown("extensionservice/default/auth", 1)
    assert lines[0] == "  condition Valid: False, ErrorPresent" and set(status) == {"conditions"}
    assert status["conditions"][0]["errors"]
    # Those of other kinds are as they were, and so is the list of all.
    assert "status" not in json.loads(portolan("status", "--runtime-dir", pipeline.dir, "--json", "svc/web").stdout)[0]
    assert "condition Valid" not in portolan("status", "--runtime-dir", pipeline.dir, "--problems").stdout
    assert portolan("status", "--runtime-dir", pipeline.dir, "proxy/default/good/x").returncode == 1
    # portolan explain says the same of an object.
    said = portolan("explain", "--runtime-dir", pipeline.dir, "proxy/good").stdout
    assert "  condition Valid: True, Valid, of generation 3\n" in said


def test_status_and_health_where_nothing_runs(tmp_path):
    done = portolan("status", "--runtime-dir", tmp_path / "none")
    assert done.returncode == 1 and "nothing runs in" in done.stderr
    done = portolan("health", "--runtime-dir", tmp_path / "none", "watcher")
    assert done.returncode == 1 and "watcher does not run" in done.stdout


def test_without_a_session_directory_everyone_finds_the_same_one_and_nobody_elses():
    path = pathlib.Path(f"/tmp/portolan-{os.geteuid()}")
    bare = {k: v for k, v in os.environ.items() if k not in ("XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY")}
    done = portolan("bootstrap", env=bare)
    assert f'path: "{path}/envoy-admin.sock"' in done.stdout
    with tempfile.TemporaryDirectory() as session:
        done = portolan("bootstrap", env={**bare, "XDG_RUNTIME_DIR": session})
        assert f'path: "{session}/portolan/envoy-admin.sock"' in done.stdout
        done = portolan("bootstrap", env={**bare, "XDG_RUNTIME_DIR": session,
                                          "RUNTIME_DIRECTORY": "/run/a:/run/b"})
        assert 'path: "/run/a/envoy-admin.sock"' in done.stdout


def test_a_volume_in_memory_that_is_open_to_all_gets_a_folder_for_us(folder):
    """Like the kubelet's emptyDir with medium Memory: sticky, setgid and writable for all."""
    volume = folder / "volume"
    volume.mkdir()
    volume.chmod(0o3777)
    (folder / "manifests").mkdir()
    own = volume / f"portolan-{os.geteuid()}"
    command = [program("portolan-watcher"), "--manifests", folder / "manifests"]
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(volume)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as watcher:
        for line in watcher.stderr:
            if own.joinpath("watcher.control").exists():
                break
        done = portolan("health", "watcher", env=environment)
        watcher.terminate()
        watcher.stderr.read()
    assert (done.returncode, watcher.returncode) == (0, 0), line
    assert own.stat().st_mode & 0o777 == 0o700


def test_a_volume_on_disk_that_is_open_to_all_is_refused_with_what_to_do(folder):
    volume = folder / "volume"
    volume.mkdir()
    volume.chmod(0o777)
    done = subprocess.run([program("portolan-translator"), "--runtime-dir", volume],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "emptyDir: medium Memory, or a folder inside it" in done.stderr
