"""portolan-admin over control sockets of stages that answer, hang, lie or are missing."""

import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

from control_sockets import FakeStage
from events import Deadline
from objects import ingress, path, rule
from programs import program

ADMIN = program("portolan-admin")
PATIENCE = 60  # seconds until a test fails whose event does not come
STAGES = ("watcher", "translator", "xds-server", "supervisor")


class Admin:
    def __init__(self, folder, **environment):
        self.folder = folder
        self.process = subprocess.Popen(
            [ADMIN, "--runtime-dir", folder, "--admin-address", "127.0.0.1:0"],
            stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
        )
        line = self.process.stderr.readline()
        self.port = int(re.search(r"listening at http://127.0.0.1:(\d+)/", line)[1])

    def request(self, target, method="GET", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, target, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer, body

    def get(self, target, **arguments):
        answer, body = self.request(target, **arguments)
        return answer.status, body


@pytest.fixture
def setup():
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portolan-")))

        def make(**stages):
            fakes = {}
            for name in STAGES:
                config = stages.get(name.replace("-", "_"), {})
                if config is not None:
                    fakes[name] = FakeStage(folder, name, **config)
                    stack.callback(fakes[name].close)
            admin = Admin(folder)

            @stack.callback
            def stop():
                admin.process.send_signal(signal.SIGTERM)
                assert admin.process.wait(PATIENCE) == 0
                admin.process.stderr.close()

            return admin, fakes

        yield make


def test_it_is_ready_when_every_stage_is(setup):
    admin, _ = setup()
    status, body = admin.get("/readyz")
    assert status == 200
    assert body.splitlines() == [f"{s}: ok" for s in (*STAGES[:3], "admin", "supervisor")]


def test_one_stage_that_is_not_ready_or_away_is_named(setup):
    admin, _ = setup(
        watcher={"pages": {"/readyz": (503, "text/plain", "reading\nstill reading\n")}},
        translator=None,
    )
    status, body = admin.get("/readyz")
    assert status == 503
    assert "watcher: reading\nwatcher: still reading\ntranslator: does not run\n" in body
    assert "xds-server: ok" in body


def test_without_a_supervisor_of_ours_it_is_ready_all_the_same(setup):
    admin, _ = setup(supervisor=None)
    status, body = admin.get("/readyz")
    assert status == 200 and "supervisor" not in body


def test_a_stage_that_hangs_hangs_no_page(setup):
    admin, _ = setup(translator={"hang": True})
    answers = {}

    def ask(target):
        answers[target] = admin.get(target)

    threads = [threading.Thread(target=ask, args=[t]) for t in ("/readyz", "/metrics", "/")]
    for t in threads:
        t.start()
    assert admin.get("/healthz") == (200, "ok\n")  # meanwhile
    for t in threads:
        t.join()
    status, body = answers["/readyz"]
    assert status == 503 and "translator: runs, but does not answer in time\n" in body
    status, body = answers["/metrics"]
    assert status == 200
    assert 'portolan_stage_up{stage="translator"} 0\n' in body
    assert 'portolan_stage_up{stage="watcher"} 1\n' in body
    status, body = answers["/"]
    assert status == 200 and "runs, but does not answer in time" in body


def test_metrics_of_all_stages_are_one_page(setup):
    link = "# HELP l Of a link.\n# TYPE l counter\nl{link=\"objects\"} %d\n"
    admin, _ = setup(
        watcher={"pages": {"/metrics": (200, "text/plain", link % 1)}},
        translator={"pages": {"/metrics": (200, "text/plain", link % 2)}},
    )
    answer, body = admin.request("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert (
        "# HELP l Of a link.\n# TYPE l counter\n"
        'l{stage="watcher",link="objects"} 1\nl{stage="translator",link="objects"} 2\n'
    ) in body


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 100000,  # more than a readiness answer may have
    ],
)
def test_a_stage_that_answers_nonsense_is_reported(setup, raw):
    admin, _ = setup(translator={"raw": raw})
    status, body = admin.get("/readyz")
    assert status == 503
    assert re.search("^translator: (does not answer as it should|answers more than)", body, re.M)
    assert "xds-server: ok" in body


def test_a_chunked_answer_is_put_together(setup):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nal\r\n7\r\nl well\n\r\n0\r\n\r\n"
    admin, _ = setup(translator={"raw": raw})
    assert "translator: all well\n" in admin.get("/readyz")[1]


def test_debug_pages_are_passed_on_with_their_query(setup):
    page = {"/debug/resources?kind=cluster&name=a%20b": (200, "application/json", '{"a":1}')}
    admin, fakes = setup(translator={"pages": page})
    answer, body = admin.request("/debug/translator/resources?kind=cluster&name=a%20b")
    assert (answer.status, body) == (200, '{"a":1}')
    assert answer.headers["Content-Type"] == "application/json"
    assert admin.get("/debug/translator/nothing") == (404, "no such page\n")


def test_only_debug_pages_are_passed_on(setup):
    admin, fakes = setup()
    for target in ("/debug/translator", "/debug/translator?x", "/debug/translator/../metrics"):
        assert admin.get(target)[0] == 404
    assert all(t.startswith("/debug") for t in fakes["translator"].targets)
    assert admin.get("/debug/notify/x")[0] == 404
    assert admin.get("/debug/../etc/x")[0] == 404


def test_a_client_that_goes_away_leaves_nothing_behind(setup):
    admin, fakes = setup(translator={"hang": True})
    for _ in range(70):  # more than may wait at once
        with socket.create_connection(("127.0.0.1", admin.port), PATIENCE) as s:
            s.sendall(b"GET /debug/translator/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert fakes["translator"].asked.wait(PATIENCE)
            fakes["translator"].asked.clear()
    assert admin.get("/debug/watcher/x") == (404, "no such page\n")


def asker(family, address, target):
    """A connection whose client does not read the answer yet."""
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(PATIENCE)
    s.connect(address)
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return s


def slow_reader(family, address, target):
    """A connection whose client reads the first byte of an answer and no more."""
    s = asker(family, address, target)
    assert s.recv(1) == b"H"
    return s


def until_answered(ask):
    end = Deadline(PATIENCE)
    while ask() != 200:
        end.left("the page")


def test_clients_that_do_not_read_cost_a_bounded_amount_of_memory(setup):
    """Before, each of them kept a page of up to 64 MiB in the memory of admin and of the stage."""
    admin, _ = setup(translator={"pages": {"/debug/large": (200, "text/plain", "x" * (16 << 20))}})
    slow = [slow_reader(socket.AF_INET, ("127.0.0.1", admin.port), "/debug/translator/large") for _ in range(5)]
    assert admin.get("/debug/translator/large") == (503, "too many answers wait to be read: ask later\n")
    assert admin.get("/")[0] == 503
    assert [admin.get(target)[0] for target in ("/readyz", "/healthz", "/metrics")] == [200] * 3
    for s in slow:
        s.close()
    until_answered(lambda: admin.get("/debug/translator/large")[0])


def test_clients_that_ask_at_the_same_time_cost_no_more(setup):
    """Before, each of them was begun, as nothing waited to be read when it asked."""
    large, small = {"/debug/large": (200, "text/plain", "x" * (16 << 20))}, {"/debug/small": (200, "text/plain", "y")}
    admin, _ = setup(translator={"pages": large, "together": {"/debug/large": 12}}, watcher={"pages": small})
    slow = [asker(socket.AF_INET, ("127.0.0.1", admin.port), "/debug/translator/large") for _ in range(12)]
    answers = [s.recv(len("HTTP/1.1 200"), socket.MSG_WAITALL).decode().split()[1] for s in slow]
    assert sorted(answers) == ["200"] * 5 + ["503"] * 7
    refused = slow[answers.index("503")].makefile("rb").read1().decode()
    assert refused.endswith("\r\n\r\ntoo many answers wait to be read: ask later\n")
    assert admin.get("/debug/watcher/small")[0] == 503
    assert [admin.get(target)[0] for target in ("/readyz", "/healthz", "/metrics")] == [200] * 3
    for s in slow:
        s.close()
    until_answered(lambda: admin.get("/debug/watcher/small")[0])


def test_a_stage_keeps_a_bounded_amount_of_answers_that_nobody_reads(pipeline):
    broken = [ingress(f"i{i}", rule(f"h{i}.example.com", *[path("web", at=f"/{k}") for k in range(20)])) for i in range(4000)]
    pipeline.write("a.yaml", *broken)
    control = str(pipeline.dir / "watcher.control")
    assert len(pipeline.watcher.get("/debug/statuses")) > 16 << 20
    slow = [slow_reader(socket.AF_UNIX, control, "/debug/statuses") for _ in range(5)]
    assert pipeline.watcher.ask("/debug/statuses") == (503, "too many answers wait to be read: ask later\n")
    assert pipeline.watcher.ask("/healthz")[0] == pipeline.watcher.ask("/metrics")[0] == 200
    for s in slow:
        s.close()
    until_answered(lambda: pipeline.watcher.ask("/debug/statuses")[0])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_reading_is_possible(setup, method):
    admin, fakes = setup()
    assert admin.get("/debug/translator/x", method=method)[0] in (405, 501)
    assert fakes["translator"].targets == []


def test_a_head_request_has_no_body(setup):
    admin, _ = setup()
    assert admin.get("/readyz", method="HEAD") == (200, "")


def test_a_page_of_another_site_cannot_ask_through_a_browser(setup):
    admin, _ = setup()
    for host in ("evil.example", f"evil.example:{admin.port}"):
        assert admin.get("/metrics", headers={"Host": host})[0] == 403
    assert admin.get("/metrics", headers={"Host": f"localhost:{admin.port}"})[0] == 200
    assert 'portolan_admin_refused_total{stage="admin"} 2' in admin.get("/metrics")[1]


def test_the_index_lists_stages_and_pages_and_escapes_what_they_say(setup):
    admin, _ = setup(
        watcher={
            "pages": {
                "/": (200, "text/plain", "/\n/readyz\n/debug/status\n/debug/<x>\n"),
                "/readyz": (503, "text/plain", "<script>&\n"),
            }
        },
    )
    status, body = admin.get("/debug")
    assert status == 200
    assert '<a href="/debug/watcher/status">status</a>' in body
    assert '<a href="/debug/watcher/&lt;x&gt;">' in body
    assert "&lt;script&gt;&amp;" in body and "<script" not in body


def test_a_port_that_is_taken_is_said_so(setup):
    admin, _ = setup()
    with tempfile.TemporaryDirectory(prefix="portolan-") as other:
        second = subprocess.run(
            [ADMIN, "--runtime-dir", other, "--admin-address", f"127.0.0.1:{admin.port}"],
            capture_output=True, text=True, timeout=PATIENCE,
        )
    assert second.returncode == 1
    assert f"cannot listen at 127.0.0.1:{admin.port}: Address already in use" in second.stderr


def test_a_supervisor_that_hangs_does_not_hang_a_stage(folder):
    """Its socket holds few messages (net.unix.max_dgram_qlen); the sender must not wait for room."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(folder / "notify.sock"))
        supervisor.settimeout(PATIENCE)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(str(folder / "notify.sock"))
            with pytest.raises(BlockingIOError):
                while True:
                    other.send(b"STATUS=not read")
        admin = Admin(folder, NOTIFY_SOCKET=str(folder / "notify.sock"), WATCHDOG_USEC="300000")
        assert admin.get("/healthz") == (200, "ok\n")
        heard = set()
        while not any(m.startswith("READY=1\nSTATUS=listening") for m in heard):
            heard.add(supervisor.recv(4096).decode())
        assert admin.get("/healthz") == (200, "ok\n")
        admin.process.terminate()
        assert admin.process.wait(PATIENCE) == 0
        admin.process.stderr.close()
