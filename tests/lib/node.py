"""A Kubernetes cluster of one real node: kubelet, controller manager and scheduler built from the API
server's own module, with Debian's containerd and runc, all in a network namespace of the tests' own.

What is not real, for want of what a machine without internet and without hardware has: there is no
registry (images are imported into containerd), no kube-proxy (of the Services' addresses only the API
server's leads anywhere, by one rule of iptables), no DNS add-on (a server in the test answers from the
API), and no load balancer (the test is one: it sends requests to ready endpoints). The network is a
bridge that enforces no NetworkPolicy.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from kube import KubeCluster, Process, poll
from netns import Unavailable
from oci import copy_with_libraries, write_image
from programs import BUILD, TOP, venv

NODE = "node-1"
NODE_ADDRESS = "10.0.0.1"
API_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
POD_NETWORK = "172.30.0.0/16"
CNI_PROGRAMS = "/usr/lib/cni"
PORTOLAN_IMAGE = "localhost/portolan:test"
ENVOY_IMAGE = "localhost/envoy:test"
PAUSE_IMAGE = "localhost/pause:test"
READY_SECONDS = 300  # on a machine that has other things to do

PAUSE = """
#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>
static void end(int s) { (void)s; _exit(0); }
static void reap(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); signal(SIGCHLD, reap); for (;;) pause(); }
"""


def needed():
    """Raise Unavailable where the machine lacks something."""
    if os.geteuid() != 0:
        raise Unavailable("only root can run a node")
    missing = [p for p in ("containerd", "ctr", "runc", "iptables") if not shutil.which(p)]
    if not os.path.exists(f"{CNI_PROGRAMS}/bridge"):
        missing.append("containernetworking-plugins")
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)} (scripts/deps --install node)")
    done = subprocess.run([TOP / "scripts/kube-binaries", "--node", "--print"],
                          capture_output=True, text=True)
    if done.returncode == 77:
        raise Unavailable(done.stderr.strip())
    if done.returncode:
        raise RuntimeError(done.stderr)


def portolan_tree(folder):
    """The files of Portolan's image, of this build, laid out by the script that the Containerfile uses."""
    installed, tree = folder / "installed", folder / "portolan"
    subprocess.run(["make", "-C", BUILD, "-s", "install-programs", f"DESTDIR={installed}",
                    "prefix=/usr", "libexecdir=/usr/libexec"], check=True, capture_output=True)
    subprocess.run([TOP / "scripts/image-files", installed, tree], check=True)
    shutil.rmtree(installed)
    return tree


class Node(KubeCluster):
    """start() returns when the node is ready. Everything ends, and is unmounted, with stop()."""

    def __init__(self, folder, images=()):
        needed()
        super().__init__(folder, apiserver_flags=[
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged=true",
        ])
        self.images = list(images)
        self.containerd_socket = self.folder / "containerd.sock"
        self.dns = None
        self.daemons = {}

    # ---- start and stop ----

    def start(self):
        super().start()
        self._network()
        self._write_configuration()
        self._start("containerd", ["containerd", "--config", self.folder / "containerd.toml"])
        self.daemons["containerd"].wait_ready(lambda: self.ctr("version").returncode == 0)
        for image in self.images:
            self.ctr("images", "import", image, check=True)
        self._start("kube-controller-manager", [
            self.bin / "kube-controller-manager", f"--kubeconfig={self.admin_kubeconfig}",
            "--leader-elect=false", f"--root-ca-file={self.ca_file}",
            f"--service-account-private-key-file={self.folder / 'accounts.key'}",
            "--use-service-account-credentials=false", "--bind-address=127.0.0.1",
            "--node-monitor-grace-period=40s", "--controllers=*"])
        self._start("kube-scheduler", [
            self.bin / "kube-scheduler", f"--kubeconfig={self.admin_kubeconfig}",
            "--leader-elect=false", "--bind-address=127.0.0.1"])
        self._start("kubelet", [
            self.bin / "kubelet", f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={self.admin_kubeconfig}", f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'kubelet-pki'}", f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}", "--v=1"])
        self.dns = Dns(self)
        self.daemons["kubelet"].wait_ready(self._node_is_ready)

    def _start(self, name, args):
        self.daemons[name] = Process(self.netns, self.folder / f"{name}.log", args)
        self.daemons[name].start()

    def _node_is_ready(self):
        found = self.client.request("GET", f"/api/v1/nodes/{NODE}")
        if found.status != 200:
            return False
        conditions = found.json()["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def stop(self):
        if self.netns.closed:
            return
        if self.dns:
            self.dns.close()
        for name in ("kubelet", "kube-scheduler", "kube-controller-manager"):
            if name in self.daemons:
                self.daemons[name].stop(signal.SIGKILL)
        if "containerd" in self.daemons and self.daemons["containerd"].running():
            self._end_containers()
            self.daemons["containerd"].stop(signal.SIGTERM)
        super().stop()
        self._unmount()

    def _end_containers(self):
        """Their processes are in namespaces of their own, and would outlive ours."""
        for container in self.ctr("tasks", "ls", "-q").stdout.split():
            self.ctr("tasks", "kill", "-s", "SIGKILL", container)
        with contextlib.suppress(TimeoutError):
            poll(lambda: not any(" RUNNING" in line for line in self.ctr("tasks", "ls").stdout.splitlines()))
        for container in self.ctr("tasks", "ls", "-q").stdout.split():
            self.ctr("tasks", "delete", "-f", container)
        for container in self.ctr("containers", "ls", "-q").stdout.split():
            self.ctr("containers", "rm", container)

    def _unmount(self):
        mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)

    # ---- configuration ----

    def _network(self):
        run = self.netns.run
        run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        # Pods find the API server where the Service `kubernetes` is.
        run(["iptables", "-t", "nat", "-A", "PREROUTING", "-d", API_ADDRESS, "-p", "tcp",
             "--dport", "443", "-j", "REDIRECT", "--to-ports", str(self.port)])

    def _write_configuration(self):
        folder = self.folder
        (folder / "cni").mkdir()
        (folder / "cni/10-bridge.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [
                {"type": "bridge", "bridge": "pods0", "isGateway": True, "hairpinMode": True,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": POD_NETWORK}]],
                          "dataDir": str(folder / "cni-state"),
                          "routes": [{"dst": "0.0.0.0/0"}]}},
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ]}))
        (folder / "containerd.toml").write_text(f"""
version = 2
root = "{folder}/containerd-root"
state = "{folder}/containerd-state"
oom_score = 0
[grpc]
  address = "{self.containerd_socket}"
[ttrpc]
  address = "{self.containerd_socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{folder}/cni"
""")
        (folder / "kubelet.yaml").write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": f"unix://{self.containerd_socket}",
            "cgroupDriver": "cgroupfs", "cgroupsPerQOS": False, "enforceNodeAllocatable": [],
            "failCgroupV1": False, "failSwapOn": False, "makeIPTablesUtilChains": False,
            "clusterDNS": [DNS_ADDRESS], "clusterDomain": "cluster.local", "resolvConf": "",
            "podLogsDir": str(folder / "pod-logs"), "healthzBindAddress": "127.0.0.1",
            # Rotated Secrets arrive soon.
            "syncFrequency": "2s", "configMapAndSecretChangeDetectionStrategy": "Watch",
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
            "nodeStatusUpdateFrequency": "5s",
        }))

    # ---- for tests ----

    def ctr(self, *args, check=False):
        done = subprocess.run(["ctr", "--address", self.containerd_socket, "--namespace", "k8s.io",
                               *map(str, args)], capture_output=True, text=True, timeout=120)
        if check and done.returncode:
            raise RuntimeError(f"ctr {args}: {done.stderr}")
        return done

    def pods(self, namespace, **labels):
        selector = ",".join(f"{k}={v}" for k, v in labels.items())
        found = self.client.call("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        return found["items"]

    def wait(self, what, probe, seconds=READY_SECONDS):
        """Until probe() is true; otherwise all that may explain why not."""
        try:
            poll(probe, seconds)
        except TimeoutError:
            raise AssertionError(f"not so after {seconds} s: {what}\n{self.explain()}") from None

    def explain(self):
        said = [self.kubectl("get", "pods,jobs", "-A", "-o", "wide", check=False).stdout]
        said.append(self.kubectl("get", "gateways.gateway.networking.k8s.io", "-A", "-o", "yaml", check=False).stdout)
        said.append(self.kubectl("get", "events", "-A", "--sort-by=.lastTimestamp", check=False).stdout[-4000:])
        for log in sorted(pathlib.Path(self.folder / "pod-logs").rglob("*.log")):
            text = log.read_text(errors="replace")
            said.append(f"---- {log.relative_to(self.folder)}\n{text[-1500:]}")
        said.append(f"---- kubelet\n{self.daemons['kubelet'].tail(15)}" if "kubelet" in self.daemons else "")
        return "\n".join(said)

    def process(self, pod, container, program):
        """The pid on this machine of a program in a container of the pod."""
        status = next(c for c in pod["status"]["containerStatuses"] if c["name"] == container)
        name = status["containerID"].removeprefix("containerd://")
        for line in self.ctr("tasks", "ls").stdout.splitlines()[1:]:
            task, pid, *_ = line.split()
            if task == name:
                for found in [int(pid), *children(int(pid))]:
                    if os.path.basename(os.readlink(f"/proc/{found}/exe")) == program:
                        return found
        raise LookupError(f"no {program} in {container} of {pod['metadata']['name']}")


def children(pid):
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def write_images(folder):
    """Archives of the images that the tests use; of the build, and of the Envoy that the tests have."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pause.c").write_text(PAUSE)
    pause = folder / "pause-tree"
    pause.mkdir()
    subprocess.run(["gcc", "-static", "-Os", "-s", "-o", pause / "pause", folder / "pause.c"], check=True)
    envoy = folder / "envoy-tree"
    copy_with_libraries(venv("envoy"), envoy, "/usr/local/bin/envoy")
    (envoy / "tmp").mkdir()
    (envoy / "tmp").chmod(0o1777)
    return [
        write_image(folder / "pause.tar", PAUSE_IMAGE, pause, entrypoint=["/pause"]),
        write_image(folder / "envoy.tar", ENVOY_IMAGE, envoy, entrypoint=["/usr/local/bin/envoy"]),
        write_image(folder / "portolan.tar", PORTOLAN_IMAGE, portolan_tree(folder),
                    entrypoint=["/usr/bin/portolan"]),
    ]


class Dns:
    """Answers for Services of the cluster, from the API: addresses of a headless one are those of its ready
    endpoints. Stands in for CoreDNS."""

    def __init__(self, node):
        self.node = node
        self.socket = node.netns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((DNS_ADDRESS, 53))
        self.client = node.new_client(node.admin)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                question, sender = self.socket.recvfrom(512)
            except OSError:
                return
            with contextlib.suppress(Exception):
                self.socket.sendto(self._answer(question), sender)

    def _addresses(self, name):
        """None: there is no such name."""
        labels = name.lower().rstrip(".").split(".")
        if len(labels) != 5 or labels[2:] != ["svc", "cluster", "local"]:
            return None
        service, namespace = labels[:2]
        found = self.client.request("GET", f"/api/v1/namespaces/{namespace}/services/{service}")
        if found.status != 200:
            return None
        address = found.json()["spec"].get("clusterIP")
        if address != "None":
            return [address]
        slices = self.client.call(
            "GET", f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
                   f"?labelSelector=kubernetes.io/service-name={service}")
        return [a for s in slices["items"] for e in s.get("endpoints") or ()
                if e["conditions"].get("ready") for a in e["addresses"]]

    def _answer(self, question):
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += question[at] + 1
        kind = struct.unpack_from(">H", question, at + 1)[0]
        end = at + 5
        addresses = self._addresses(".".join(labels))
        records = [a for a in addresses or () if kind == 1]
        code = 3 if addresses is None else 0
        head = struct.pack(">HHHHHH", struct.unpack_from(">H", question)[0], 0x8580 | code, 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 2, 4) + socket.inet_aton(a) for a in records)
        return head + question[12:end] + body
