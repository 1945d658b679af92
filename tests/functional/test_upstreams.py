"""How requests get to applications: which of them, how often, how long and in which protocol, seen
through a real Envoy."""

import collections
import ssl
import threading
import time

import pytest

from certs import Authority
from events import Deadline
from h2_backend import H2Backend
from objects import backend_objects, ingress, path, port, proxy, rule, service, slice_of, tls_secret, to


@pytest.fixture
def site(shared_site):
    shared_site.client.__init__(shared_site.address)
    return shared_site


@pytest.fixture
def blocked():
    """A reply that waits for the end of the test."""
    over = threading.Event()
    yield lambda *_: (over.wait(60), (200, ()))[1]
    over.set()


def shares(site, host, n, **headers):
    """{backend: number of answers} of n requests on one connection, so that one of Envoy's threads has all."""
    connection = site.client.connect(host)
    try:
        answers = [site.client.on(connection, host, headers=headers) for _ in range(n)]
    finally:
        connection.close()
    return collections.Counter(a.backend or a.status for a in answers)


def several(name, *backends, health=None):
    """One Service of several backends; health: those that answer each one's health checks."""
    ports = [port(80, "http"), port(81, "health")]
    slices = [slice_of(name, 0, b.address, suffix=b.name, ports=[
        {"name": "http", "port": b.port}, {"name": "health", "port": (health or backends)[i].port}])
        for i, b in enumerate(backends)]
    return [service(name, *ports), *slices]


def until_served(site, host, timeout=60):
    """A cluster with health checks takes part when it knows the health of all."""
    deadline = Deadline(timeout)
    while site.get(host).status == 503:
        deadline.left(f"{host} is served")


# ---- which ----


def test_weights_share_requests_out_and_zero_gets_none(site):
    names = ("much", "little", "none", "even", "odd")
    site.write("weights.yaml", *(o for n in names for o in backend_objects(site.backend(n))),
               proxy("weights", to(*({"name": n, "weight": w} for n, w in zip(names, (90, 10, 0)))),
                     fqdn="weights.example.com"),
               proxy("weightless", to("even", "odd"), fqdn="weightless.example.com"))
    got = shares(site, "weights.example.com", 300)
    assert got["none"] == 0
    assert 5 <= got["little"] <= 80 and got["much"] + got["little"] == 300
    got = shares(site, "weightless.example.com", 60)
    assert got["even"] + got["odd"] == 60 and min(got["even"], got["odd"]) >= 5


def test_a_mirror_gets_a_copy_and_its_answer_is_nobodys(site):
    shown, mirror = site.backend("shown"), site.backend("mirror", lambda _: (500, ()))
    part = site.backend("part")
    site.write("mirror.yaml", *(o for b in (shown, mirror, part) for o in backend_objects(b)),
               proxy("mirror", to("shown", {"name": "mirror", "mirror": True}),
                     to("shown", {"name": "part", "mirror": True, "weight": 20},
                        conditions=[{"prefix": "/part"}]), fqdn="mirror.example.com"))
    answer = site.get("mirror.example.com", "/copied?x=1")
    assert (answer.status, answer.backend) == (200, "shown")
    copy = mirror.wait_asked(1)[0]
    assert (copy.path, copy.headers["Host"]) == ("/copied?x=1", "mirror.example.com-shadow")
    for _ in range(100):
        assert site.get("mirror.example.com", "/part").backend == "shown"
    assert 1 <= len(part.wait_asked(1)) <= 60


def test_a_cookie_or_a_hash_brings_a_client_back_to_one_endpoint(site):
    backends = [site.backend(f"hash-{n}") for n in "abc"]
    policies = {"header": {"headerHashOptions": {"headerName": "x-user"}},
                "query": {"queryParameterHashOptions": {"parameterName": "user"}},
                "address": {"hashSourceIP": True}}
    site.write("hash.yaml", *several("hash", *backends),
               proxy("cookie", to("hash", loadBalancerPolicy={"strategy": "Cookie"}),
                     fqdn="cookie.example.com"),
               *(proxy(n, to("hash", loadBalancerPolicy={
                   "strategy": "RequestHash", "requestHashPolicies": [p]}), fqdn=f"{n}.example.com")
                 for n, p in policies.items()))
    first = site.get("cookie.example.com")
    name, value = first.cookies[0].split(";")[0].split("=")
    assert name == "X-Contour-Session-Affinity"
    assert set(shares(site, "cookie.example.com", 20, Cookie=f"{name}={value}")) == {first.backend}
    assert len({site.get("cookie.example.com").backend for _ in range(20)}) >= 2
    by_header = [shares(site, "header.example.com", 3, **{"x-user": f"user-{i}"}) for i in range(30)]
    assert {len(s) for s in by_header} == {1} and len(set().union(*by_header)) >= 2
    by_query = {site.get("query.example.com", f"/?user={i}").backend for i in range(30)}
    assert len(by_query) >= 2
    assert len({site.get("query.example.com", f"/{i}?user=me").backend for i in range(10)}) == 1
    assert len({site.get("address.example.com", f"/{i}").backend for i in range(10)}) == 1


@pytest.mark.parametrize("strategy", ["RoundRobin", "WeightedLeastRequest", "Random"])
def test_strategies_reach_all_endpoints(site, strategy):
    name = strategy.lower()
    backends = [site.backend(f"{name}-{n}") for n in "ab"]
    site.write(f"{name}.yaml", *several(name, *backends), proxy(
        name, to(name, loadBalancerPolicy={"strategy": strategy}), fqdn=f"{name}.example.com"))
    got = shares(site, f"{name}.example.com", 40)
    assert sum(got.values()) == 40 and min(got[b.name] for b in backends) >= 4
    if strategy == "RoundRobin":
        assert len(set(got.values())) == 1


@pytest.mark.parametrize("own_port", [False, True])
def test_endpoints_that_fail_their_health_check_get_no_requests(site, own_port):
    name = "health-port" if own_port else "health"
    sick, well = (lambda _: (500, ())), (lambda _: (200, ()))
    backends = [site.backend(f"{name}-{n}") for n in "ab"]
    if own_port:
        judges = [site.backend(f"{name}-judge-a", sick), site.backend(f"{name}-judge-b", well)]
    else:
        judges = backends
        backends[0].reply = lambda a: (500 if a.path == "/healthz" else 200, ())
    more = {"healthPort": 81} if own_port else {}
    site.write(f"{name}.yaml", *several(name, *backends, health=judges), proxy(
        name, to({"name": name, **more}, healthCheckPolicy={
            "path": "/healthz", "intervalSeconds": 1, "timeoutSeconds": 1, "unhealthyThresholdCount": 1,
            "healthyThresholdCount": 1, "host": "checks.example.com"}), fqdn=f"{name}.example.com"))
    until_served(site, f"{name}.example.com")
    assert shares(site, f"{name}.example.com", 20) == {backends[1].name: 20}
    check = judges[0].wait_asked(1)[0]
    assert (check.path, check.headers["Host"]) == ("/healthz", "checks.example.com")


def test_a_tcp_health_check_needs_a_connection_only(site):
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    live, dead = site.backend("tcp-live"), site.backend("tcp-dead")
    dead.close()
    site.backends.pop("tcp-dead")
    site.write("tcp.yaml", *several("tcp", live, dead), tls_secret("tcp", authority.issue("tcp.example.com")),
               proxy("tcp", fqdn="tcp.example.com", tls={"secretName": "tcp"}, tcp=to("tcp", healthCheckPolicy={
                   "intervalSeconds": 1, "timeoutSeconds": 1, "unhealthyThresholdCount": 1,
                   "healthyThresholdCount": 1})))
    deadline = Deadline(60)
    while True:
        try:
            site.get("tcp.example.com", tls=True)
            break
        except (OSError, ssl.SSLError):
            deadline.left("the health of both is known")
    assert [site.get("tcp.example.com", tls=True).backend for _ in range(12)] == ["tcp-live"] * 12


def test_a_new_endpoint_starts_slowly(site):
    old, new = site.backend("slow-old"), site.backend("slow-new")
    window = 3.0  # in most of which the new state is settled, and the requests are made
    # Raised to the tenth power, the share stays at its minimum for most of the window.
    objects = proxy("slow", to({"name": "slow", "slowStartPolicy": {
        "window": "3s", "aggression": "0.1", "minWeightPercent": 10}}), fqdn="slow.example.com")
    site.write("slow.yaml", *several("slow", old), objects)
    begin = time.monotonic()
    while time.monotonic() < begin + window:
        assert site.get("slow.example.com").backend == "slow-old"
    site.write("slow.yaml", *several("slow", old, new), objects)
    got = shares(site, "slow.example.com", 40)
    assert sum(got.values()) == 40 and got["slow-new"] <= 12


# ---- how often, how long ----


def failing(times, status=503):
    """A reply that fails so many times for each path."""
    left = collections.defaultdict(lambda: times)

    def reply(asked):
        left[asked.path] -= 1
        return (status if left[asked.path] >= 0 else 200), ()

    return reply


def test_requests_are_tried_again_as_often_and_for_what_is_asked(site):
    twice, teapot = site.backend("twice", failing(2)), site.backend("teapot", failing(1, 418))
    site.write("retry.yaml", *backend_objects(twice), *backend_objects(teapot), proxy(
        "retry", to("twice"), to("twice", conditions=[{"prefix": "/two"}], retryPolicy={"count": 2}),
        to("twice", conditions=[{"prefix": "/one"}], retryPolicy={"count": 1}),
        to("twice", conditions=[{"prefix": "/none"}], retryPolicy={"count": -1}),
        to("twice", conditions=[{"prefix": "/other"}], retryPolicy={"count": 2, "retryOn": ["connect-failure"]}),
        to("teapot", conditions=[{"prefix": "/teapot"}], retryPolicy={
            "retryOn": ["retriable-status-codes"], "retriableStatusCodes": [418]}), fqdn="retry.example.com"),
        ingress("retry", rule("retry-ingress.example.com", path("twice")), annotations={
            "projectcontour.io/retry-on": "5xx", "projectcontour.io/num-retries": "2"}))
    assert {at: site.get("retry.example.com", at).status for at in (
        "/", "/two", "/one", "/none", "/other", "/teapot")} == {
        "/": 503, "/two": 200, "/one": 503, "/none": 503, "/other": 503, "/teapot": 200}
    tried = collections.Counter(a.path for a in twice.asked)
    assert tried == {"/": 1, "/two": 3, "/one": 2, "/none": 1, "/other": 1}
    assert site.get("retry-ingress.example.com", "/ingress").status == 200


def test_a_try_that_takes_too_long_is_given_up_for_the_next(site, blocked):
    first = collections.Counter()

    def reply(asked):
        first[asked.path] += 1
        return blocked() if first[asked.path] == 1 else (200, ())

    site.write("try.yaml", *backend_objects(site.backend("try", reply)),
               proxy("try", to("try", retryPolicy={"perTryTimeout": "100ms"}), fqdn="try.example.com"),
               ingress("try", rule("try-ingress.example.com", path("try")), annotations={
                   "projectcontour.io/retry-on": "5xx", "projectcontour.io/per-try-timeout": "100ms"}))
    assert site.get("try.example.com", "/proxy").status == 200
    assert site.get("try-ingress.example.com", "/ingress").status == 200
    assert first == {"/proxy": 2, "/ingress": 2}


def test_answers_that_do_not_come_in_time_are_504(site, blocked):
    site.write("timeout.yaml", *backend_objects(site.backend("timeout", blocked)),
               proxy("timeout", to("timeout", timeoutPolicy={"response": "100ms"}),
                     to("timeout", conditions=[{"prefix": "/idle"}], timeoutPolicy={
                         "response": "infinity", "idle": "100ms"}), fqdn="timeout.example.com"),
               *(ingress(f"timeout-{n}", rule(f"{n}.timeout.example.com", path("timeout")),
                         annotations={f"projectcontour.io/{n}-timeout": "100ms"})
                 for n in ("response", "request")))
    assert site.get("timeout.example.com").status == 504
    assert site.get("timeout.example.com", "/idle").status == 504
    for name in ("response", "request"):
        assert site.get(f"{name}.timeout.example.com").status == 504


def test_connections_without_requests_are_closed_in_time(site):
    idle = site.backend("idle")
    site.write("idle.yaml", *backend_objects(idle), proxy(
        "idle", to("idle", timeoutPolicy={"idleConnection": "100ms"}), fqdn="idle.example.com"))
    assert site.get("idle.example.com").status == 200
    idle.wait_closed(1)


def test_more_requests_than_the_circuit_breaker_allows_are_turned_away(site):
    go, here = threading.Event(), threading.Event()

    def reply(_):
        here.set()
        go.wait(60)
        return 200, ()

    site.write("breaker.yaml", *backend_objects(site.backend("breaker", reply), annotations={
        "projectcontour.io/max-requests": "1"}), ingress("breaker", rule("breaker.example.com", path("breaker"))))
    first = []
    thread = threading.Thread(target=lambda: first.append(site.get("breaker.example.com").status))
    thread.start()
    try:
        assert here.wait(60)
        second = site.get("breaker.example.com")
        assert (second.status, second.headers.get("x-envoy-overloaded")) == (503, "true")
    finally:
        go.set()
        thread.join(60)
    assert first == [200]
    assert site.get("breaker.example.com").status == 200


# ---- in which protocol ----


def outliers(name, *backends, **annotations):
    made = several(name, *backends)
    made[0]["metadata"]["annotations"] = {
        f"portolan.io/outlier-{key.replace('_', '-')}": value for key, value in annotations.items()}
    return made


def test_an_endpoint_that_keeps_failing_is_ejected_for_a_while(site):
    bad, good = site.backend("bad", lambda _: (500, ())), site.backend("good")
    site.write("ejected.yaml", *outliers("ejected", bad, good, consecutive_5xx="3", interval="10ms",
                                         ejection_time="200s"),
               proxy("ejected", to("ejected"), fqdn="ejected.example.com"))
    # Round robin: each second request meets the bad one, which is out after its third error.
    got = shares(site, "ejected.example.com", 40)
    assert 3 <= got["bad"] <= 6
    assert shares(site, "ejected.example.com", 20) == {"good": 20}


def test_the_last_endpoint_is_asked_though_it_is_ejected(site):
    bad = site.backend("only", lambda _: (500, ()))
    site.write("only.yaml", *outliers("only", bad, consecutive_5xx="2", ejection_time="200s",
                                      max_ejection_percent="100"),
               proxy("only", to("only"), fqdn="only.example.com"))
    # The application's own answer, and not Envoy's 503.
    assert shares(site, "only.example.com", 10) == {"only": 10}


def test_applications_that_speak_http_2_only(site):
    authority = Authority()
    (site.folder / "h2.pem").write_text("".join(authority.issue("h2.example.com")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.folder / "h2.pem")
    context.set_alpn_protocols(["h2"])
    plain = site.backends["h2c"] = H2Backend("h2c", site.address)
    secure = site.backends["h2"] = H2Backend("h2", site.address, context)
    site.write("h2.yaml", *backend_objects(plain, "spoken"), *backend_objects(plain, "h2c-plain"),
               *backend_objects(plain, "annotated", annotations={"projectcontour.io/upstream-protocol.h2c": "80"}),
               service("apps", {"port": 80, "appProtocol": "kubernetes.io/h2c"}), slice_of("apps", plain.port, plain.address),
               *backend_objects(secure, "secure", annotations={"projectcontour.io/upstream-protocol.h2": "80"}),
               proxy("h2c", to({"name": "spoken", "protocol": "h2c"}),
                     to("apps", conditions=[{"prefix": "/apps"}]),
                     to("annotated", conditions=[{"prefix": "/annotated"}]),
                     to("h2c-plain", conditions=[{"prefix": "/http1"}]),
                     to("secure", conditions=[{"prefix": "/secure"}]), fqdn="h2.example.com"),
               ingress("h2c", rule("h2-ingress.example.com", path("annotated"), path("secure", at="/secure"))))
    for at in ("/", "/apps", "/annotated"):
        answer = site.get("h2.example.com", at)
        assert (answer.status, answer.headers["x-protocol"], answer.backend) == (200, "h2", "h2c")
    assert site.get("h2.example.com", "/secure").backend == "h2"
    assert site.get("h2-ingress.example.com").backend == "h2c"
    assert site.get("h2-ingress.example.com", "/secure").backend == "h2"
    # It does not answer in HTTP/1.1.
    assert site.get("h2.example.com", "/http1").status in (502, 503)
