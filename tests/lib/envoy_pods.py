"""What the objects of Gateways' own Envoys need of a cluster, where there is only an API server (kube.py).

It stands in for Kubernetes' controllers, scheduler and kubelet: each Deployment and DaemonSet that Portolan makes gets
one pod, a real Envoy in a network namespace of its own, with the bootstrap that the template's init container writes and
the Secret that the template mounts. And it stands in for a load balancer: each Service of type LoadBalancer gets an
address (the one that it asks for, or none if that cannot be had), and what is sent there to one of its ports reaches a
pod that is ready.

    172.21.0.0/16   addresses of the load balancer, the lowest free one for a Service that asks for none
    172.22.0.0/16   pods; 172.22.0.1 is their router
"""

import base64
import contextlib
import hashlib
import http.client
import ipaddress
import itertools
import json
import pathlib
import queue
import socket
import subprocess
import threading

from kube import ADDRESS, poll
from netns import Unavailable
from objects import tls_secret
from programs import program, venv
from stage import Stage

SELECTOR = "app.kubernetes.io/managed-by=portolan,portolan.io/fleet"
APPS = {"api_version": "apps/v1"}
WATCHED = {"Deployment": APPS, "DaemonSet": APPS, "Service": {}, "Secret": {}}
NODE = "envoy-pods"
XDS = f"{ADDRESS}:8001"
BALANCED = ipaddress.ip_network("172.21.0.0/16")
PODS = ipaddress.ip_network("172.22.0.0/16")
ROUTER = str(PODS[1])
TABLE = "21"  # of routes to balanced addresses; rules lead there by port
BEGIN_SECONDS = 180
SETTINGS = ("ip_forward=1", "conf/all/rp_filter=0", "conf/default/rp_filter=0")
# What a pod's process does first: it waits for its cable and sets up its network, then it becomes the program.
IN_POD = 'echo && ip -batch - && echo && log=$1 && shift && exec "$@" >>"$log" 2>&1 </dev/null'


class Pod:
    """One Envoy. Its thread makes it, tells the site when it is ready or does not run, and waits until nobody wants it."""

    def __init__(self, site, number, workload, secrets):
        self.site = site
        self.secrets = secrets
        self.of = key_of(workload)
        self.revision = revision_of(workload)
        self.template = workload["spec"]["template"]
        self.labels = self.template["metadata"]["labels"]
        self.namespace = workload["metadata"]["namespace"]
        self.name = f"{workload['metadata']['name']}-{self.revision}-{number}"
        self.address = str(PODS[number + 1])
        self.cable = f"envoy{number}"
        self.folder = site.folder / str(number)
        self.ready = self.ending = False
        self.fault = None
        self.unwanted = threading.Event()
        self.process = None
        threading.Thread(target=self.live, daemon=True).start()

    def live(self):
        try:
            self.begin()
            self.site.events.put(("READY", self))
            self.fault = f"it ended with {self.process.wait()}"
        except Exception as error:
            self.fault = repr(error)
        self.site.events.put(("ENDED", self))
        self.unwanted.wait()
        self.site.client.request("DELETE", self.site.client.path("Pod", self.namespace, self.name), {"gracePeriodSeconds": 0})

    def begin(self):
        self.folder.mkdir()
        self.site.client.create(self.object())
        self.start(self.volumes())
        poll(self.answers, BEGIN_SECONDS, lambda: self.process.poll() is None)
        self.report()

    def kill(self):
        self.ending = True
        if self.process:
            self.process.kill()
            self.process.wait()

    def logged(self):
        log = self.folder / "envoy.log"
        return log.read_text(errors="replace") if log.exists() else ""

    # ---- as a kubelet does it ----

    def object(self):
        metadata = {**self.template["metadata"], "namespace": self.namespace, "name": self.name}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                "spec": {**self.template["spec"], "nodeName": NODE}}

    def report(self):
        conditions = [{"type": t, "status": "True"} for t in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
        self.site.client.patch(self.object(), sub="status", change={"status": {
            "phase": "Running", "podIP": self.address, "podIPs": [{"ip": self.address}], "conditions": conditions}})

    def volumes(self):
        """Makes the volumes; {path in Envoy's container: folder}."""
        folders = {}
        for volume in self.template["spec"]["volumes"]:
            folders[volume["name"]] = folder = self.folder / volume["name"]
            folder.mkdir()
            for item in volume.get("secret", {}).get("items", ()):
                content = self.secrets[volume["secret"]["secretName"]]["data"][item["key"]]
                (folder / item["path"]).write_bytes(base64.b64decode(content))
        return {m["mountPath"]: folders[m["name"]] for m in self.template["spec"]["containers"][0]["volumeMounts"]}

    def words(self, container, volumes):
        """A container's arguments, for a process that has no mounts of its own."""
        for word in container["args"]:
            word = word.replace("$(POD_NAME)", self.name)
            for path, folder in volumes.items():
                word = word.replace(f"{path}/", f"{folder}/")
            yield word

    def start(self, volumes):
        [init], [envoy] = self.template["spec"]["initContainers"], self.template["spec"]["containers"]
        assert init["command"] == ["/usr/bin/portolan", "bootstrap"] and envoy["command"] == ["envoy"]
        done = subprocess.run([program("portolan"), "bootstrap", *self.words(init, volumes)], text=True, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        # One thread is enough for each of many on one machine.
        self.run([self.site.envoy, *self.words(envoy, volumes), "--concurrency", "1"])

    def run(self, command):
        self.process = self.site.netns.popen(["unshare", "-n", "sh", "-c", IN_POD, "sh", self.folder / "envoy.log", *command],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with self.process.stdout as said:
            if said.readline():
                self.site.ip(f"link add {self.cable} type veth peer name eth0 netns {self.process.pid}",
                             f"address add {ROUTER}/32 dev {self.cable}", f"link set {self.cable} up",
                             f"route add {self.address}/32 dev {self.cable}")
            with self.process.stdin as settings:
                settings.write("".join(f"{line}\n" for line in (
                    "link set lo up", f"address add {self.address}/32 dev eth0", "link set eth0 up",
                    f"route add {ROUTER}/32 dev eth0", f"route add default via {ROUTER}",
                    f"route add local {BALANCED} dev lo")).encode())
            assert said.readline(), f"no network for {self.name}"
        if self.ending:
            self.process.kill()

    def answers(self):
        """The readiness probe."""
        probe = self.template["spec"]["containers"][0]["readinessProbe"]["httpGet"]
        connection = http.client.HTTPConnection(self.address)
        connection.sock = self.site.netns.connect((self.address, probe["port"]))
        with contextlib.closing(connection):
            connection.request("GET", probe["path"])
            return connection.getresponse().status == 200


class Balanced:
    """A Service's address, and where it leads."""

    def __init__(self, address):
        self.address = address
        self.rules = set()
        self.pod = None

    def rules_of(self, service):
        return {f"to {self.address} ipproto {p['protocol'].lower()} dport {p['port']} table {TABLE}"
                for p in service["spec"]["ports"]}

    def changes(self, rules, pod):
        """Words for `ip`."""
        if pod is not self.pod:
            yield (f"route replace {self.address} via {pod.address} dev {pod.cable} table {TABLE}" if pod
                   else f"route replace unreachable {self.address} table {TABLE}")
        for verb, changed in (("del", self.rules - rules), ("add", rules - self.rules)):
            yield from (f"rule {verb} {rule}" for rule in sorted(changed))
        self.rules, self.pod = rules, pod


class EnvoyPods:
    """start() and close() it."""

    def __init__(self, kube, folder):
        self.netns = kube.netns
        self.client = kube.new_client(kube.admin)
        self.folder = pathlib.Path(folder)
        self.envoy = venv("envoy")
        self.events = queue.SimpleQueue()
        self.numbers = itertools.count(1)
        # Objects by key_of().
        self.secrets, self.services, self.workloads = {}, {}, {}
        self.kept = {"Secret": self.secrets, "Service": self.services, "Deployment": self.workloads, "DaemonSet": self.workloads}
        self.balanced = {}  # of a Service, by its key
        self.pods = []
        self.troubles = []
        self.watches = []
        self.closing = False
        self.thread = threading.Thread(target=self.work, daemon=True)
        script = 'for v; do echo "${v#*=}" >"/proc/sys/net/ipv4/${v%=*}" || exit; done; exec ip rule list'
        done = self.netns.run(["sh", "-c", script, "sh", *SETTINGS], check=False)
        if done.returncode:
            raise Unavailable(f"no network for pods: {done.stderr}")

    def start(self):
        self.folder.mkdir()
        self.thread.start()
        for kind, options in WATCHED.items():
            watch = self.client.watch(self.client.path(kind, **options), timeout=None, labelSelector=SELECTOR)
            self.watches.append(watch)
            threading.Thread(target=self.follow, args=(watch,), daemon=True).start()
        return self

    def close(self):
        self.closing = True
        self.events.put(("CLOSE", None))
        self.thread.join()
        for watch in self.watches:
            with contextlib.suppress(OSError):
                watch.connection.sock.shutdown(socket.SHUT_RDWR)
        for pod in self.pods:
            pod.kill()
        # A later test in this namespace begins without these.
        left = [line for b in self.balanced.values() for line in b.changes(set(), None)]
        left += [f"link delete {pod.cable}" for pod in self.pods]
        self.netns.run(["ip", "-force", "-batch", "-"], input="".join(f"{line}\n" for line in left), check=False)

    def faults(self):
        """What must not happen: a pod that is wanted and does not run, for instance."""
        return self.troubles + [f"{p.namespace}/{p.name}: {p.fault}" for p in self.pods if p.fault and not p.ending]

    def explain(self):
        """With the end of each log, for a test that failed."""
        logs = [f"---- {p.namespace}/{p.name}\n{p.logged()[-2000:]}" for p in self.pods]
        return "\n".join([*self.faults(), *logs])

    def follow(self, watch):
        with contextlib.suppress(OSError, ValueError):
            for event in watch:
                self.events.put((event["type"], event["object"]))
        if not self.closing:
            self.troubles.append("a watch has ended")

    def ip(self, *lines):
        if lines:
            self.netns.run(["ip", "-batch", "-"], input="".join(f"{line}\n" for line in lines))

    # ---- the thread that decides ----

    def work(self):
        while not self.closing:
            self.take(*self.events.get())
            while not self.events.empty():
                self.take(*self.events.get())
            try:
                self.reconcile()
            except Exception as error:
                self.troubles.append(repr(error))

    def take(self, what, about):
        if what in ("READY", "ENDED"):
            about.ready = what == "READY"
        elif what in ("ADDED", "MODIFIED", "DELETED"):
            kept = self.kept[about["kind"]]
            kept[key_of(about)] = about
            if what == "DELETED":
                del kept[key_of(about)]
        elif what != "CLOSE":
            self.troubles.append(f"{what} {about}")

    def reconcile(self):
        """An address leads to a new pod before the former one ends, and before anybody is told."""
        ended = self.follow_workloads()
        for key in [*self.balanced.keys() - self.services.keys(), *self.services]:
            self.balance(key, self.services.get(key))
        for workload in [*self.workloads.values()]:
            known, status = workload.get("status", {}), self.count(workload)
            if any(known.get(key, 0) != n for key, n in status.items()):
                self.write_status(workload, status)
        for key, service in [*self.services.items()]:
            known = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
            ingress = [{"ip": self.balanced[key].address, "ipMode": "VIP"}] if key in self.balanced else []
            if known != ingress:
                self.write_status(service, {"loadBalancer": {"ingress": ingress}})
        for pod in ended:
            pod.kill()
            pod.unwanted.set()

    def follow_workloads(self):
        """Starts the pods that are missing; those that nobody wants any more."""
        ended = []
        for key, workload in self.workloads.items():
            secrets = self.secrets_of(workload)
            if all(secrets.values()) and not any(p.of == key and p.revision == revision_of(workload) for p in self.pods):
                self.pods.append(Pod(self, next(self.numbers), workload, secrets))
        for pod in self.pods:
            workload = self.workloads.get(pod.of)
            new = [p for p in self.pods if p.of == pod.of and workload and p.revision == revision_of(workload)]
            if not workload or pod not in new and any(p.ready for p in new):
                pod.ending = True
                ended.append(pod)
        self.pods = [p for p in self.pods if p not in ended]
        return ended

    def secrets_of(self, workload):
        """By name, those that a pod mounts; None for one that is not there yet: the pod waits for it."""
        names = [v["secret"]["secretName"] for v in workload["spec"]["template"]["spec"]["volumes"] if "secret" in v]
        return {name: self.secrets.get(("Secret", workload["metadata"]["namespace"], name)) for name in names}

    def balance(self, key, service):
        found = self.balanced.pop(key, None)
        address = self.address_for(service, found) if service else None
        if found and found.address != address:
            self.ip(*found.changes(set(), None))
            found = None
        if address:
            found = self.balanced[key] = found or Balanced(address)
            ready = [p for p in self.pods if p.ready and p.namespace == service["metadata"]["namespace"]
                     and service["spec"]["selector"].items() <= p.labels.items()]
            self.ip(*found.changes(found.rules_of(service), ready[-1] if ready else None))

    def address_for(self, service, found):
        if service["spec"]["type"] != "LoadBalancer":
            return None
        held = {b.address for b in self.balanced.values()}
        asked = service["spec"].get("loadBalancerIP")
        if not asked:
            return found.address if found else next(a for a in map(str, BALANCED.hosts()) if a not in held)
        with contextlib.suppress(ValueError):
            return asked if ipaddress.ip_address(asked) in BALANCED and asked not in held else None

    def count(self, workload):
        mine = [p for p in self.pods if p.of == key_of(workload)]
        new = sum(p.revision == revision_of(workload) for p in mine)
        ready = sum(p.ready for p in mine)
        generation = {"observedGeneration": workload["metadata"]["generation"]}
        if workload["kind"] == "DaemonSet":
            return {**generation, "currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0,
                    "updatedNumberScheduled": new, "numberReady": ready, "numberAvailable": ready}
        return {**generation, "replicas": len(mine), "updatedReplicas": new, "readyReplicas": ready, "availableReplicas": ready}

    def write_status(self, item, status):
        path = self.client.path_of(item, "status")
        answer = self.client.request("PATCH", path, {"status": status}, content_type="application/merge-patch+json")
        if answer.status == 200:
            self.kept[item["kind"]][key_of(item)] = answer.json()
        elif answer.status not in (404, 409):  # it is gone or has changed, and its event is on the way
            self.troubles.append(f"{path}: {answer.status} {answer.body}")


def key_of(item):
    return item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]


def revision_of(workload):
    return hashlib.sha256(json.dumps(workload["spec"]["template"], sort_keys=True).encode()).hexdigest()[:8]


def settings(namespace):
    """The configuration's portolan; prepare() has made what it names."""
    return {"health": {"address": "0.0.0.0", "port": 8002},
            "gateway": {"provisioning": True, "xds-address": XDS, "xds-authority": f"{namespace}/ca",
                        "envoy-image": "envoy:test", "image": "portolan:test"}}


def prepare(kube, namespace, authority):
    """Makes the authority's Secret, and parameters by which a Gateway has one pod; a reference to these."""
    kube.client.create(tls_secret("ca", authority.pair, namespace))
    kube.client.create({"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourDeployment",
                        "metadata": {"name": "one-pod", "namespace": namespace},
                        "spec": {"envoy": {"deployment": {"replicas": 1}}}})
    return {"group": "projectcontour.io", "kind": "ContourDeployment", "name": "one-pod", "namespace": namespace}


def xds_server(kube, run, folder, authority):
    ca, crt, key = authority.write(folder, "portolan")
    stage = Stage("xds-server", run, "--xds-address", XDS, "--tls-ca", ca, "--tls-cert", crt, "--tls-key", key)
    stage.prefix = kube.netns.prefix()
    return stage
