"""The harness itself: a real API server does what the other tests take for granted.

No program of ours runs here. A fault seen here causes failures in all tests with Kubernetes, and is
easier to read here.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading

import pytest

from kube_api import ApiError
from kube_bytes import PROTOBUF, PROTOBUF_WATCH, fields_of, open_envelope

WEB = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: web.example
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.7]}]
ports: [{name: http, port: 8080}]
"""
THINGS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.tests.example"},
    "spec": {
        "group": "tests.example",
        "names": {"kind": "Thing", "plural": "things"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def config_map(namespace, name, value="1"):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"value": value},
    }


def read_token(folder):
    return (folder / "token").read_text(encoding="utf-8")


def test_kubectl_applies_gets_and_deletes(kube, namespace):
    applied = kube.kubectl("-n", namespace, "apply", "-f", "-", input=WEB).stdout
    assert applied.count(" created") == 3
    changed = WEB.replace("web.example", "other.example")
    applied = kube.kubectl("-n", namespace, "apply", "-f", "-", input=changed).stdout
    assert "ingress.networking.k8s.io/web configured" in applied
    got = kube.kubectl("-n", namespace, "get", "ingress,endpointslice", "-o", "json").stdout
    ingress, slice_ = json.loads(got)["items"]
    assert ingress["spec"]["rules"][0]["host"] == "other.example"
    assert slice_["endpoints"][0]["addresses"] == ["10.244.0.7"]
    kube.kubectl("-n", namespace, "delete", "-f", "-", input=changed)
    assert kube.client.list("Ingress", namespace)["items"] == []


def test_kubectl_says_why_it_was_refused(kube, namespace):
    loopback = WEB.replace("10.244.0.7", "127.0.0.1")
    done = kube.kubectl("-n", namespace, "apply", "-f", "-", input=loopback, check=False)
    assert done.returncode != 0
    assert "may not be in the loopback range" in done.stderr


def test_list_in_protobuf(kube, namespace):
    kube.kubectl("-n", namespace, "apply", "-f", "-", input=WEB)
    for kind, name in (("Ingress", b"web"), ("Service", b"web"), ("EndpointSlice", b"web-1")):
        response = kube.client.request("GET", kube.client.path(kind, namespace), accept=PROTOBUF)
        assert response.status == 200
        assert response.headers["Content-Type"] == PROTOBUF
        listed, raw = open_envelope(response.body)
        assert listed == f"{kind}List"
        items = [value for number, value in fields_of(raw) if number == 2]
        assert len(items) == 1
        metadata = dict(fields_of(dict(fields_of(items[0]))[1]))
        assert metadata[1] == name
        assert metadata[3] == namespace.encode()


def test_watch_streams_the_list_first_and_marks_its_end(kube, namespace):
    for name in ("a", "b"):
        kube.client.create(config_map(namespace, name))
    with kube.client.watch(
        kube.client.path("ConfigMap", namespace),
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    ) as watch:
        events = [next(watch) for _ in range(3)]
        assert [event["type"] for event in events] == ["ADDED", "ADDED", "BOOKMARK"]
        assert {event["object"]["metadata"]["name"] for event in events[:2]} == {"a", "b"}
        bookmark = events[2]["object"]["metadata"]
        assert bookmark["annotations"]["k8s.io/initial-events-end"] == "true"
        assert int(bookmark["resourceVersion"]) <= kube.revision()
        kube.client.delete(config_map(namespace, "a"))
        assert next(e["type"] for e in watch if e["type"] != "BOOKMARK") == "DELETED"


def test_watch_in_protobuf(kube, namespace):
    path = kube.client.path("ConfigMap", namespace)
    version = kube.client.list("ConfigMap", namespace)["metadata"]["resourceVersion"]
    with kube.client.watch(path, accept=PROTOBUF_WATCH, resourceVersion=version) as watch:
        assert watch.content_type == PROTOBUF_WATCH
        kube.client.create(config_map(namespace, "a"))
        # A frame is a metav1.WatchEvent in no envelope, its object a RawExtension in one.
        event = dict(fields_of(next(watch)))
        assert event[1] == b"ADDED"
        kind, raw = open_envelope(dict(fields_of(event[2]))[1])
        assert kind == "ConfigMap"
        assert dict(fields_of(dict(fields_of(raw))[1]))[1] == b"a"


def test_custom_resource_from_definition_to_object(kube, namespace):
    kube.install(THINGS)
    try:
        thing = {
            "apiVersion": "tests.example/v1",
            "kind": "Thing",
            "metadata": {"name": "t", "namespace": namespace},
            "spec": {"any": [1, 2]},
        }
        assert kube.client.create(thing)["spec"] == {"any": [1, 2]}
        got = kube.client.get("Thing", namespace, "t", api_version="tests.example/v1")
        assert got["metadata"]["generation"] == 1
    finally:
        kube.client.delete(THINGS)


def test_bulk_keeps_order_and_raises_what_was_refused(kube, namespace):
    items = [config_map(namespace, f"c{i}") for i in range(200)]
    made = kube.client.bulk("create", items)
    assert [m["metadata"]["name"] for m in made] == [i["metadata"]["name"] for i in items]
    assert len(kube.client.list("ConfigMap", namespace)["items"]) == 200
    with pytest.raises(ApiError) as refused:
        kube.client.bulk("create", items[:3])
    assert (refused.value.status, refused.value.reason) == (409, "AlreadyExists")


def test_rbac_lets_a_user_do_what_was_granted_and_no_more(kube, namespace):
    kube.kubectl(
        "-n", namespace, "create", "role", "reader", "--verb=list", "--resource=services"
    )
    kube.kubectl(
        "-n", namespace, "create", "rolebinding", "reader", "--role=reader", "--group=readers"
    )
    kube.wait_granted([kube.client.get(kind, namespace, "reader") for kind in ("Role", "RoleBinding")])
    user = kube.user("rita", groups=["readers"])
    rita = kube.new_client(user)
    assert rita.list("Service", namespace)["kind"] == "ServiceList"
    with pytest.raises(ApiError) as refused:
        rita.list("Secret", namespace)
    assert refused.value.status == 403
    assert 'User "rita" cannot list resource "secrets"' in str(refused.value)
    kubeconfig = kube.kubeconfig("rita", user, namespace=namespace)
    assert kube.kubectl("get", "services", kubeconfig=kubeconfig).returncode == 0


def test_service_account_in_a_pods_place(kube, namespace):
    user = kube.service_account(namespace, "watcher")
    folder = kube.service_account_folder(namespace, "watcher")
    first = read_token(folder)
    with pytest.raises(ApiError) as refused:
        kube.new_client(token=first).list("Service", namespace)
    assert refused.value.status == 403
    assert user in str(refused.value)
    script = (
        "cd /var/run/secrets/kubernetes.io/serviceaccount && curl -s --cacert ca.crt"
        ' -H "Authorization: Bearer $(cat token)"'
        " https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/version"
    )
    pod = kube.exec_in_ns(
        ["sh", "-c", script], service_account=folder, stdout=subprocess.PIPE
    )
    assert json.loads(pod.communicate(timeout=60)[0])["major"] == "1"
    kube.service_account_folder(namespace, "watcher")
    assert read_token(folder) != first


def test_endpoints_addresses_are_served_in_the_namespace(kube):
    """A backend in a thread of the test, asked by a process in the namespace."""
    address = ("10.244.0.7", 8080)
    ask = ["curl", "--silent", "http://{}:{}/".format(*address)]
    with kube.netns.listen(*address) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        server = threading.Thread(target=serve)
        server.start()
        assert kube.netns.run(ask).stdout == "hello"
        server.join()
    # Nothing else has that address.
    assert kube.netns.run(ask, check=False).returncode == 7


def test_ordinary_restart_ends_watches_and_keeps_objects(own_kube):
    path = own_kube.client.path("ConfigMap", "default")
    made = own_kube.client.create(config_map("default", "a"))
    before = made["metadata"]["resourceVersion"]
    with own_kube.client.watch(path, resourceVersion=before) as watch:
        old = own_kube.apiserver.popen
        own_kube.restart_apiserver()
        assert old.returncode == 0
        assert list(watch) == []
    assert own_kube.client.get("ConfigMap", "default", "a") == made
    listed = own_kube.client.list("ConfigMap", "default")["metadata"]["resourceVersion"]
    assert int(listed) >= int(before)
    own_kube.client.create(config_map("default", "b"))
    with own_kube.client.watch(path, resourceVersion=listed) as watch:
        assert next(watch)["object"]["metadata"]["name"] == "b"


def test_killed_server_comes_back_with_its_objects(own_kube):
    made = own_kube.client.create(config_map("default", "a"))
    own_kube.kill_apiserver()
    assert own_kube.apiserver.popen.returncode == -signal.SIGKILL
    with pytest.raises(ConnectionRefusedError):
        own_kube.client.list("ConfigMap", "default")
    own_kube.ensure_running()
    assert own_kube.client.get("ConfigMap", "default", "a") == made


def test_wait_for_ends_with_the_state_that_was_wanted(kube, namespace):
    item = config_map(namespace, "a")
    kube.client.create(item)
    change = threading.Thread(target=kube.client.patch, args=(item, {"data": {"value": "2"}}))
    change.start()
    got = kube.client.wait_for("ConfigMap", namespace, "a", lambda c: c["data"]["value"] == "2")
    change.join()
    assert got["metadata"]["name"] == "a"


def test_wait_for_sees_what_was_written_before_it(kube, namespace):
    item = config_map(namespace, "a")
    for n in range(30):
        kube.client.create(item)
        kube.client.patch(item, {"data": {"value": str(n)}})
        assert kube.client.wait_for("ConfigMap", namespace, "a", lambda c: True)["data"]["value"] == str(n)
        kube.client.delete(item)
    again = threading.Thread(target=kube.client.create, args=(config_map(namespace, "a", "again"),))
    again.start()
    assert kube.client.wait_for("ConfigMap", namespace, "a", lambda c: True)["data"]["value"] == "again"
    again.join()


def test_paused_server_is_silent_until_it_is_resumed(own_kube):
    impatient = own_kube.new_client(own_kube.admin)
    assert impatient.request("GET", "/version").status == 200
    # From now on, and on this connection.
    impatient.local.connection.sock.settimeout(0.5)
    own_kube.pause_apiserver()
    with pytest.raises(TimeoutError):
        impatient.request("GET", "/version")
    own_kube.resume_apiserver()
    assert own_kube.client.request("GET", "/version").status == 200


def test_expired_history_is_gone(own_kube):
    old = own_kube.client.create(config_map("default", "a"))["metadata"]["resourceVersion"]
    own_kube.expire_history()
    path = own_kube.client.path("ConfigMap", "default")
    with own_kube.client.watch(path, resourceVersion=old) as watch:
        event = next(watch)
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_compaction_under_a_slow_list_expires_its_continue_token(own_kube):
    own_kube.client.bulk("create", [config_map("default", f"c{i}") for i in range(20)])
    first = own_kube.client.list("ConfigMap", "default", query={"limit": 5})
    own_kube.client.create(config_map("default", "later"))
    own_kube.expire_history()
    rest = {"limit": 5, "continue": first["metadata"]["continue"]}
    with pytest.raises(ApiError) as gone:
        own_kube.client.list("ConfigMap", "default", query=rest)
    assert (gone.value.status, gone.value.reason) == (410, "Expired")


def test_lost_history_takes_objects_and_versions_back(own_kube):
    own_kube.client.create(config_map("default", "before"))
    own_kube.save("a")
    own_kube.client.bulk("create", [config_map("default", f"c{i}") for i in range(200)])
    later = own_kube.client.create(config_map("default", "after"))["metadata"]["resourceVersion"]
    own_kube.rewind("a")
    names = {c["metadata"]["name"] for c in own_kube.client.list("ConfigMap", "default")["items"]}
    assert "before" in names and "after" not in names
    own_kube.wipe()
    listed = own_kube.client.list("ConfigMap", "default")
    assert "before" not in {c["metadata"]["name"] for c in listed["items"]}
    assert int(listed["metadata"]["resourceVersion"]) < int(later)


def test_closing_a_namespace_kills_children_of_children(netns):
    # Away from its parent, out of its session, and deaf to all but SIGKILL.
    script = "trap '' TERM HUP INT; setsid sh -c 'echo $$; exec sleep 1000' & wait"
    process = netns.popen(["sh", "-c", script], stdout=subprocess.PIPE)
    orphan = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert orphan in netns.pids()
    pidfd = os.pidfd_open(orphan)
    netns.close()
    assert ended(pidfd)
    process.stdout.close()


def ended(pidfd):
    """Wait for the end of a process, which makes its pidfd readable, and close that."""
    with os.fdopen(pidfd, "rb"):
        return select.select([pidfd], [], [], 10)[0] == [pidfd]


@pytest.mark.usefixtures("netns")
def test_killed_test_run_leaves_no_process(tmp_path):
    """Things that no teardown cleans up: the process that holds the namespace is itself killed."""
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        "from netns import NetworkNamespace\n"
        "netns = NetworkNamespace()\n"
        "child = netns.popen(['sleep', '1000'])\n"
        "while 'sleep' not in open(f'/proc/{child.pid}/comm').read(): pass\n"
        "print(netns.holder.pid, child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    lib = os.path.dirname(sys.modules["netns"].__file__)
    run = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": lib},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    pidfds = [os.pidfd_open(int(pid)) for pid in run.stdout.readline().split()]
    run.kill()
    run.communicate()
    assert all(ended(pidfd) for pidfd in pidfds)


def test_sockets_of_the_namespace_are_not_reachable_from_outside(netns):
    with netns.listen("127.0.0.1") as listener:
        address = listener.getsockname()
        netns.connect(address).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
