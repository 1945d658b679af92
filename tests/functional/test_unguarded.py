"""A route and its guard come in one change, to a listener and to connections that live: no request reaches the route
unguarded, also on connections that Envoy still serves by the former form of the listener."""

import http.client
import threading

import pytest

import gateway_objects as api
from backends import Client
from certs import Authority
from envoy_process import Envoy
from events import Deadline
from extension_services import AuthorizationServer
from nginx import SETTINGS, nginx
from objects import backend_objects, tls_secret
from tokens import Signer, key_set

HOST = "web.example.com"
UNGUARDED = (200, "web")


def to(at, **more):
    return {"conditions": [{"prefix": at}], "services": [{"name": "web", "port": 80}], **more}


def proxy(*routes, **virtualhost):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": HOST, "tls": {"secretName": "cert"}, **virtualhost}, "routes": list(routes)}}


def external():
    return {"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}, "backendRef": {"name": "doorman", "port": 80}}}


def gateway(*rules, **more):
    return [api.CLASS, api.gateway("web", api.listener("http", 8090, **more)), api.route("r", *rules, hosts=[HOST])]


def at(path, **more):
    return api.rule(api.backend("web"), at=path, **more)


class Guards:
    """A method a guard: objects before and after the change, and objects that are there all the time."""

    def __init__(self, site):
        self.site, self.stack = site, []

    def doorman(self):
        return backend_objects(self.site.backend("doorman", lambda asked: (401, ())))

    def authorization(self):
        self.stack.append(AuthorizationServer("auth", self.site.address))
        guard = {"extensionRef": {"name": "auth"}}
        return [proxy(to("/old"))], [proxy(to("/old"), to("/new"), authorization=guard)], self.stack[0].objects()

    def token(self):
        keys = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "keys", "namespace": "default"},
                "stringData": {"jwks": key_set(Signer("e"))}}
        provider = {"name": "local", "localJWKS": {"secretName": "keys", "key": "jwks"}, "default": True}
        return [proxy(to("/old"))], [proxy(to("/old"), to("/new"), jwtProviders=[provider])], [keys]

    def listener_filter(self):
        return gateway(at("/old")), gateway(at("/old"), at("/new"), filters={"requests": [external()]}), self.doorman()

    def second_listener_filter(self):
        """An old connection has the first one's filter, and none for the second one."""
        self.site.backend("porter")
        first = external()
        first["externalAuth"]["backendRef"] = {"name": "porter", "port": 80}
        return (gateway(at("/old"), filters={"requests": [first]}),
                gateway(at("/old"), at("/new"), filters={"requests": [first, external()]}),
                [*self.doorman(), *backend_objects(self.site.backends["porter"])])

    def route_filter(self):
        return gateway(at("/old")), gateway(at("/old"), at("/new", filters=[external()])), self.doorman()

    def annotation(self):
        old = nginx("old", HOST, api_path("/old"), tls=[("cert", HOST)])
        return [old], [old, nginx("new", HOST, api_path("/new"), auth_url="http://doorman.default.svc.cluster.local/")], self.doorman()


def api_path(at):
    return {"path": at, "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}


class Asker:
    """Asks for a path again and again, on a connection that stays or on new ones."""

    def __init__(self, connect, stays):
        self.connect, self.stays = connect, stays
        self.seen = []
        self.connection = None
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended:
            try:
                self.connection = self.connection or self.connect()
                answer = Client.on(self.connection, HOST, "/new")
                with self.changed:
                    self.seen.append((answer.status, answer.backend))
                    self.changed.notify_all()
                if not self.stays or answer.headers.get("connection") == "close":
                    self.leave()
            except (OSError, http.client.HTTPException):
                self.leave()

    def leave(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def more(self, n):
        with self.changed:
            wanted = len(self.seen) + n
            assert self.changed.wait_for(lambda: len(self.seen) >= wanted, 60), self.seen

    def end(self):
        self.ended = True
        self.thread.join(60)
        self.leave()


@pytest.fixture
def living(site, folder, request):
    """A site whose Envoy keeps connections of a listener's former form for long."""
    which, form = request.param
    (folder / "config.yaml").write_text(SETTINGS)
    site.pipeline.watcher.args += ["--config", folder / "config.yaml"]
    site.pipeline.translator.args += ["--tls-hosts", form]
    site.pipeline.start()
    site.envoy = Envoy(site.folder, site.pipeline.xds_address, which)
    site.envoy.drain_seconds = 600
    site.envoy.start()
    return site


@pytest.mark.parametrize("living", [("newest", "chains"), ("oldest", "chains"), ("newest", "shared")], indirect=True, ids=str)
@pytest.mark.parametrize("guard", ["authorization", "token", "listener_filter", "second_listener_filter", "route_filter", "annotation"])
def test_a_new_route_is_never_served_without_its_new_guard(living, guard):
    site, guards = living, Guards(living)
    tls = guard in ("authorization", "token", "annotation")
    client = Client(site.address, http=8090)
    before, after, more = getattr(guards, guard)()
    site.write("app.yaml", *backend_objects(site.backend("web")), tls_secret("cert", Authority().issue(HOST)), *more)
    site.write("web.yaml", *before)
    end = Deadline(60)
    while client.get(HOST, "/old", tls).status != 200:
        end.left("the former state is served")
    kept = client.connect(HOST, tls)
    assert client.on(kept, HOST, "/old").backend == "web"
    askers = [Asker(lambda: client.connect(HOST, tls), stays) for stays in (True, True, False, False)]
    try:
        for a in askers:
            a.more(1)
        site.write("web.yaml", *after)
        end = Deadline(60)
        while client.get(HOST, "/new", tls).status != 401:
            end.left("the guard is asked")
        for a in askers:
            a.more(20)
        assert (found := client.on(kept, HOST, "/new")).backend != "web", found
    finally:
        for a in askers:
            a.end()
        for server in guards.stack:
            server.close()
        kept.close()
    assert not any(UNGUARDED in a.seen for a in askers), [a.seen for a in askers]
