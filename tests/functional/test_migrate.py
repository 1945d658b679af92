"""`portolan migrate`: every object in exactly one class, and the files to apply. The shapes are
those of common charts: a shop, a dashboard with a password, an old blog, cert-manager's solver,
other controllers' objects."""

import collections
import json
import subprocess

import pytest
import yaml

import objects
from certs import Authority
from programs import TOP, program

PORTOLAN = program("portolan")
NGINX = "nginx.ingress.kubernetes.io/"
ALL_SAME, DIFFERENT, NOT_SERVED, NO_ANSWER = range(4)


def ingress(name, host, annotations=None, klass="nginx", service="web", **more):
    return objects.ingress(name, objects.rule(host, objects.path(service)), klass=klass,
                           annotations={NGINX + k: v for k, v in (annotations or {}).items()}, **more)


def backends():
    return [objects.service("web", objects.port(80)), objects.slice_of("web", 8080, "10.0.0.1")]


@pytest.fixture
def migrate(folder):
    def run(content, *words):
        (folder / "all.yaml").write_text(yaml.safe_dump_all(content) if not isinstance(content, str) else content)
        return subprocess.run([PORTOLAN, "migrate", *words, "all.yaml"], cwd=folder, capture_output=True, text=True,
                              timeout=60)

    return run


def report(done):
    answer = json.loads(done.stdout)
    counted = collections.Counter(o["class"] for o in answer["objects"])
    counted["never-served"] += sum(p["count"] for p in answer["without_routes"])
    assert {k: n for k, n in answer["summary"].items() if n} == {k: n for k, n in counted.items() if n}
    assert answer["total"] == sum(answer["summary"].values())
    names = [(o["kind"], o["namespace"], o["name"]) for o in answer["objects"]]
    assert len(names) == len(set(names))
    wanted = (NOT_SERVED if answer["summary"]["not-served"] else DIFFERENT if answer["summary"]["different"] else
              ALL_SAME)
    assert done.returncode == wanted
    return answer


def classes(migrate, content, *words):
    answer = report(migrate(content, "-o", "json", *words))
    return {f"{o['kind']}/{o['name']}": o["class"] for o in answer["objects"]}


def reasons(done, name):
    return [f"{r['field']}: {r['text']}" for o in json.loads(done.stdout)["objects"] if o["name"] == name
            for r in o["reasons"]]


# ---- ingress-nginx ----

def _table():
    """{name: fidelity} by the code's own table."""
    done = subprocess.run([program("tests/print/nginx-annotations")], capture_output=True, text=True, timeout=60,
                          check=True)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    return {cells[0].strip("`"): cells[1] for cells in rows}


def by_table(*names):
    """The class of an Ingress with these annotations, if none of them closes it."""
    return "same" if {_table()[n] for n in names} <= {"same", "nothing to do"} else "different"


def test_what_ingress_nginx_users_have(migrate):
    certificate = Authority().issue("shop.example")
    content = [
        *backends(),
        ingress("shop", "shop.example", {"ssl-redirect": "true", "proxy-body-size": "8m"}, tls=[("cert", "shop.example")]),
        ingress("plain", "plain.example"),
        ingress("cors", "cors.example", {"app-root": "/start"}),
        ingress("login", "login.example", {"configuration-snippet": "deny all;\n"}),
        ingress("alias", "alias.example", {"server-alias": "b.example"}),
        ingress("typo", "typo.example", {"proxy-bodysize": "8m"}),
        ingress("bad", "bad.example", {"permanent-redirect-code": "soon"}),
        ingress("other", "other.example", klass="traefik"),
        objects.tls_secret("cert", certificate),
        objects.service("idle", objects.port(80)),
    ]
    found = classes(migrate, content)
    assert len(found) == len(content)
    assert found == {
        "Service/web": "same", "EndpointSlice/web-1": "same", "Secret/cert": "same",
        "Ingress/shop": by_table("ssl-redirect", "proxy-body-size"),
        "Ingress/plain": "same", "Ingress/cors": by_table("app-root"),
        "Ingress/login": "not-served",  # it would be open otherwise
        "Ingress/alias": by_table("server-alias"),
        "Ingress/typo": "same",        # it had no effect there either
        "Ingress/bad": "never-served",  # ingress-nginx leaves the whole Ingress out
        "Ingress/other": "never-served", "Service/idle": "never-served",
    }


@pytest.mark.parametrize("name,value", [
    ("app-root", "/a"), ("permanent-redirect", "https://x.example"), ("preserve-trailing-slash", "true"),
    ("relative-redirects", "true"), ("use-port-in-redirects", "true"), ("ssl-ciphers", "AES128"),
    ("limit-rps", "5"), ("limit-rate", "5"), ("rewrite-target", "/x"), ("x-forwarded-prefix", "/p"),
])
def test_an_annotations_class_is_that_of_the_table(migrate, name, value):
    wanted = {"same": {"same"}, "with a difference": {"different"}, "no": {"different", "not-served"},
              "nothing to do": {"same"}}[_table()[name]]
    found = classes(migrate, [*backends(), ingress("one", "one.example", {name: value})])
    assert found["Ingress/one"] in wanted


def test_the_controllers_own_config_map_counts(migrate, folder):
    settings = {"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "ingress-nginx-controller", "namespace": "ingress-nginx"},
                "data": {"proxy-body-size": "9m"}}
    done = migrate([*backends(), ingress("one", "one.example"), settings], "--write", "out")
    assert done.returncode == ALL_SAME, done
    assert yaml.safe_load((folder / "out/portolan.yaml").read_text())["ingressNginx"] == {
        "enabled": True, "classes": ["nginx"], "configMap": "ingress-nginx/ingress-nginx-controller"}


# ---- Contour ----

def proxies():
    def proxy(name, status=None, **more):
        p = objects.proxy(name, {"services": [{"name": "web", "port": 80}]}, fqdn=f"{name}.example", **more)
        if status:
            p["status"] = {"currentStatus": status, "description": "because of it"}
        return p

    gone = proxy("gone", "invalid")
    gone["spec"]["routes"][0]["services"][0]["name"] = "nowhere"
    unknown = proxy("unknown")
    unknown["spec"]["routes"][0]["services"][0]["name"] = "nowhere"
    other = proxy("other")
    other["spec"]["ingressClassName"] = "elsewhere"
    return [proxy("good", "valid"), gone, unknown, other, proxy("mended", "invalid")]


def test_what_contours_users_have(migrate):
    done = migrate([*backends(), *proxies()], "-o", "json")
    found = {o["name"]: o["class"] for o in report(done)["objects"] if o["kind"] == "HTTPProxy"}
    assert found == {"good": "same", "gone": "never-served", "unknown": "not-served", "other": "never-served",
                     "mended": "different"}
    assert any("Contour says of it: invalid, because of it" in r for r in reasons(done, "gone"))


def test_contours_file_and_its_gateway_class(migrate, folder):
    content = [*backends(), *proxies()[:1],
               {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "contour", "namespace": "projectcontour"},
                "data": {"contour.yaml": "disablePermitInsecure: true\n"}},
               {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "old"},
                "spec": {"controllerName": "projectcontour.io/gateway-controller"}}]
    found = classes(migrate, content, "--write", "out")
    assert found["GatewayClass/old"] == "different" and found["HTTPProxy/good"] == "same"
    assert (folder / "out/portolan.yaml").read_text() == "disablePermitInsecure: true\n"
    kinds = {o["metadata"]["name"]: o for o in yaml.safe_load_all((folder / "out/apply.yaml").read_text()) if o}
    assert kinds["old"]["spec"]["controllerName"] == "portolan.io/gateway-controller"


def test_gateways_alone_are_contours_by_their_class(migrate):
    content = [*backends(), {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "old"},
        "spec": {"controllerName": "projectcontour.io/gateway-controller"},
    }, {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "default"},
        "spec": {"gatewayClassName": "old", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]},
    }, {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "route", "namespace": "default"},
        "spec": {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
    }]
    found = classes(migrate, content)
    assert found == {"Service/web": "same", "EndpointSlice/web-1": "same", "GatewayClass/old": "different",
                     "Gateway/gw": "same", "HTTPRoute/route": "same"}


# ---- nothing is lost ----

def test_every_document_is_counted_once_whatever_it_is(migrate):
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [
        *backends(), ingress("one", "one.example"),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "e"}},
        {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": {"name": "r"}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "typed"},
         "spec": {"ingressClassName": "nginx", "rules": "none"}},
    ]}) + "---\nkind: [\n"
    done = migrate(text, "-o", "json")
    answer = report(done)
    assert answer["total"] == 3 + 3 + 1 + 1
    assert {p["kind"]: p["count"] for p in answer["without_routes"]} == {
        "Deployment.apps": 2, "IngressRoute.traefik.io": 1}
    assert [o["name"] for o in answer["objects"] if o["class"] == "not-served" and o["kind"] == "Ingress"] == ["typed"]
    assert done.returncode == NOT_SERVED


def test_no_value_of_a_secret_is_in_any_report(migrate, folder):
    certificate = Authority().issue("shop.example")
    content = [
        *backends(), objects.tls_secret("cert", certificate),
        ingress("shop", "shop.example", {"auth-type": "basic", "auth-secret": "users"}, tls=[("cert", "shop.example")]),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users", "namespace": "default"},
         "stringData": {"auth": "joe:$apr1$hunter2hunter2\n"}},
    ]
    for words in ((), ("-o", "markdown"), ("-o", "json", "--write", "out")):
        done = migrate(content, *words)
        for secret in ("hunter2", "PRIVATE", certificate[1].splitlines()[1]):
            assert secret not in done.stdout + done.stderr
    for file in (folder / "out").iterdir():
        assert "hunter2" not in file.read_text()


# ---- forms, sources, files ----

def test_markdown_and_text_have_the_same_numbers_as_json(migrate):
    content = [*backends(), ingress("one", "one.example"), ingress("two", "two.example", {"rewrite-target": "/x"})]
    numbers = json.loads(migrate(content, "-o", "json").stdout)["summary"]
    text, markdown = migrate(content).stdout, migrate(content, "-o", "markdown").stdout
    assert f"| Served with a difference | {numbers['different']} | 1 |" in markdown
    assert "| all | 4 | |" in markdown
    assert f"{numbers['same']:6}  Served the same (1 of them route)" in text
    assert "Ingress default/two (all.yaml:" in text


def test_what_has_to_be_applied(migrate, folder):
    done = migrate([*backends(), ingress("one", "one.example", klass="edge"),
                    objects.ingress_class("edge", "k8s.io/ingress-nginx")], "--write", "out")
    assert done.returncode == ALL_SAME, done
    applied = [o for o in yaml.safe_load_all((folder / "out/apply.yaml").read_text()) if o]
    [role] = [o for o in applied if o["kind"] == "ClusterRole"]
    listed = {(g, r) for rule in role["rules"] for g in rule["apiGroups"] for r in rule["resources"]}
    assert {("", "secrets"), ("networking.k8s.io", "ingresses"), ("projectcontour.io", "httpproxies"),
            ("gateway.networking.k8s.io", "httproutes")} <= listed
    assert {v for rule in role["rules"] for v in rule["verbs"]} == {"list"}
    controllers = {o["metadata"]["name"]: o["spec"]["controller"] for o in applied if o["kind"] == "IngressClass"}
    assert controllers == {"portolan": "portolan.io/ingress-controller", "nginx": "k8s.io/ingress-nginx",
                           "edge": "k8s.io/ingress-nginx"}
    checked = subprocess.run([PORTOLAN, "config", "check", folder / "out/portolan.yaml"], capture_output=True, timeout=60)
    assert checked.returncode == 0
    # The files written are those that were judged.
    again = migrate([*backends(), ingress("one", "one.example", klass="edge")], "--config", "out/portolan.yaml",
                    "--from", "ingress-nginx")
    assert again.returncode == ALL_SAME


def test_a_recording_is_a_source():
    recordings = sorted((TOP / "tests/recordings").glob("*.rec")) or sorted(
        p for p in (TOP / "tests/recordings").iterdir() if p.read_bytes()[:8] == b"PTLNREC\n")
    done = subprocess.run([PORTOLAN, "migrate", "--from=contour", "-o", "json", recordings[0]], capture_output=True,
                          text=True, timeout=60)
    assert report(done)["total"] > 0


def test_nobodys_objects_and_bad_usage(migrate, folder):
    done = migrate(backends())
    assert done.returncode == NO_ANSWER and "no object of Contour or ingress-nginx" in done.stderr
    for words in ((), ("--from", "haproxy", "x"), ("-o", "xml", "x")):
        assert subprocess.run([PORTOLAN, "migrate", *words], capture_output=True, timeout=60).returncode == 2
