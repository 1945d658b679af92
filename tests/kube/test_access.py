"""How the watcher reaches an API server and identifies itself: certificates, tokens, plugins,
proxies; and its messages if that does not work."""

import datetime
import json
import os
import socket
import threading

import pytest

from certs import DAY, Authority
from fake_api import FakeApi, refusal
from kube import poll
from kube_watcher import KubeWatcher

SERVICES = "/api/v1/services"
NOW = datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture(scope="module")
def authority():
    return Authority("good authority")


@pytest.fixture
def api(authority):
    with FakeApi(certificate=authority.issue("127.0.0.1"), client_ca=authority.text) as fake:
        yield fake


@pytest.fixture
def start(tmp_path):
    """Starts a watcher with a kubeconfig for a server."""
    running = []

    def begin(api, ca=None, user=None, ready=True, env=None, **cluster):
        path = api.kubeconfig(tmp_path / "kubeconfig", ca, user, cluster=cluster)
        watcher = KubeWatcher(None, tmp_path / "w", "--no-leader-election", kubeconfig=path)
        watcher.env.update(env or {})
        running.append(watcher)
        return watcher.start(ready)

    yield begin
    for watcher in running:
        watcher.close()


def bearer(request):
    return request.headers.get("authorization")


def test_a_client_certificate_is_shown(api, authority, start):
    start(api, authority, authority.issue("alice"))
    assert {r.user for r in api.seen()} == {"alice"}


def test_a_token_is_shown(api, authority, start):
    start(api, authority, {"token": "of-alice"})
    assert {bearer(r) for r in api.seen()} == {"Bearer of-alice"}


def test_a_name_and_a_password_are_shown(api, authority, start):
    start(api, authority, {"username": "alice", "password": "secret"})
    assert {bearer(r) for r in api.seen()} == {"Basic YWxpY2U6c2VjcmV0"}


def test_tls_server_name_is_what_the_certificate_must_have(authority, start):
    with FakeApi(certificate=authority.issue("kubernetes.example")) as api:
        start(api, authority, **{"tls-server-name": "kubernetes.example"})
        assert api.seen(SERVICES)


def test_no_verification_is_said_loudly(authority, start):
    with FakeApi(certificate=authority.issue("elsewhere.example")) as api:
        watcher = start(api, None, **{"insecure-skip-tls-verify": True})
        assert "warning watcher: context \"tests\"" in watcher.logged()
        assert "insecure-skip-tls-verify: whoever is between" in watcher.logged()


BAD = {
    "name": (dict(names=["a.example", "10.9.8.7"]), "is for a.example, 10.9.8.7 and not for 127.0.0.1"),
    "expired": (dict(begins=NOW - 9 * DAY, ends=NOW - 2 * DAY), "has expired on "),
    "early": (dict(begins=NOW + 2 * DAY, ends=NOW + 9 * DAY), "is not valid before "),
    "authority": (dict(authority=Authority("bad authority")),
                  'is signed by "CN = bad authority", which is not the authority in '
                  "certificate-authority-data"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_with_a_certificate_is_said(authority, start, what):
    options, words = BAD[what]
    options = dict(options)
    names = options.pop("names", ["127.0.0.1"])
    signer = options.pop("authority", authority)
    with FakeApi(certificate=signer.issue(*names, **options)) as api:
        watcher = start(api, authority, ready=False)
        watcher.wait_logged("trying again")
        status, why = watcher.ask("/readyz")
        assert status == 503
        assert words in why and words in watcher.logged()
        assert "the API server's certificate" in why
        assert not api.seen()


def test_a_server_that_is_not_there_is_said_and_waited_for(api, authority, start):
    api.go_away()
    watcher = start(api, authority, ready=False)
    watcher.wait_logged("Couldn't connect to server: trying again")
    # Once, and not for every kind.
    assert watcher.logged().count(" warning ") == 1

    def several():
        """One line names all those that have failed and are not being tried again at this moment."""
        lines = [line for line in watcher.ask("/readyz")[1].splitlines() if "Couldn't connect to server" in line]
        assert len(lines) <= 1, lines
        return any(line.split(":")[1].count(",") >= 1 for line in lines)

    poll(several)
    api.come_back()
    watcher.wait_ready()


PLUGIN = """#!/bin/sh
echo run >> "$LOG"
test "$KIND" != fail || exit 3
test "$KIND" != garbage || exec echo '{"kind": "Nonsense"}'
printf '%s' "$KUBERNETES_EXEC_INFO" > "$LOG.info"
test -n "$EXPIRES" || EXPIRES=$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)
n=$(wc -l < "$LOG")
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
       "status": {"token": "token-'$n'", "expirationTimestamp": "'$EXPIRES'"}}'
"""


@pytest.fixture
def plugin(tmp_path):
    """kubeconfig's user for a plugin whose token has the number of its run; expires="": in 4 s."""
    path = tmp_path / "plugin"
    path.write_text(PLUGIN)
    path.chmod(0o700)
    log = tmp_path / "runs"

    def user(kind="good", expires="2099-01-01T00:00:00Z"):
        env = {"LOG": str(log), "KIND": kind, "EXPIRES": expires}
        return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin",
                         "interactiveMode": "Never", "provideClusterInfo": True,
                         "installHint": "get it at plugin.example",
                         "env": [{"name": k, "value": v} for k, v in env.items()]}}

    user.log = log
    return user


def test_a_plugin_is_run_once_and_told_of_the_cluster(api, authority, start, plugin):
    start(api, authority, plugin())
    assert {bearer(r) for r in api.seen()} == {"Bearer token-1"}
    info = json.loads(plugin.log.with_name("runs.info").read_text())
    assert info["kind"] == "ExecCredential"
    assert info["spec"]["interactive"] is False
    assert info["spec"]["cluster"]["server"] == api.url
    assert info["spec"]["cluster"]["certificate-authority-data"]


def test_a_plugin_is_run_again_when_what_it_gave_has_expired(api, authority, start, plugin):
    wait = refusal(503, "ServiceUnavailable", "wait", [("retry-after", "4")])
    api.on(SERVICES, wait, times=1)
    start(api, authority, plugin(expires=""))
    assert bearer(api.seen(SERVICES)[0]) == "Bearer token-1"
    assert bearer(api.seen(SERVICES)[-1]) == "Bearer token-2"


@pytest.mark.parametrize("kind, words", [
    ("fail", "failed with exit code 3. get it at plugin.example"),
    ("garbage", "did not print an ExecCredential"),
])
def test_a_plugin_that_fails_is_said_and_tried_again(api, authority, start, plugin, kind, words):
    watcher = start(api, authority, plugin(kind), ready=False)
    watcher.wait_logged(f"warning .*{words}")
    assert words in watcher.ask("/readyz")[1]
    assert not api.seen()
    end = watcher.wait_logged(f"debug .*{words}.*: asking again in 2000 ms")
    watcher.wait_logged(f"debug .*{words}.*: asking again in 4000 ms", since=end)
    assert len(plugin.log.read_text().splitlines()) >= 2


def test_a_proxy_is_gone_through(api, authority, start):
    asked = []
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            asked.append(head.split(b"\r\n")[0].decode())
            server = socket.create_connection((api.host, api.port))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for pair in ((client, server), (server, client)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        start(api, authority, **{"proxy-url": f"http://127.0.0.1:{listener.getsockname()[1]}"})
        assert asked == [f"CONNECT {api.host}:{api.port} HTTP/1.1"]
    finally:
        listener.close()


def test_the_environment_names_the_kubeconfig(api, authority, tmp_path):
    path = api.kubeconfig(tmp_path / "mine", authority)
    watcher = KubeWatcher(None, tmp_path / "w", "--no-leader-election", kubeconfig=path)
    watcher.args = ["--no-leader-election"]
    watcher.env["KUBECONFIG"] = f"{tmp_path / 'missing'}{os.pathsep}{path}"
    with watcher:
        assert api.seen(SERVICES)
