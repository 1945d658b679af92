"""The watcher against an API server that does things that a real one will not do on demand: it
keeps its objects, bounds its input, logs the fault, and goes on when it can."""

import re

import pytest

from certs import Authority
from fake_api import (
    Cut,
    FakeApi,
    Freeze,
    Gate,
    GoAway,
    Head,
    Pieces,
    ResetConnection,
    ResetStream,
    encoding,
    refusal,
)
from kube_bytes import JSON, JSON_WATCH, PROTOBUF_WATCH, bookmark, error_event, event, list_body, message
from kube_watcher import KubeWatcher
from programs import SANITIZED

SERVICES = "/api/v1/services"
# A sanitizer's own memory is many times that.
MEMORY_MB = 400 if SANITIZED else 60
PROXIES = "/apis/projectcontour.io/v1/httpproxies"


def wire(name, version, port=80):
    """A Service in protobuf."""
    return message({1: {1: name, 3: "default", 6: str(version)}, 2: {1: [{3: port}]}})


def change(what, name, version, port=80):
    return event(PROTOBUF_WATCH, what, "v1", "Service", wire(name, version, port))


def added(name, version, port=80):
    return change("ADDED", name, version, port)


def listed(version):
    return bookmark(PROTOBUF_WATCH, "v1", "Service", str(version), end=True)


def streamed(*more, names=("kept",), version=5):
    """A streamed list, and the events after it."""
    yield Head(content_type=PROTOBUF_WATCH)
    for name in names:
        yield added(name, version)
    yield listed(version)
    yield from more


def lists(*names, version=5):
    """A whole list in one page, and a server's answer at that version to the question whether it
    has our history."""

    def script(request):
        content_type = encoding(request)
        items = [] if request.query["limit"] == "1" else [wire(name, version) for name in names]
        yield Head(content_type=content_type)
        yield list_body(content_type, "v1", "Service", items, str(version))

    return script


def watched(*steps):
    return [Head(content_type=PROTOBUF_WATCH), *steps]


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(params=["http/1.1", "h2"])
def api(request, authority):
    tls = {"certificate": authority.issue("127.0.0.1")} if request.param == "h2" else {}
    with FakeApi(**tls) as fake:
        fake.authority = authority if tls else None
        yield fake


@pytest.fixture
def h2(authority):
    with FakeApi(certificate=authority.issue("127.0.0.1")) as fake:
        fake.authority = authority
        yield fake


def watcher_of(api, tmp_path, *options, name="w", user=None, **config):
    kubeconfig = api.kubeconfig(tmp_path / f"{name}.kubeconfig", api.authority, user, **config)
    return KubeWatcher(None, tmp_path / name, "--no-leader-election", *options, kubeconfig=kubeconfig)


def memory(watcher):
    """The most that it ever used, in MB."""
    with open(f"/proc/{watcher.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024


BROKEN = {
    "cut in the middle": ([added("late", 6)[:-3], Cut()], "."),
    "reset in the middle": ([added("late", 6)[:-3], ResetConnection()], "."),
    "reset of the stream": ([added("late", 6)[:-3], ResetStream()], "."),
    "end in the middle": ([added("late", 6)[:-3]], "cut off"),
    "garbage": ([b"\0\0\0\5hello"], "no Kubernetes API answer"),
    "JSON in a protobuf stream": ([event(JSON_WATCH, "ADDED", "v1", "Service", {})], "larger"),
    "an endless event": ([b"\x7f\xff\xff\xff", b"x" * 100000], "larger than can be right"),
    "an unknown event": ([event(PROTOBUF_WATCH, "NEWS", "v1", "Service", wire("late", 6))],
                         "no Kubernetes API answer"),
    "an error of the server": ([error_event(PROTOBUF_WATCH, 500, "InternalError", "boom")],
                               "ends the watch: boom"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_watch_that_breaks_is_taken_up_again_with_nothing_lost(api, tmp_path, how):
    steps, words = BROKEN[how]
    gate = Gate()
    api.on(SERVICES, lists("kept"), watch=False)
    api.on(SERVICES, watched(added("late", 6), Gate()), watch=True)
    api.on(SERVICES, watched(gate, *steps), watch=True, times=1)
    with watcher_of(api, tmp_path) as watcher, watcher.objects() as seen:
        seen.wait_for("Service", "default/kept")
        gate.open()
        seen.wait_for("Service", "default/late")
        request = api.seen(SERVICES, watch=True)[-1]
        assert request.query["resourceVersion"] == "5"
        assert "sendInitialEvents" not in request.query
        assert seen.get("Service", "default/kept")
        assert re.search(f"Service: .*{words}.*trying again", watcher.logged())
        assert watcher.kind("Service")["relists"] == 0


def test_events_may_be_cut_at_every_byte(api, tmp_path):
    body = b"".join([added("a", 1), added("b", 2), listed(5), added("c", 6), change("DELETED", "a", 7)])
    api.on(SERVICES, [Head(content_type=PROTOBUF_WATCH), Pieces(body), Gate()], watch=True)
    with watcher_of(api, tmp_path) as watcher, watcher.objects() as seen:
        seen.wait_for("Service", "default/c")
        seen.wait_gone("Service", "default/a")
        assert seen.get("Service", "default/b")


def test_an_expired_watch_is_listed_again_and_what_is_gone_goes(api, tmp_path):
    gate = Gate()
    expired = error_event(PROTOBUF_WATCH, 410, "Expired", "too old resource version")
    api.on(SERVICES, lists("kept", "gone"), watch=False)
    api.on(SERVICES, lambda _: streamed(Gate(), names=("kept", "new"), version=20), watch=True)
    api.on(SERVICES, watched(gate, expired), watch=True, times=1)
    with watcher_of(api, tmp_path) as watcher, watcher.objects() as seen:
        first = seen.wait_for("Service", "default/kept")
        gate.open()
        seen.wait_gone("Service", "default/gone")
        seen.wait_for("Service", "default/new")
        assert seen.get("Service", "default/kept") == first
        assert seen.changes() == [("Service", "default/gone"), ("Service", "default/new")]
        assert "too old resource version" in watcher.logged()


def test_a_first_list_comes_in_chunks_and_the_next_ones_where_streams_are_refused(api, tmp_path):
    gate = Gate()

    def chunks(request):
        content_type = encoding(request)
        yield Head(content_type=content_type)
        at = int(request.query.get("continue", "0"))
        more = str(at + 1) if at < 4 else ""
        yield list_body(content_type, "v1", "Service", [wire(f"s{at}", 1)], "9", more)

    expired = error_event(PROTOBUF_WATCH, 410, "Expired", "too old resource version")
    api.on(SERVICES, refusal(422, "Invalid", "sendInitialEvents: Forbidden"), watch=True, times=1)
    api.on(SERVICES, watched(gate, expired), watch=True, times=1)
    api.on(SERVICES, chunks, watch=False)
    with watcher_of(api, tmp_path) as watcher, watcher.objects() as seen:
        seen.wait_for("Service", "default/s4")
        assert len([i for i in seen.state.values() if i.kind == 3]) == 5
        request = api.wait_for(SERVICES, watch=True)
        assert request.query["resourceVersion"] == "9"
        assert [r.query["limit"] for r in api.seen(SERVICES, watch=False)] == ["5000"] * 5
        gate.open()
        request = api.wait_for(SERVICES, watch=True, count=3)
        assert request.query["resourceVersion"] == "9"
        assert "sendInitialEvents" in api.seen(SERVICES, watch=True)[1].query
        assert len(api.seen(SERVICES, watch=False)) == 10


def test_a_server_that_is_busy_is_left_alone_as_long_as_it_says(api, tmp_path):
    busy = refusal(429, "TooManyRequests", "slow down", [("retry-after", "2")])
    api.on(SERVICES, busy, times=1)
    watcher = watcher_of(api, tmp_path)
    try:
        watcher.start(ready=False)
        watcher.wait_logged("Service: the API server answers 429: slow down")
        assert "Service: the API server answers 429: slow down" in watcher.ask("/readyz")[1]
        first, second = (api.wait_for(SERVICES, count=n).came for n in (1, 2))
        assert second - first > 1.8
        watcher.wait_ready()
    finally:
        watcher.close()


def test_a_lying_content_type_is_refused(api, tmp_path):
    api.on(SERVICES, [Head(content_type="text/html"), b"<html>"], times=1)
    with watcher_of(api, tmp_path) as watcher:
        assert "Service: the API server answered with a Content-Type that was not asked for" \
            in watcher.logged()
        assert watcher.status()["ready"]


def test_a_list_that_never_ends_is_not_followed_for_ever(api, tmp_path):
    block = b"".join(added(f"s{n}", 1) for n in range(2000))

    def endless(_):
        yield Head(content_type=PROTOBUF_WATCH)
        while True:
            yield block

    expired = error_event(PROTOBUF_WATCH, 410, "Expired", "too old resource version")
    api.on(SERVICES, endless, watch=True, times=1)
    api.on(SERVICES, watched(expired), watch=True, times=1)
    watcher = watcher_of(api, tmp_path)
    try:
        watcher.start()
        watcher.wait_logged("Service: the API server sent an object or a list that is larger",
                            timeout=60)
        assert memory(watcher) < MEMORY_MB
        # In the end it reports the empty cluster.
        with watcher.objects() as seen:
            seen.wait_gone("Service", "default/s0")
        assert not watcher.status()["objects"].get("Service")
    finally:
        watcher.close()


def test_an_endless_line_of_json_takes_no_memory(api, tmp_path):
    def endless(_):
        yield Head(content_type=JSON_WATCH)
        yield b'{"type":"ADDED","object":{"metadata":{"name":"'
        while True:
            yield b"x" * 65536

    api.on(PROXIES, [Head(), b'{"metadata":{"resourceVersion":"4"},"items":[]}'], watch=False)
    api.on(PROXIES, endless, watch=True, times=1)
    watcher = watcher_of(api, tmp_path)
    try:
        watcher.start(ready=False)
        watcher.wait_logged("HTTPProxy: the API server sent an object or a list that is larger")
        assert memory(watcher) < MEMORY_MB
        watcher.wait_ready()
    finally:
        watcher.close()


def test_an_event_that_is_never_finished_is_given_up(api, tmp_path):
    gate = Gate()
    api.on(SERVICES, watched(Pieces(added("late", 6), gate=gate)), watch=True, times=1)
    api.on(SERVICES, lists("kept"), watch=False)
    with watcher_of(api, tmp_path) as watcher, watcher.objects() as seen:
        seen.wait_for("Service", "default/kept")
        gate.step(3)
        watcher.wait_logged("Service: the API server does not finish what it has begun", timeout=120)
        api.wait_for(SERVICES, watch=True, count=2)
        assert seen.get("Service", "default/kept")


def test_garbage_for_json_leaves_the_others_alone(api, tmp_path):
    proxy = {"metadata": {"name": "p", "namespace": "default", "resourceVersion": "3"},
             "spec": {"virtualhost": {"fqdn": "p.example"}}}
    first = event(JSON_WATCH, "ADDED", "projectcontour.io/v1", "HTTPProxy", proxy)
    api.on(PROXIES, [Head(content_type=JSON_WATCH), first, b'{"type":,}\n', Gate()],
           watch=True, times=1)
    api.on(PROXIES, [Head(), b'{"metadata":{"resourceVersion":"4"},"items":[]}'], watch=False)
    with watcher_of(api, tmp_path) as watcher, watcher.objects() as seen:
        seen.wait_for("HTTPProxy", "default/p")
        watcher.wait_logged("HTTPProxy: the API server sent something that is no Kubernetes API")
        api.wait_for(PROXIES, watch=True, count=2)
        assert seen.get("HTTPProxy", "default/p")
        assert watcher.kind("Service")["problem"] == ""


def test_a_server_that_is_starting_is_not_believed_about_absent_kinds(api, tmp_path):
    proxy = {"metadata": {"name": "p", "namespace": "default", "resourceVersion": "3"},
             "spec": {"virtualhost": {"fqdn": "p.example"}}}
    gateway = {"metadata": {"name": "g", "namespace": "default", "resourceVersion": "3"}}
    group = "/apis/gateway.networking.k8s.io"
    api.on("/readyz", [Head(500, "text/plain"), b"[-]poststarthook/crd-informer-synced failed"])
    watcher = watcher_of(api, tmp_path)
    try:
        watcher.start(ready=False)
        api.wait_for("/readyz", count=2, outcome="complete")
        status, why = watcher.ask("/readyz")
        assert status == 503 and "the API server is not ready yet" in why
        assert not api.seen(PROXIES) and not api.seen(group)
        for path, kind, item in ((PROXIES, "HTTPProxy", proxy), (f"{group}/v1/gateways", "Gateway", gateway)):
            api.on(path, [Head(), list_body(JSON, "v1", kind, [item], "5")], watch=False)
        api.on(group, [Head(), b'{"versions":[{"version":"v1"}]}'])
        api.on(f"{group}/v1", [Head(), b'{"resources":[{"name":"gateways"}]}'])
        api.on("/readyz", [b"ok"])
        watcher.wait_ready()
        with watcher.objects() as seen:
            seen.wait_for("HTTPProxy", "default/p")
            seen.wait_for("Gateway", "default/g")
            assert seen.mirror.deltas == 0
    finally:
        watcher.close()


def test_one_connection_serves_all_and_goaway_moves_to_another(h2, tmp_path):
    gate = Gate()
    h2.on(SERVICES, lists("kept"), watch=False)
    h2.on(SERVICES, watched(gate, GoAway(), Gate()), watch=True, times=1)
    with watcher_of(h2, tmp_path) as watcher, watcher.objects() as seen:
        seen.wait_for("Service", "default/kept")
        h2.wait_for(SERVICES, watch=True)
        h2.wait_for(watch=True, count=7)
        assert {r.connection for r in h2.seen()} == {1}
        gate.open()
        h2.go_away()
        watcher.wait_logged("trying again")
        h2.on(SERVICES, watched(added("late", 6), Gate()), watch=True)
        h2.come_back()
        seen.wait_for("Service", "default/late", timeout=120)
        assert watcher.status()["kubernetes"]["reachable"]


def test_a_frozen_connection_is_left_for_another(h2, tmp_path):
    gate = Gate()
    h2.on(SERVICES, watched(added("late", 6), Gate()), watch=True)
    h2.on(SERVICES, watched(gate, Freeze()), watch=True, times=1)
    h2.on(SERVICES, lists("kept"), watch=False)
    with watcher_of(h2, tmp_path) as watcher, watcher.objects() as seen:
        seen.wait_for("Service", "default/kept")
        gate.open()
        watcher.wait_logged("has gone silent: connecting again", timeout=120)
        seen.wait_for("Service", "default/late", timeout=120)
