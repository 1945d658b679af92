"""The soak's objects in a real API server, which is restarted now and then."""

import contextlib
import json
import random
import signal
import socket
import threading

import chaos
import stage
from guests import Relay
from kube import KubeCluster
from kube_api import ApiError
from kubeconfig import write_kubeconfig


class Objects:
    """Objects that tests write as files go to the API server as well; the files are for the
    comparison at the end."""

    def __init__(self, kube, path):
        self.files = stage.Manifests(path)
        self.path = self.files.path
        self.kube = kube
        self.there = {}
        self.lock = threading.Lock()

    def _again(self, request):
        """A server that is away comes back."""
        pause = threading.Event()
        for _ in range(600):
            try:
                return request()
            except (OSError, ApiError) as error:
                if isinstance(error, ApiError) and error.status not in (409, 429, 500, 503, 504):
                    raise
                self.kube.client.close()
                pause.wait(0.1)
        raise TimeoutError("the API server did not come back")

    def _path(self, o):
        meta = o["metadata"]
        return self.kube.client.path(o["kind"], meta.get("namespace", "default"), meta["name"])

    def _put(self, o):
        fields = json.dumps(o).encode()
        self._again(lambda: self.kube.client.call(
            "PATCH", self._path(o), fields, query={"fieldManager": "soak", "force": "true"},
            content_type="application/apply-patch+yaml"))

    def _delete(self, o):
        with contextlib.suppress(KeyError):
            self._again(lambda: self.kube.client.request("DELETE", self._path(o)))

    def write(self, name, *objects):
        with self.lock:
            before = self.there.get(name, {})
            now = {(o["kind"], o["metadata"]["name"]): o for o in objects}
            for o in now.values():
                self._put(o)
            for key in before.keys() - now.keys():
                self._delete(before[key])
            self.there[name] = now
            self.files.write(name, *objects)

    def remove(self, name):
        self.write(name)
        self.files.remove(name)


class Restarts(chaos.Thread):
    def __init__(self, kube, every, seed):
        super().__init__(self._turn)
        self.kube, self.every, self.random = kube, every, random.Random(seed)
        self.stop_event = threading.Event()
        self.times = 0

    def _turn(self):
        self.stop_event.wait(self.every)
        if not self.stop_event.is_set():
            self.times += 1
            self.kube.restart_apiserver(self.random.choice((signal.SIGTERM, signal.SIGKILL)))

    def __exit__(self, *arguments):
        self.stop_event.set()
        super().__exit__(*arguments)
        self.kube.ensure_running()


class Cluster:
    def __init__(self, folder):
        folder.mkdir()
        self.kube = KubeCluster(folder)
        listener = socket.create_server(("127.0.0.1", 0))
        self.relay = Relay(listener, lambda: self.kube.netns.connect((self.kube.host, self.kube.port)))
        self.kubeconfig = write_kubeconfig(
            folder / "relay.kubeconfig", f"https://127.0.0.1:{listener.getsockname()[1]}", self.kube.admin,
            ca=self.kube.authority.text)

    def __enter__(self):
        self.kube.start()
        return self

    def __exit__(self, *_):
        self.relay.close()
        self.kube.stop()
