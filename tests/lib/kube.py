"""A real Kubernetes API server with its etcd, in a network namespace of the tests' own.

The binaries are those that scripts/kube-binaries builds. There is no controller manager and no
kubelet: nothing fills EndpointSlices, makes service accounts or finishes deleted namespaces but
the test, and so nothing happens that it did not ask for.
"""

import contextlib
import functools
import http.client
import itertools
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import time

import yaml

from certs import Authority
from events import PATIENCE
from kube_api import KubeApi
from kubeconfig import write_kubeconfig
from netns import ADDRESS, NetworkNamespace, Unavailable
from programs import TOP

PORT = 6443
ETCD_PORT = 2379
SERVICE_RANGE = "10.96.0.0/16"
ISSUER = "https://kubernetes.default.svc"
IN_CLUSTER = "/var/run/secrets/kubernetes.io/serviceaccount"
START_SECONDS = 180
STOP_SECONDS = 60
# Objects that a server makes for itself.
OWN = ["/api/v1/namespaces/default/services/kubernetes",
       "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication",
       "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking",
       *(f"/api/v1/namespaces/{name}" for name in ("default", "kube-node-lease", "kube-public", "kube-system"))]

@functools.cache
def binaries():
    """The folder that holds kube-apiserver and etcd; built first where it has to be."""
    if not shutil.which("kubectl"):
        raise Unavailable("not installed: kubectl (Debian: kubernetes-client)")
    done = subprocess.run(
        [TOP / "scripts/kube-binaries", "--print"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode == 77:
        raise Unavailable(done.stderr.strip())
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return pathlib.Path(done.stdout.strip())


def poll(probe, seconds=PATIENCE, go_on=lambda: True):
    """Ask probe() until it is true; a refused connection counts as false.

    For foreign processes, which do not announce that they are ready: we can only ask.
    """
    deadline = time.monotonic() + seconds
    pause = 0.005
    while True:
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLEOFError):
            if probe():
                return
        if not go_on() or time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def write_pair(folder, name, certificate):
    """Write NAME.crt and NAME.key (mode 0600)."""
    (folder / f"{name}.crt").write_text(certificate.chain, encoding="ascii")
    (folder / f"{name}.key").touch(mode=0o600)
    (folder / f"{name}.key").write_text(certificate.key, encoding="ascii")


def rights_of(items):
    """All that roles and their bindings allow, each right as the `spec` of a SubjectAccessReview."""
    rules = {(o["kind"], o["metadata"]["name"]): o["rules"] for o in items if o["kind"].endswith("Role")}
    for binding in items:
        if not binding["kind"].endswith("RoleBinding"):
            continue
        place = {"namespace": binding["metadata"]["namespace"]} if binding["kind"] == "RoleBinding" else {}
        role = binding["roleRef"]["kind"], binding["roleRef"]["name"]
        for subject, rule in itertools.product(binding["subjects"], rules[role]):
            who = {"groups": [subject["name"]]} if subject["kind"] == "Group" else {"user": subject["name"]}
            if subject["kind"] == "ServiceAccount":
                who = {"user": f"system:serviceaccount:{subject['namespace']}:{subject['name']}"}
            for group, resource, name, verb in itertools.product(
                    rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""]), rule["verbs"]):
                plural, _, sub = resource.partition("/")
                yield {**who, "resourceAttributes": {**place, "group": group, "resource": plural,
                                                     "subresource": sub, "name": name, "verb": verb}}


class Process:
    """One daemon of the cluster: its command line, its log, and whether it runs."""

    def __init__(self, netns, log, args):
        self.netns = netns
        self.log = log
        self.args = args
        self.popen = None

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def start(self):
        assert not self.running(), f"{self.args[0]} runs already"
        with open(self.log, "ab") as log:
            self.popen = self.netns.popen(self.args, stdout=log, stderr=log)

    def stop(self, sig):
        """Send the signal and wait for the end, which comes by force where it has to."""
        if not self.running():
            return
        self.popen.send_signal(signal.SIGCONT)
        self.popen.send_signal(sig)
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def wait_ready(self, probe):
        """Ask probe() until it is true; on failure quote the end of the log."""
        try:
            poll(probe, START_SECONDS, self.running)
        except TimeoutError:
            raise RuntimeError(f"{self.args[0]} did not become ready:\n{self.tail()}") from None

    def tail(self, lines=30):
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


class KubeCluster:
    """One etcd, one API server, and the keys to both. A context manager: start() and stop().

    folder takes certificates, logs, kubeconfigs and etcd's data. `netns` is the namespace where
    everything runs; the server listens on its `host` and `port`, and on 127.0.0.1 there.
    `client` is the admin's KubeApi, `admin_kubeconfig` a file for others. apiserver_flags come
    last on the command line, so they overrule.
    """

    host = ADDRESS
    port = PORT
    server = f"https://{ADDRESS}:{PORT}"

    def __init__(self, folder, *, apiserver_flags=()):
        self.bin = binaries()
        self.folder = pathlib.Path(folder)
        self.authority = Authority("kubernetes authority")
        self.ca_file = self.folder / "ca.crt"
        self.ca_file.write_text(self.authority.text, encoding="ascii")
        self.admin = self.user("admin", groups=["system:masters"])
        self._write_keys()
        self.netns = NetworkNamespace()
        self.data = self.folder / "etcd"
        self.etcd = Process(self.netns, self.folder / "etcd.log", self._etcd_args())
        self.apiserver = Process(
            self.netns,
            self.folder / "kube-apiserver.log",
            [*self._apiserver_args(), *apiserver_flags],
        )
        self.client = self.new_client(self.admin)
        self.admin_kubeconfig = self.kubeconfig("admin", self.admin)

    def _write_keys(self):
        hosts = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
        addresses = [self.host, "127.0.0.1", "10.96.0.1"]
        write_pair(self.folder, "apiserver", self.authority.issue(*hosts, *addresses))
        write_pair(self.folder, "accounts", self.authority.issue("service accounts"))

    def _etcd_args(self):
        return [
            self.bin / "etcd",
            "--name=default",
            f"--data-dir={self.data}",
            f"--listen-client-urls=http://127.0.0.1:{ETCD_PORT}",
            f"--advertise-client-urls=http://127.0.0.1:{ETCD_PORT}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--initial-advertise-peer-urls=http://127.0.0.1:2380",
            "--initial-cluster=default=http://127.0.0.1:2380",
            # Alone it need not wait long for another leader's heartbeat, nor for a disk that
            # nobody will read again.
            "--heartbeat-interval=10",
            "--election-timeout=100",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _apiserver_args(self):
        folder = self.folder
        return [
            self.bin / "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
            "--etcd-compaction-interval=0",
            f"--advertise-address={self.host}",
            "--bind-address=0.0.0.0",
            f"--secure-port={PORT}",
            f"--tls-cert-file={folder / 'apiserver.crt'}",
            f"--tls-private-key-file={folder / 'apiserver.key'}",
            f"--client-ca-file={self.ca_file}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={folder / 'accounts.crt'}",
            f"--service-account-signing-key-file={folder / 'accounts.key'}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            # SIGTERM ends the watches, instead of waiting for them for ever.
            "--shutdown-watch-termination-grace-period=1s",
            # It refuses pods whose service account a controller has not made. All else is as
            # shipped: leaving more out starts hardly sooner (measured) and is less real.
            "--disable-admission-plugins=ServiceAccount",
        ]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self.start_etcd()
        self.start_apiserver()

    def ensure_running(self):
        """Start again whatever a test has left dead or silent."""
        if self.apiserver.running():
            self.resume_apiserver()
        if not self.etcd.running():
            self.kill_apiserver()
            self.start_etcd()
        if not self.apiserver.running():
            self.start_apiserver()

    def stop(self):
        """End everything in the namespace at once, and the namespace."""
        self.netns.close()

    def start_etcd(self):
        self.etcd.start()
        self.etcd.wait_ready(lambda: self._ask_etcd("GET", "/health")[0] == 200)

    def stop_etcd(self, sig=signal.SIGTERM):
        self.etcd.stop(sig)

    def start_apiserver(self, wait=True):
        self.apiserver.start()
        if wait:
            self.wait_ready()

    def wait_ready(self):
        self.apiserver.wait_ready(self._ready)

    def _ready(self):
        """It answers, and has made (or made again) its own objects, which it does after it is ready."""
        if self.client.request("GET", "/readyz").status != 200:
            return False
        slices = self.client.request("GET", self.client.path("EndpointSlice", "default", "kubernetes"))
        return (slices.status == 200 and slices.json()["endpoints"]
                and all(self.client.request("GET", path).status == 200 for path in OWN))

    def stop_apiserver(self, sig=signal.SIGTERM):
        """End the server: SIGTERM lets it say goodbye, SIGKILL does not."""
        self.apiserver.stop(sig)

    def kill_apiserver(self):
        self.stop_apiserver(signal.SIGKILL)

    def restart_apiserver(self, sig=signal.SIGTERM):
        """As in an upgrade. The new server's watch cache knows nothing of before it was started:
        it answers 410 to a watch from an older resourceVersion, although etcd has its events.
        """
        self.stop_apiserver(sig)
        self.start_apiserver()

    def pause_apiserver(self):
        """Make it silent: connections stay and new ones are accepted, nothing is answered."""
        self.apiserver.popen.send_signal(signal.SIGSTOP)
        # Until all of its threads are.
        os.waitid(os.P_PID, self.apiserver.pid, os.WSTOPPED | os.WNOWAIT)

    def resume_apiserver(self):
        self.apiserver.popen.send_signal(signal.SIGCONT)

    def _etcd(self, method, path, body=None):
        status, content = self._ask_etcd(method, path, body)
        if status != 200:
            raise RuntimeError(f"etcd {path}: {status} {content.decode(errors='replace')}")
        return json.loads(content)

    def _ask_etcd(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", timeout=PATIENCE)
        connection.sock = self.netns.connect(("127.0.0.1", ETCD_PORT))
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def revision(self):
        """etcd's revision now: the newest resourceVersion of all kinds, as an int."""
        answer = self._etcd("POST", "/v3/kv/range", {"key": "AA==", "count_only": True})
        return int(answer["header"]["revision"])

    def compact(self):
        """Forget etcd's history up to now, and return the revision up to which it is gone.

        The API server may still answer from its watch cache: see expire_history().
        """
        revision = self.revision()
        self._etcd("POST", "/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def expire_history(self):
        """Make every resourceVersion so far too old for a watch (410): compact and restart.

        An object is written in between: the server's watch cache starts after what is in etcd,
        and a watch from exactly there would still be taken.
        """
        self.compact()
        self.client.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "history-expired", "namespace": "default"},
                "data": {"revision": str(self.revision())},
            }
        )
        revision = self.compact()
        self.restart_apiserver()
        return revision

    def save(self, name):
        """Keep a copy of etcd's data as it is now, for rewind(). Restarts both servers."""
        self._with_data_at_rest(lambda: shutil.copytree(self.data, self.folder / f"etcd-{name}"))

    def rewind(self, name):
        """Go back to the saved state: later objects, and their revisions, are lost."""

        def restore():
            shutil.rmtree(self.data)
            shutil.copytree(self.folder / f"etcd-{name}", self.data)

        self._with_data_at_rest(restore)

    def wipe(self):
        """Lose all of etcd: every object is gone, and resourceVersions start again from 1."""
        self._with_data_at_rest(lambda: shutil.rmtree(self.data))

    def _with_data_at_rest(self, change):
        self.stop_apiserver(signal.SIGKILL)
        self.stop_etcd()
        change()
        self.start()

    def new_client(self, user=None, *, token=None, timeout=PATIENCE):
        """A KubeApi with user()'s credentials, or with a token, or anonymous."""
        tls = ssl.create_default_context(cadata=self.authority.text)
        if user:
            write_pair(self.folder, "client", user)
            tls.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
        return KubeApi(
            lambda: self.netns.connect((self.host, PORT)), tls, self.host, token, timeout
        )

    def user(self, name, groups=()):
        """A certs.Certificate for a user with exactly the rights that RBAC gives."""
        return self.authority.issue(name, groups=groups)

    def kubeconfig(self, name, user=None, *, cluster=None, namespace=None):
        """Write NAME.kubeconfig and return its path.

        user is what user() gave (embedded), or a dict for the file's `user`; cluster overrules
        fields of the file's `cluster`.
        """
        return write_kubeconfig(
            self.folder / f"{name}.kubeconfig",
            self.server,
            user,
            ca=self.authority.text,
            cluster=cluster,
            namespace=namespace,
        )

    def kubectl(self, *args, input=None, check=True, kubeconfig=None, timeout=120):
        """Run kubectl in the namespace, as admin unless told otherwise; its CompletedProcess."""
        options = {"input": input} if input is not None else {}
        return self.netns.run(
            ["kubectl", "--kubeconfig", kubeconfig or self.admin_kubeconfig, *args],
            check=check,
            timeout=timeout,
            env={**os.environ, "HOME": str(self.folder), "KUBECACHEDIR": str(self.folder / "kubectl")},
            **options,
        )

    def exec_in_ns(self, args, *, service_account=None, **options):
        """Start a process in the namespace: Popen, with the process itself as its pid.

        service_account is a folder of service_account_folder(): the process finds it where a
        pod would, and the API server in its environment.
        """
        if service_account:
            env = options.get("env") or os.environ
            options["env"] = {
                **env,
                "KUBERNETES_SERVICE_HOST": self.host,
                "KUBERNETES_SERVICE_PORT": str(PORT),
            }
            # A mount namespace of its own, where an empty /run holds nothing but the account.
            script = 'mount -t tmpfs none /run && mkdir -p "$0" && mount --bind "$1" "$0"'
            script += ' && shift && exec "$@"'
            args = ["unshare", "-m", "sh", "-c", script, IN_CLUSTER, service_account, *args]
        return self.netns.popen(args, **options)

    def create_namespace(self, name):
        self.client.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )

    def delete_namespace(self, name):
        """Delete a namespace and what is in it, which takes a controller in a real cluster."""
        path = f"/api/v1/namespaces/{name}"
        response = self.client.request("DELETE", path)
        if response.status == 404:
            return
        for collection in self._collections():
            # A custom resource's objects may be gone by now.
            self.client.request("DELETE", collection.format(namespace=name))
        namespace = response.json()
        namespace["spec"]["finalizers"] = []
        self.client.call("PUT", f"{path}/finalize", namespace)

    def _collections(self):
        """The paths of all collections in namespaces that can be deleted as a whole."""
        groups = self.client.call("GET", "/apis")["groups"]
        roots = ["/api/v1", *(f"/apis/{g['preferredVersion']['groupVersion']}" for g in groups)]
        for root in roots:
            response = self.client.request("GET", root)
            for resource in response.json()["resources"] if response.status == 200 else []:
                if resource["namespaced"] and "deletecollection" in resource["verbs"]:
                    yield f"{root}/namespaces/{{namespace}}/{resource['name']}"

    def install(self, definition):
        """Apply a CustomResourceDefinition and wait until its objects are served, and it is listed.

        Its condition Established comes a little before that.
        """
        self.client.apply(definition)
        spec = definition["spec"]
        served = [version["name"] for version in spec["versions"] if version["served"]]
        plural = spec["names"]["plural"]

        def is_there(root):
            listed = self.client.request("GET", root)
            return (listed.status == 200
                    and any(found["name"] == plural for found in listed.json()["resources"])
                    and self.client.request("GET", f"{root}/{plural}").status == 200)

        poll(lambda: all(is_there(f"/apis/{spec['group']}/{name}") for name in served))

    def uninstall(self, definition):
        """Delete a CustomResourceDefinition, and wait until it is gone: it goes after its objects.

        Until then the same definition, applied again, would change the one that goes.
        """
        path = self.client.path("CustomResourceDefinition", name=definition["metadata"]["name"])
        self.client.call("DELETE", path)
        poll(lambda: self.client.request("GET", path).status == 404)

    def grant(self, items):
        """Apply roles, their bindings and what belongs to them, and wait until they count."""
        items = list(items)
        self.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(items))
        self.wait_granted(items)

    def wait_granted(self, items):
        """Until the server decides by these roles and bindings: it learns of them by watches."""
        reviews = self.client.path("SubjectAccessReview")
        for right in rights_of(items):
            review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": right}
            poll(lambda body=review: self.client.call("POST", reviews, body)["status"]["allowed"])

    def service_account(self, namespace, name):
        """Make a service account (nothing is bound to it yet) and return its user name."""
        self.client.create(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": namespace},
            }
        )
        return f"system:serviceaccount:{namespace}:{name}"

    def token(self, namespace, name, seconds=3600):
        """A token for a service account, from the TokenRequest API (at least 600 seconds)."""
        answer = self.client.call(
            "POST",
            self.client.path("ServiceAccount", namespace, name, sub="token"),
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds},
            },
        )
        return answer["status"]["token"]

    def service_account_folder(self, namespace, name):
        """A pod's files in IN_CLUSTER: token, ca.crt and namespace. Called again, it rotates."""
        folder = self.folder / f"account-{namespace}-{name}"
        folder.mkdir(exist_ok=True)
        (folder / "ca.crt").write_text(self.authority.text, encoding="ascii")
        (folder / "namespace").write_text(namespace, encoding="utf-8")
        fresh = folder / "token.new"
        fresh.write_text(self.token(namespace, name), encoding="utf-8")
        fresh.rename(folder / "token")
        return folder

    def __repr__(self):
        return f"<KubeCluster {self.server} in {self.folder}>"
