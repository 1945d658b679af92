"""`portolan envoy shutdown` takes an Envoy out of service without cutting a request."""

import json
import signal
import socket
import subprocess
import threading

import pytest

from backends import Load
from objects import backend_objects, ingress, path, rule
from programs import SANITIZED, program

HOST = "web.example.com"


def shutdown(admin, *words, **options):
    command = [program("portolan"), "envoy", "shutdown", "--admin", admin, *words]
    return subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, **options)


def finished(process, timeout=60):
    said = process.communicate(timeout=timeout)[1]
    return process.returncode, said


@pytest.fixture
def served(site):
    site.release = threading.Event()

    def reply(asked):
        if asked.path == "/slow":
            assert site.release.wait(60)
        return 200, ()

    site.start()
    site.write("web.yaml", *backend_objects(site.backend("web", reply)), ingress("web", rule(HOST, path("web"))))
    assert site.get(HOST).status == 200
    yield site
    site.release.set()


def test_requests_under_load_all_succeed_and_the_slow_one_ends(served):
    answers = []
    slow = threading.Thread(target=lambda: answers.append(served.get(HOST, "/slow", timeout=90)))
    slow.start()
    served.backends["web"].wait_asked(2)
    with Load(served.client, HOST, threads=2, per_connection=10) as load:
        load.more(20)
        drain = shutdown(served.envoy.admin_path, "--unready-after", 1, "--min-seconds", 1,
                         "--max-seconds", 40)
        # New connections are taken all the while.
        load.more(200)
    assert drain.poll() is None, "a request is under way"
    served.release.set()
    slow.join()
    code, said = finished(drain)
    assert (code, load.failed) == (0, [])
    assert answers[0].status == 200
    assert served.get(HOST).headers["connection"] == "close"
    assert "Envoy tells its clients to go" in said and "drained with 0 connections" in said
    served.envoy.process.send_signal(signal.SIGTERM)
    assert served.envoy.process.wait(60) == 0


def test_readiness_fails_after_its_delay_and_listeners_stay_open(served):
    drain = shutdown(served.envoy.admin_path, "--unready-after", 0, "--min-seconds", 0)
    assert finished(drain)[0] == 0
    assert json.loads(served.envoy.admin("/server_info"))["state"] == "DRAINING"
    assert served.get(HOST).status == 200


def test_it_gives_up_in_time_and_counts_what_is_left(served):
    with socket.create_connection((served.address, 8080)) as idle:
        code, said = finished(shutdown(served.envoy.admin_path, "--unready-after", 0, "--min-seconds", 0,
                                       "--max-seconds", 1))
        assert code == 3
        assert "time is over with 1 connections" in said
        code, said = finished(shutdown(served.envoy.admin_path, "--unready-after", 0, "--min-seconds", 0,
                                       "--max-seconds", 20, "--min-connections", 1))
        assert (code, "drained with 1 connections" in said) == (0, True)
        del idle


def test_an_envoy_that_ends_meanwhile_ends_it(served):
    with socket.create_connection((served.address, 8080)):
        drain = shutdown(served.envoy.admin_path, "--max-seconds", 40)
        assert "tells its clients to go" in drain.stderr.readline()
        served.envoy.process.kill()
        code, said = finished(drain)
    assert (code, "does not answer any more" in said) == (1, True)


def test_without_an_envoy_there_is_nothing_to_wait_for(folder):
    code, said = finished(shutdown(folder / "admin.sock"))
    assert (code, "No such file or directory" in said) == (1, True)


@pytest.mark.parametrize("words, why", [
    (("--max-seconds", "1"), "--max-seconds must not be less"),
    (("--admin", "relative"), "--admin: an absolute path or ADDRESS:PORT"),
    (("word",), "nothing to name besides options"),
])
def test_misuse_is_said(folder, words, why):
    code, said = finished(shutdown(folder / "admin.sock", *words))
    assert (code, why in said) == (2, True)


def test_what_happens_is_said_where_the_option_says(folder):
    log = folder / "log"
    code, said = finished(shutdown(folder / "admin.sock", "--log", log))
    assert (code, said) == (1, "")
    assert "No such file or directory" in log.read_text()


def answering(folder, answer):
    """An admin interface that answers everything alike, once."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "admin.sock"))
    listener.listen()

    def serve():
        connection = listener.accept()[0]
        with connection:
            connection.recv(4096)
            connection.sendall(answer)
        listener.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("answer", [
    b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200", b"HTTP/1.1 503 No\r\n\r\n", b"\0" * 5000,
])
def test_an_answer_that_is_none_is_no_envoy(folder, answer):
    thread = answering(folder, answer)
    code, said = finished(shutdown(folder / "admin.sock"))
    assert (code, "/drain_listeners" in said) == (1, True)
    thread.join()


@pytest.mark.skipif(SANITIZED, reason="sanitizers need shared libraries")
def test_the_program_runs_without_any_library():
    out = subprocess.run(["readelf", "-d", program("portolan-envoy-shutdown")], capture_output=True, text=True)
    assert "NEEDED" not in out.stdout
