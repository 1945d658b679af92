"""The chart: its output, the values that it refuses, and a README that describes them all."""

import contextlib
import http.client
import http.server
import json
import re
import socketserver
import subprocess
import sys
import threading

import pytest
import yaml

import chart
from addresses import loopback
from certs import Authority
from envoy_process import BINARIES
from kube import poll
from netns import Unavailable
from programs import TOP, missing, program, venv

# Each turns on something that the defaults leave off.
VARIANTS = {
    "defaults": {},
    "daemonset": {"envoy": {"kind": "DaemonSet", "hostPorts": {"http": 80, "https": 443}}},
    "http3": {"envoy": {"http3": True, "hostPorts": {"https": 443}, "service": {"ports": {"https": 8443}}}},
    "host-network": {"envoy": {"kind": "DaemonSet", "hostNetwork": True, "service": {"enabled": False}}},
    "autoscaling": {"envoy": {"autoscaling": {"enabled": True}}},
    "node-port": {"envoy": {"service": {"type": "NodePort", "nodePorts": {"http": 30080, "https": 30443}}}},
    "cluster-ip": {"envoy": {"service": {"type": "ClusterIP", "ports": {"https": 0}}}},
    "no-envoy": {"envoy": {"enabled": False}},
    "namespaces": {"rbac": {"scope": "namespaces"}, "watchNamespaces": ["a", "b"]},
    "cert-manager": {"xds": {"certificates": "cert-manager"}},
    "existing": {"xds": {"certificates": "existing", "existing": {"serverSecret": "s", "envoySecret": "e"}}},
    "record": {"controlPlane": {"record": {"enabled": True}}},
    "kubelet-restarts": {"controlPlane": {"fastRestart": False}},
    "monitoring": {"metrics": {k: {"enabled": True} for k in ("podMonitor", "serviceMonitor", "prometheusRule",
                                                             "dashboard")}},
    "one": {"controlPlane": {"replicas": 1}, "envoy": {"replicas": 1}},
    "other-class": {"ingressClass": {"name": "edge", "default": True}},
    "ingress-nginx": {"config": {"ingressNginx": {"enabled": True}}},
    "gateway-class": {"gatewayClass": {"create": True, "name": "edge"}},
    "provisioning": {"gatewayProvisioning": {"enabled": True}},
    "provisioning-namespaces": {"gatewayProvisioning": {"enabled": True}, "rbac": {"scope": "namespaces"},
                                "watchNamespaces": ["a"]},
    "extra": {"commonLabels": {"team": "edge"}, "commonAnnotations": {"note": "x"},
              "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-x"}}],
              "imagePullSecrets": [{"name": "pull"}], "envoy": {"extraArgs": ["--component-log-level", "upstream:debug"]}},
}
HTTP = "type.googleapis.com/envoy.extensions.filters"
# Of other projects: their kinds do not belong to Kubernetes.
FOREIGN = {"cert-manager.io", "monitoring.coreos.com", "gateway.networking.k8s.io"}


@pytest.fixture(scope="module", autouse=True)
def helm_is_there():
    try:
        chart.binary()
    except Unavailable as reason:
        missing(str(reason))


def of(objects, kind, name=None):
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    return found if name is None else found[0]


def pods(objects):
    """The pod templates of all workloads, by name."""
    found = {}
    for o in objects:
        spec = o.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found[f"{o['kind']}/{o['metadata']['name']}"] = spec["template"]["spec"]
    return found


@pytest.mark.parametrize("path", [chart.CHART, chart.CRDS], ids=lambda p: p.name)
def test_helm_finds_nothing_to_mend(path):
    said = chart.helm("lint", "--strict", path).stdout
    assert "0 chart(s) failed" in said and "WARN" not in said


def test_readme_and_schema_follow_from_the_values_and_plain_yaml_from_the_chart():
    done = subprocess.run([sys.executable, TOP / "scripts/chart", "--render", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_value_has_a_comment():
    described = re.findall(r"^\| `[^`]+` \| (.*?) \|", (chart.CHART / "README.md").read_text(), re.M)
    assert len(described) > 100 and all(d.strip() for d in described)


@pytest.mark.parametrize("values, why", [
    ({"replcas": 3}, "replcas"),
    ({"controlPlane": {"replicas": "three"}}, "got string, want integer"),
    ({"envoy": {"kind": "StatefulSet"}}, "envoy/kind"),
    ({"envoy": {"service": {"prots": {}}}}, "prots"),
    ({"xds": {"certificates": "none"}}, "xds/certificates"),
    ({"envoy": {"terminationGracePeriodSeconds": 50}}, "must be more than envoy.shutdown.maxSeconds"),
    ({"rbac": {"scope": "namespaces"}}, "name them in watchNamespaces"),
    ({"xds": {"certificates": "existing"}}, "xds.existing.envoySecret is wanted"),
])
def test_wrong_values_are_refused(values, why):
    done = chart.helm("template", "x", chart.CHART, values=values, check=False)
    assert done.returncode != 0 and why in done.stderr


def test_a_parent_chart_may_switch_it_and_hand_down_globals():
    assert chart.template({"global": {"anything": {"x": 1}}, "enabled": True})


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_container_keeps_to_the_restricted_profile(variant):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    for name, pod in pods(chart.template(VARIANTS[variant])).items():
        context = pod["securityContext"]
        assert context["runAsNonRoot"] and context["seccompProfile"]["type"] == "RuntimeDefault", name
        assert pod["automountServiceAccountToken"] is False, name
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"], name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert {"requests", "limits"} <= set(container["resources"]), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_selectors_find_their_pods_and_names_are_short_enough(variant):
    objects = chart.template(VARIANTS[variant], release="a" * 50)
    labels = [o["spec"]["template"]["metadata"]["labels"] for o in objects
              if o["kind"] in ("Deployment", "DaemonSet")]
    for o in objects:
        assert len(o["metadata"]["name"]) <= 63, o["metadata"]["name"]
        selector = o.get("spec", {}).get("selector")
        if isinstance(selector, dict) and o["kind"] != "NetworkPolicy":
            wanted = selector.get("matchLabels", selector)
            if o["kind"] in ("ServiceMonitor",):
                continue
            assert any(wanted.items() <= given.items() for given in labels), o["metadata"]["name"]


def test_the_token_is_mounted_in_the_watcher_alone_and_keys_where_they_are_used():
    pod = pods(chart.template())["Deployment/portolan"]
    mounts = {c["name"]: {m["name"] for m in c["volumeMounts"]} for c in pod["containers"]}
    assert [name for name, m in mounts.items() if "token" in m] == ["watcher"]
    assert [name for name, m in mounts.items() if "xds-tls" in m] == ["xds-server"]
    for template in pods(chart.template()).values():
        for volume in template.get("volumes", ()):
            assert volume.get("secret", {}).get("defaultMode", 0o440) == 0o440


def checks_passwords(values):
    """{what of the chart knows portolan-passwords}"""
    objects = chart.template(values)
    found = {c["name"] for c in pods(objects)["Deployment/portolan"]["containers"] if "passwords" in c["name"]}
    [bootstrap] = pods(objects)["Deployment/portolan-envoy"]["initContainers"]
    found |= {"envoy" for word in bootstrap["args"] if word == "--check-address=portolan-xds.portolan.svc:8003"}
    found |= {"service" for p in of(objects, "Service", "portolan-xds")["spec"]["ports"] if p["port"] == 8003}
    found |= {"policy" for rule in of(objects, "NetworkPolicy", "portolan")["spec"]["ingress"]
              if rule["ports"] == [{"port": "passwords", "protocol": "TCP"}] and "podSelector" in rule["from"][0]}
    [config] = [yaml.safe_load(o["data"]["config.yaml"]) for o in of(objects, "ConfigMap") if "config.yaml" in o["data"]]
    return found, config.get("ingressNginx", {}).get("passwords", "checker")


def test_portolan_passwords_runs_where_ingress_nginx_is_served():
    everything = {"passwords", "passwords-door", "envoy", "service", "policy"}
    assert checks_passwords(VARIANTS["ingress-nginx"]) == (everything, "checker")
    assert checks_passwords({}) == (set(), "checker")
    assert checks_passwords({"config": {"ingressNginx": {"enabled": False}}}) == (set(), "envoy")
    assert checks_passwords({"config": {"ingressNginx": {"enabled": True, "passwords": "envoy"}}}) == (set(), "envoy")


def test_the_envoy_before_portolan_passwords_sees_no_other_socket():
    pod = pods(chart.template(VARIANTS["ingress-nginx"]))["Deployment/portolan"]
    mounts = {c["name"]: {m["name"] for m in c["volumeMounts"]} for c in pod["containers"]}
    assert mounts["passwords-door"] == {"check", "door", "xds-tls"} and mounts["passwords"] == {"run", "check"}
    assert [name for name, m in mounts.items() if "check" in m] == ["passwords", "passwords-door"]
    # The pod is in the Service of xds while passwords cannot be checked.
    assert not any("readinessProbe" in c for c in pod["containers"] if "passwords" in c["name"])


class Checker(socketserver.ThreadingUnixStreamServer):
    """In the place of portolan-passwords: one password is right."""

    daemon_threads = True

    class RequestHandlerClass(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200 if self.headers["authorization"] == "Basic right" else 401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

        def address_string(self):
            return "unix"

    def __init__(self, path):
        super().__init__(str(path), self.RequestHandlerClass)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def asked(address, authorization):
    """The status of an answer, or None."""
    connection = http.client.HTTPConnection(address, 8080, timeout=10)
    try:
        connection.request("GET", "/check", headers={"authorization": authorization})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def front(config, address):
    """Envoy's bootstrap, with a listener whose requests go to its cluster portolan-passwords."""
    b = yaml.safe_load(config.read_text())
    del b["dynamic_resources"], b["layered_runtime"]
    manager = {"@type": f"{HTTP}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "front",
               "http_filters": [{"name": "router", "typed_config": {"@type": f"{HTTP}.http.router.v3.Router"}}],
               "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                   {"match": {"prefix": "/"}, "route": {"cluster": "portolan-passwords"}}]}]}}
    b["static_resources"]["listeners"] = [{
        "name": "front", "address": {"socket_address": {"address": address, "port_value": 8080}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}]
    config.write_text(yaml.safe_dump(b))


def run_envoy(stack, which, config):
    command = [venv(BINARIES[which]), "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"]
    log = stack.enter_context(open(config.with_suffix(".log"), "wb"))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(lambda: (process.kill(), process.wait()))


@pytest.mark.parametrize("which", BINARIES)
def test_envoys_of_other_pods_have_passwords_checked_by_mutual_tls(which, tmp_path):
    """The bootstrap's cluster, the chart's Envoy before the checker, and its socket."""
    address, authority = loopback(), Authority()
    for name, *names in (("server", "portolan"), ("envoy", "envoy"), ("gateway", "portolan://fleet/a")):
        certificate, key = authority.issue(*names)
        (tmp_path / name).mkdir()
        for file, text in (("tls.crt", certificate), ("tls.key", key), ("ca.crt", authority.text)):
            (tmp_path / name / file).write_text(text)
    (tmp_path / "door").mkdir()
    for file, text in of(chart.template(VARIANTS["ingress-nginx"]), "ConfigMap", "portolan-door")["data"].items():
        for there, here in (("/etc/portolan-door", tmp_path / "door"), ("/etc/portolan-xds", tmp_path / "server"),
                            ("/run/portolan-check", tmp_path), ("address: 0.0.0.0", f"address: {address}")):
            text = text.replace(there, str(here))
        (tmp_path / "door" / file).write_text(text)

    def open_front(name):
        mine = tmp_path / name
        done = subprocess.run([program("portolan"), "bootstrap", "--xds-address", "127.0.0.1:1", "--admin-path", mine / "admin",
                               "--tls-cert", mine / "tls.crt", "--tls-key", mine / "tls.key", "--tls-ca", mine / "ca.crt",
                               "--check-address", f"{address}:8003", mine / "envoy.yaml"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        front(mine / "envoy.yaml", address)
        stack = contextlib.ExitStack()
        run_envoy(stack, which, mine / "envoy.yaml")
        return stack

    with Checker(tmp_path / "check.sock") as checker, contextlib.ExitStack() as stack:
        stack.callback(checker.shutdown)
        run_envoy(stack, which, tmp_path / "door" / "envoy.yaml")
        with open_front("envoy"):
            poll(lambda: asked(address, "Basic right") == 200)
            assert asked(address, "Basic wrong") == 401
        # The certificate of a Gateway's Envoy is of the same authority.
        with open_front("gateway"):
            poll(lambda: asked(address, "Basic right") is not None)
            assert asked(address, "Basic right") == 503


def test_two_releases_do_not_meet():
    one = chart.template(release="one", namespace="a")
    two = chart.template({"ingressClass": {"name": "two"}}, release="one", namespace="b")

    def cluster_wide(objects):
        return {(o["kind"], o["metadata"]["name"]) for o in objects if "namespace" not in o["metadata"]}

    assert not cluster_wide(one) & cluster_wide(two)


def test_replicas_are_left_to_the_autoscaler():
    objects = chart.template(VARIANTS["autoscaling"])
    assert "replicas" not in of(objects, "Deployment", "portolan-envoy")["spec"]
    assert of(objects, "HorizontalPodAutoscaler")[0]["spec"]["scaleTargetRef"]["name"] == "portolan-envoy"


def test_a_single_pod_has_no_disruption_budget():
    assert of(chart.template(VARIANTS["one"]), "PodDisruptionBudget") == []
    assert len(of(chart.template(), "PodDisruptionBudget")) == 2


def test_the_rights_are_those_that_the_tests_of_the_watcher_run_with():
    def rights(objects):
        return {(group, resource, verb) for o in objects if o["kind"] in ("ClusterRole", "Role")
                and not o["metadata"]["name"].endswith(("-view", "-edit", "-certgen"))
                for r in o["rules"] for group in r["apiGroups"] for resource in r["resources"] for verb in r["verbs"]}

    example = rights([o for o in yaml.safe_load_all((TOP / "examples/rbac.yaml").read_text())])
    made = rights(chart.template())
    # The Lease is part of the release.
    assert example - {("coordination.k8s.io", "leases", "create")} == made
    # Whatever else is asked for is asked for by name; Secrets are never read one by one.
    assert not any(verb == "*" or resource == "*" for _, resource, verb in made)
    assert {v for _, r, v in made if r == "secrets"} == {"list", "watch"}


def test_the_right_to_annotate_ingresses_is_there_where_that_is_asked_for():
    def may_patch(values):
        return [(o["kind"], o["metadata"].get("namespace")) for o in chart.template(values)
                if o["kind"] in ("ClusterRole", "Role") and o["metadata"]["name"].startswith("portolan")
                and {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["patch"]} in o["rules"]]

    on = {"config": {"portolan": {"status": {"propagated": True}}}}
    [example] = [o["rules"] for o in yaml.safe_load_all((TOP / "examples/rbac-propagated.yaml").read_text())
                 if o["kind"] == "ClusterRole"]
    assert example == [{"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["patch"]}]
    assert may_patch({}) == may_patch({"config": {"portolan": {"status": {"propagated": False}}}}) == []
    assert may_patch(on) == [("ClusterRole", None)]
    assert may_patch({**on, **VARIANTS["namespaces"]}) == [("Role", "a"), ("Role", "b")]


def test_provisioning_adds_its_rights_its_configuration_and_a_way_to_xds():
    objects = chart.template(VARIANTS["provisioning"])
    example = next(o for o in yaml.safe_load_all((TOP / "examples/rbac-provisioning.yaml").read_text()))
    assert of(objects, "ClusterRole", "portolan-portolan-provisioning")["rules"] == example["rules"]
    [config] = [yaml.safe_load(o["data"]["config.yaml"]) for o in of(objects, "ConfigMap") if "config.yaml" in o["data"]]
    gateway = config["portolan"]["gateway"]
    assert gateway["provisioning"] is True and gateway["xds-address"] == "portolan-xds.portolan.svc:8001"
    assert gateway["xds-authority"] == "portolan-xds-ca" and gateway["envoy-image"] and gateway["image"]
    assert gateway["envoy-upgrades"] == "one-at-a-time"
    [xds] = of(objects, "NetworkPolicy", "portolan")["spec"]["ingress"][:1]
    assert {"namespaceSelector", "podSelector"} in [set(f) for f in xds["from"]]
    roles = of(chart.template(VARIANTS["provisioning-namespaces"]), "Role")
    assert [r["metadata"]["namespace"] for r in roles if r["metadata"]["name"].endswith("-provisioning")] == ["a"]


def test_with_rights_in_namespaces_no_secret_of_another_can_be_read():
    objects = chart.template(VARIANTS["namespaces"])
    for role in of(objects, "ClusterRole"):
        for rule in role["rules"]:
            assert "secrets" not in rule["resources"]
    assert {o["metadata"]["namespace"] for o in of(objects, "Role")} == {"a", "b", "portolan"}


def test_a_changed_configuration_rolls_the_control_plane_and_not_envoy():
    def annotations(values, name):
        return of(chart.template(values), "Deployment", name)["spec"]["template"]["metadata"]["annotations"]

    changed = {"config": {"tls": {"minimum-protocol-version": "1.3"}}}
    assert annotations({}, "portolan") != annotations(changed, "portolan")
    assert annotations({}, "portolan-envoy") == annotations(changed, "portolan-envoy")


def test_the_configuration_is_one_that_portolan_takes(tmp_path):
    from programs import program

    values = {"config": {"tls": {"minimum-protocol-version": "1.3"}, "portolan": {"http": {"access-log": "stdout"}}}}
    text = of(chart.template(values), "ConfigMap", "portolan")["data"]["config.yaml"]
    (tmp_path / "config.yaml").write_text(text)
    done = subprocess.run([program("portolan"), "config", "check", tmp_path / "config.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(text)
    assert made["portolan"]["http"] == {"port": 8080, "access-log": "stdout"}


def test_all_definitions_are_in_both_charts():
    names = {yaml.safe_load(p.read_text())["metadata"]["name"] for p in (TOP / "examples/crds").glob("*.yaml")}
    made = of(chart.template(None, "--include-crds"), "CustomResourceDefinition")
    assert {o["metadata"]["name"] for o in made} == names
    kept = chart.template(chart=chart.CRDS)
    assert {o["metadata"]["name"] for o in kept} == names
    assert all(o["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for o in kept)
    # kubectl apply keeps a copy in an annotation of at most 256 KiB.
    assert all(len(json.dumps(o)) < 200_000 for o in kept)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_server_takes_every_object(kube, namespace, variant):
    """By server-side apply with strict field validation: an unknown or misspelt field is an error."""
    for o in chart.template(VARIANTS[variant], namespace=namespace):
        if o["apiVersion"].split("/")[0] in FOREIGN:
            continue
        if o["metadata"].get("namespace") in ("a", "b"):
            o["metadata"]["namespace"] = namespace
        path = kube.client.path_of(o)
        answer = kube.client.request("PATCH", path, o, content_type="application/apply-patch+yaml", query={
            "fieldManager": "test", "dryRun": "All", "fieldValidation": "Strict", "force": "true"})
        assert answer.status in (200, 201), (o["kind"], answer.body[:500])
        assert "Warning" not in answer.headers, (o["kind"], answer.headers["Warning"])


def test_install_upgrade_rollback_and_uninstall(kube, namespace):
    """Against the API server alone: nothing runs, so nothing is waited for (tests/node does)."""
    release = chart.Release(kube, namespace, name=namespace)
    names = {"ingressClass": {"name": namespace}}
    release.install(names)
    release.upgrade({**names, "controlPlane": {"replicas": 3}})
    assert kube.client.get("Deployment", namespace, f"{namespace}-portolan", api_version="apps/v1")["spec"]["replicas"] == 3
    # Certgen's content stays.
    secret = kube.client.get("Secret", namespace, f"{namespace}-portolan-xds-ca")
    kube.client.patch(secret, {"data": {"tls.crt": "eA=="}})
    release.rollback()
    assert kube.client.get("Deployment", namespace, f"{namespace}-portolan", api_version="apps/v1")["spec"]["replicas"] == 2
    release.upgrade(names)
    assert kube.client.get("Secret", namespace, f"{namespace}-portolan-xds-ca")["data"] == {"tls.crt": "eA=="}
    release.uninstall()
    for kind in ("Secret", "ServiceAccount", "Role"):
        assert kube.client.list(kind, namespace)["items"] == []
    assert kube.client.request("GET", kube.client.path("IngressClass", None, namespace)).status == 404


def test_certgen_needs_no_more_than_its_role(kube, namespace, tmp_path):
    from programs import program

    chart.Release(kube, namespace).install({"ingressClass": {"create": False}})
    try:
        command = [program("portolan-certgen"), "--kube", "--ca-secret=portolan-xds-ca",
                   "--server-secret=portolan-xds-server", "--envoy-secret=portolan-xds-envoy"]
        kube.wait_granted([kube.client.get(kind, namespace, "portolan-certgen") for kind in ("Role", "RoleBinding")])
        account = kube.service_account_folder(namespace, "portolan-certgen")
        for said in ("made", "kept"):
            ended = kube.exec_in_ns(command, service_account=account, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
            out, errors = ended.communicate(timeout=60)
            assert (ended.returncode, out.count(said)) == (0, 3), errors
        other = kube.exec_in_ns([*command, "--ca-secret=other"], service_account=account, stderr=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, text=True)
        assert "forbidden" in other.communicate(timeout=60)[1] and other.returncode == 1
    finally:
        chart.Release(kube, namespace).uninstall()


def test_alerts_and_dashboard_are_those_of_the_documentation():
    objects = chart.template(VARIANTS["monitoring"])
    [rules] = of(objects, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((TOP / "helm/observability/alerts.yaml").read_text())
    dashboard = of(objects, "ConfigMap", "portolan-dashboard")
    assert json.loads(dashboard["data"]["portolan.json"]) == json.loads(
        (TOP / "helm/observability/dashboard.json").read_text())
