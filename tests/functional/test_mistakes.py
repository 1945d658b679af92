"""Mistakes in files of manifests: each message names the file and line, and gives advice."""

import json
import re
import resource
import subprocess

import pytest
import yaml

import nginx
import offline
from objects import port, service, slice_of
from programs import SANITIZED, program

bounded = pytest.mark.skipif(SANITIZED, reason="a sanitizer reserves memory without end")

NAMED = [
    # text, the message about it
    ("apiVersion: networking.k8s.io/v1\nkind: ingress\nmetadata: {name: a}", "line 2: kind: ingress is not a kind of"
     " networking.k8s.io/v1: did you mean Ingress?"),
    ("apiVersion: networking.k8s.io/v1\nkind: Ingres\nmetadata: {name: a}", "did you mean Ingress?"),
    ("apiVersion: network.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}", "line 1: apiVersion: Ingress of"
     " network.k8s.io/v1 is not read: use networking.k8s.io/v1"),
    ("apiVersion: v1\nkind: Ingress\nmetadata: {name: a}", "use networking.k8s.io/v1"),
    ("apiVersion: apps/v1\nkind: Service\nmetadata: {name: a}", "use v1"),
    ("apiVersion: contour.io/v1\nkind: HTTPProxy\nmetadata: {name: a}", "use projectcontour.io/v1"),
    ("apiVersion: projectcontour.io/v1\nkind: HttpProxy\nmetadata: {name: a}", "did you mean HTTPProxy?"),
    ("apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: a}", "passed over: 1 IngressRoute (traefik.io)"),
    ("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}", "passed over: 1 Service (serving.knative.dev)"),
    ("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}", "passed over: 1 Gateway (networking.istio.io)"),
    ("apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}", "passed over: 1 Endpoints"),
    ("apiVersion: v1\nkind: List\nitems:\n" + "- {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}\n" * 3,
     "passed over: 3 Deployment (apps)"),
    ("# nothing\n", "no object was read from"),
    ("apiVersion: v1\nkind: Service\nmetadata:\n  namespace: a\n  name: Bad_Name\nspec: {ports: [{port: 80}]}",
     "line 5: metadata.name: must be 1 to 63 lower-case letters"),
    ("apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: B\nspec: {ports: [{port: 80}]}",
     "line 5: metadata.namespace"),
    ("apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\n", "looks like a template: render it first (helm template)"),
    ("{{- if .Values.on }}\napiVersion: v1\nkind: Service\n{{- end }}\n", "looks like a template: render it first (helm template)"),
    ("apiVersion: v1\nkind: Service\nmetadata:\n  name: \"{{ .Release.Name }}\"\n", "looks like a template: render it first"),
]

REFUSED = [
    # spec of a Service, or a whole object; the field
    ({"type": "externalName", "ports": [{"port": 80}]}, "spec.type"),
    ({"type": "ExternalName", "ports": [{"port": 80}]}, "spec.externalName"),
    ({"ports": [{"port": 0}]}, "spec.ports[0].port"),
    ({"ports": [{"port": 65536}]}, "spec.ports[0].port"),
    ({"ports": [{}]}, "spec.ports[0].port"),
    ({"ports": [{"port": 80, "protocol": "tcp"}]}, "spec.ports[0].protocol"),
    ({"ports": [{"port": 80, "targetPort": 65536}]}, "spec.ports[0].targetPort"),
    ({"ports": [{"port": 80, "targetPort": "Web_1"}]}, "spec.ports[0].targetPort"),
    ({"ports": [{"port": 80}, {"port": 81}]}, "spec.ports[0].name"),
    ({"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]}, "spec.ports[1].name"),
    ({"ports": [{"port": 80}], "sessionAffinity": "clientip"}, "spec.sessionAffinity"),
    ({"ports": [{"port": 80}], "ipFamilies": ["ipv4"]}, "spec.ipFamilies[0]"),
    ({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "endpoints": []}, "addressType"),
    ({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "ipv4", "endpoints": []}, "addressType"),
    ({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [{}]},
     "endpoints[0].addresses"),
    ({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [],
      "ports": [{"port": 65536}]}, "ports[0].port"),
    ({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [],
      "ports": [{"port": 80, "protocol": "tcp"}]}, "ports[0].protocol"),
    ({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"rules": [{"http": {"paths": [
        {"path": "/", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}},
     "spec.rules[0].http.paths[0].pathType"),
    ({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"rules": [{"http": {"paths": [
        {"pathType": "prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}},
     "spec.rules[0].http.paths[0].pathType"),
]


def read(folder, text):
    """The watcher's messages about a file."""
    (folder / "in.yaml").write_text(text)
    return subprocess.run([program("portolan-watcher"), "--once", "--manifests", folder / "in.yaml"],
                          capture_output=True, text=True)


def translate(folder, text):
    (folder / "in.yaml").write_text(text)
    return subprocess.run([program("portolan"), "translate", folder / "in.yaml"], capture_output=True, text=True)


@pytest.mark.parametrize("text, says", NAMED)
def test_what_is_nearly_right_is_named(folder, text, says):
    assert says in read(folder, text).stderr


@pytest.mark.parametrize("spec, field", REFUSED)
def test_what_the_api_server_would_refuse_is_refused(folder, spec, field):
    wrong = spec if "kind" in spec else {"apiVersion": "v1", "kind": "Service", "spec": spec}
    done = read(folder, yaml.safe_dump({"metadata": {"name": "a"}, **wrong}))
    assert done.returncode == 1 and f" {field}: " in done.stderr, done.stderr


@pytest.mark.parametrize("number", ["8080", "8080.0", "8.08e3", "8_080", "0x1F90", "0o17620", "017620", "+8080"])
def test_a_port_may_be_written_in_any_notation(folder, number):
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, targetPort: %s}]}\n"
    done = read(folder, text % number)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def bomb(kind):
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    if kind == "aliases to a long text":
        return head + "data:\n  a: &a " + "x" * 1_000_000 + "\n" + "".join(f"  b{i}: *a\n" for i in range(9500))
    if kind == "merges of a long text":
        return (f"x: &x {{k: {'x' * 100_000}}}\n" + "y:\n" + "".join(f"- {{<<: *x, n: {i}}}\n" for i in range(9500)))
    if kind == "aliases to aliases":
        return "a0: &a0 " + "x" * 1000 + "\n" + "".join(
            f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]\n" for i in range(1, 9))
    return "".join(f"---\na: &a {'x' * 20_000}\nb: [{', '.join(['*a'] * 400)}]\n" for _ in range(200))


@bounded
@pytest.mark.parametrize("kind", ["aliases to a long text", "merges of a long text", "aliases to aliases",
                                  "many documents with aliases"])
def test_aliases_cannot_make_a_file_larger_than_memory(folder, kind):
    (folder / "in.yaml").write_text(bomb(kind))
    limit = 400 << 20
    done = subprocess.run([program("portolan-watcher"), "--once", "--manifests", folder / "in.yaml"],
                          capture_output=True, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert done.returncode == 1, done.stderr
    assert "in.yaml, document" in done.stderr and "when its aliases are written out" in done.stderr


@bounded
def test_an_include_cannot_make_a_tree_larger_than_memory(folder):
    """A large route that is included ten thousand times."""
    headers = [{"name": f"x-{i}", "value": "v" * 1000} for i in range(200)]
    child = {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "child", "namespace": "default"},
             "spec": {"routes": [{"services": [{"name": "a", "port": 80}], "requestHeadersPolicy": {"set": headers}}]}}
    root = {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "root", "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": "a.example.com"}, "includes": [
                {"name": "child", "conditions": [{"prefix": f"/{i}"}]} for i in range(9000)]}}
    (folder / "in.yaml").write_text(yaml.dump_all([child, root], Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
    watcher = subprocess.run([program("portolan-watcher"), "--once", "--manifests", folder / "in.yaml", "--write-stream", "-"],
                             capture_output=True, check=True)
    limit = 1 << 30
    done = subprocess.run([program("portolan-translator"), "--once", "--read-stream", "-", "--write-stream",
                           folder / "resources", "--write-statuses", folder / "statuses"],
                          input=watcher.stdout, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert done.returncode == 1, done.stderr[-500:]
    said = offline.statuses(offline.read_state((folder / "statuses").read_bytes()))
    assert "IncludeError/TooLarge" in [p["reason"] for p in said["HTTPProxy default/root"]["problems"]]


def members(kind, n):
    """JSON whose tree needs some hundred times its text."""
    many = {"maps": "{},", "lists": "[],", "names": '"k%d":{},', "scalars": "1,"}[kind]
    body = "".join(many % i if "%" in many else many for i in range(n))[:-1]
    return '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": ' + (
        "{%s}" if kind == "names" else '{"ports": [%s]}') % body + "}\n"


@bounded
@pytest.mark.parametrize("kind", ["maps", "lists", "names", "scalars"])
def test_json_cannot_make_a_tree_larger_than_memory(folder, kind):
    """The document is named, and the one after it is read."""
    after = '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "Bad_Name"}, "spec": {}}'
    (folder / "in.json").write_text(members(kind, 2_500_000) + after)
    limit = 400 << 20
    done = subprocess.run([program("portolan-watcher"), "--once", "--manifests", folder / "in.json"], capture_output=True, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert done.returncode == 1 and "document 1, line 1: holds more than 2000000 values, or needs more than 512 MiB" in done.stderr
    assert "document 2, line 2: metadata.name" in done.stderr, done.stderr[-500:]


@bounded
@pytest.mark.parametrize("spec, reason, what", [
    ({"conditions": [{"header": {"name": f"x{i}", "present": True}} for i in range(8000)]},
     "RouteError/HeaderMatchConditionsNotValid", "there are 8000 conditions on headers, .* at most 256 are allowed: remove some"),
    ({"conditions": [{"prefix": "/"}, *({"queryParameter": {"name": f"x{i}", "present": True}} for i in range(257))]},
     "RouteError/QueryParameterMatchConditionsNotValid", "there are 257 conditions on query parameters, "),
    ({"requestHeadersPolicy": {"set": [{"name": f"x{i}", "value": "1"} for i in range(8000)]}},
     "RouteError/RequestHeadersPolicyInvalid", "at most 256 of each are allowed"),
    ({"responseHeadersPolicy": {"remove": [f"x{i}" for i in range(8000)]}}, "RouteError/ResponseHeaderPolicyInvalid", ""),
])
def test_what_is_compared_with_each_other_is_bounded(folder, spec, reason, what):
    """Some 200 kB that are included 2,000 times. Before, they took ten seconds of the translator's time."""
    proxies = [{"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": name, "namespace": "default"}, "spec": s}
               for name, s in {"root": {"virtualhost": {"fqdn": "a.example.com"}, "includes": [
                   {"name": "child", "conditions": [{"prefix": f"/{i}"}]} for i in range(2000)]},
                   "child": {"routes": [{**spec, "services": [{"name": "a", "port": 80}]}]}}.items()]
    (folder / "in.json").write_text("\n".join(map(json.dumps, proxies)))
    read_ = subprocess.run([program("portolan-watcher"), "--once", "--manifests", folder / "in.json", "--write-stream", "-"],
                           capture_output=True, check=True)
    done = subprocess.run([program("portolan-translator"), "--once", "--read-stream", "-", "--write-stream",
                           folder / "resources", "--write-statuses", folder / "statuses"], input=read_.stdout, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (3, 3)))
    assert done.returncode == 1, (done.returncode, done.stderr[-500:])
    said = offline.statuses(offline.read_state((folder / "statuses").read_bytes()))
    assert any(p["reason"] == reason and re.search(what, p["message"]) for p in said["HTTPProxy default/child"]["problems"]), said


@bounded
def test_what_each_path_of_an_ingress_reads_is_counted(folder):
    """Annotations of 280 kB and a thousand paths. Before, the translator took 8 to 11 GB for one such Ingress."""
    def one(name, paths, **annotations):
        return nginx.nginx(name, f"{name}.example.com", *[f"/{i}" for i in range(paths)], **annotations)

    def ranges(n):
        return ",".join(f"10.{i >> 8}.{i & 255}.0/24" for i in range(n))

    config = {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
              "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": {"portolan": {"ingressNginx": {"enabled": True}}}}
    objects = [
        config, service("echo", port(80, target=8080)), slice_of("echo", 8080, "10.0.0.1"),
        one("ranges", 1000, whitelist_source_range=ranges(15000)),
        one("origins", 1000, enable_cors="true", cors_allow_origin=",".join(f"https://a{i}.example.com" for i in range(9000))),
        one("aliases", 1000, server_alias=",".join(f"b{i}.example.com" for i in range(10000))),
        one("few", 100, whitelist_source_range=ranges(3000)),
        one("names", 2, server_alias=",".join(f"c{i}.example.com" for i in range(3000))),
    ]
    (folder / "in.json").write_text("\n".join(map(json.dumps, objects)))
    read_ = subprocess.run([program("portolan-watcher"), "--once", "--manifests", folder / "in.json", "--write-stream", "-"],
                           capture_output=True, check=True)
    limit = 1 << 30
    done = subprocess.run([program("portolan-translator"), "--once", "--read-stream", "-", "--write-stream",
                           folder / "resources", "--write-statuses", folder / "statuses"], input=read_.stdout, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert done.returncode == 1, (done.returncode, done.stderr[-500:])
    said = offline.statuses(offline.read_state((folder / "statuses").read_bytes()))
    large = {n for n in ("ranges", "origins", "aliases", "few", "names")
             if "TooLarge" in [p["reason"] for p in said[f"Ingress default/{n}"].get("problems", ())]}
    assert large == {"ranges", "origins", "aliases"}


@pytest.mark.parametrize("annotations", [{}, {"affinity": "cookie"}], ids=["plain", "affinity"])
@bounded
def test_many_ingresses_of_one_host_cost_what_they_are(folder, annotations):
    """Before, each path copied a list of all Ingresses: 2.1 GB for three thousand."""
    objects = [{"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
                "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": {"portolan": {"ingressNginx": {"enabled": True}}}},
               service("echo", port(80, target=8080)), slice_of("echo", 8080, "10.0.0.1"),
               *(nginx.nginx(f"a{k}", "a.example.com", *[f"/{k}/{i}" for i in range(5)], **annotations) for k in range(3000))]
    (folder / "in.json").write_text("\n".join(map(json.dumps, objects)))
    read_ = subprocess.run([program("portolan-watcher"), "--once", "--manifests", folder / "in.json", "--write-stream", "-"],
                           capture_output=True, check=True)
    limit = 600 << 20
    done = subprocess.run([program("portolan-translator"), "--once", "--read-stream", "-", "--write-stream", "-",
                           "--write-statuses", folder / "statuses"], input=read_.stdout, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert done.returncode == 0 and done.stdout.count(b"/2999/4") >= 1, (done.returncode, done.stderr[-500:])


def test_regular_expressions_are_counted_together(folder):
    """Each becomes a program of some hundred kilobytes."""
    routes = [{"conditions": [{"regex": f"/{i}\\pL{{100}}"}], "services": [{"name": "a", "port": 80}]}
              for i in range(300)]
    done = translate(folder, yaml.safe_dump({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "root", "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": "a.example.com"}, "routes": routes}}))
    assert done.returncode == 1 and "need more than 16 MiB" in done.stdout, done.stdout[-500:]
