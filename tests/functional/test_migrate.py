"""`portolan migrate`: every object in exactly one class, and the files to apply. The shapes are
those of common charts: a shop, a dashboard with a password, an old blog, cert-manager's solver,
other controllers' objects."""

import collections
import json
import re
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


def literal(cell):
    """The text of Markdown that is nothing but code and bars, by CommonMark's rules of code."""
    text = ""
    while cell:
        if cell.startswith("&#124;"):
            text, cell = text + "|", cell.removeprefix("&#124;")
            continue
        ticks = re.match("`+", cell)
        assert ticks, f"not code: {cell}"
        code = re.match(f"{ticks[0]}(.*?[^`])?{ticks[0]}(?!`)", cell)
        assert code and "|" not in code[0], cell
        inside, cell = code[1], cell[code.end():]
        text += inside[1:-1] if inside[0] == inside[-1] == " " and inside.strip() else inside
    return text


def test_no_text_of_an_object_is_markdown(migrate):
    """Nor a link, a mention or a reference by what GitHub adds to it: none of these is in code."""
    texts = ["/a|b<img src=//x>`c`**d**~~e~~[f](http://g)![h](http://i)", "/_x_ @me #1 [a][b] https://c.ex www.d.ex e@f.ex",
             "/`", "/``|``|||`|", "/\\|\\`\\", "/ a "]
    content = backends()
    for i, text in enumerate(texts):
        content += [objects.ingress(f"one{i}", objects.rule("one.example", objects.path("web", at=text)), klass="nginx"),
                    {"apiVersion": "x.example/v1", "kind": text, "metadata": {"name": "a"}}]
    out = migrate(content, "-o", "markdown").stdout
    listed = migrate(content).stdout
    found = []
    for row in re.findall(r"^\| (`.*) \|$", out, re.M):
        name, reasons = row.split(" | ")
        found += [literal(name), *map(literal, reasons.split("<br>") if reasons else [])]
    found += [literal(kind) for kind in re.findall(r"^- 1 of kind (.*): not read$", out, re.M)]
    for text in texts:
        assert f"{text}.x.example" in found, (text, out)
    assert all(any(text in f for f in found if f.startswith("spec.")) for text in texts[:2]), out
    for text in found:
        assert text in listed, text
    # All other lines are Portolan's own.
    rest = [line for line in out.splitlines() if not line.startswith(("| `", "- 1 of kind `"))]
    assert not [line for line in rest if re.search(r"[`_\[@\\]|//", line)], rest


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
    done = migrate([*backends(), ingress("one", "one.example", klass="edge"), ingress("two", "two.example", klass="edge")])
    assert done.returncode == NO_ANSWER and "Ingresses are there of class edge (2)" in done.stderr
    for words in ((), ("--from", "haproxy", "x"), ("-o", "xml", "x")):
        assert subprocess.run([PORTOLAN, "migrate", *words], capture_output=True, timeout=60).returncode == 2


# ---- whose objects ----

def reason_texts(done, name):
    return " ".join(reasons(done, name))


def test_an_ingress_nginx_by_any_controller_name_is_one(migrate, folder):
    done = migrate([*backends(), ingress("one", "one.example", klass="inner"),
                    objects.ingress_class("inner", "k8s.io/internal-ingress-nginx")], "-o", "json", "--write", "out")
    assert {o["name"]: o["class"] for o in report(done)["objects"]}["one"] == "same"
    assert yaml.safe_load((folder / "out/portolan.yaml").read_text())["ingressNginx"] == {
        "enabled": True, "classes": ["inner"], "controllerName": "k8s.io/internal-ingress-nginx"}
    assert "k8s.io/internal-ingress-nginx" in (folder / "out/apply.yaml").read_text()


def test_of_several_one_is_judged_and_the_others_are_not_said_to_be_unserved_there(migrate):
    content = [*backends(), ingress("one", "one.example"), ingress("two", "two.example", klass="inner"),
               ingress("three", "three.example", klass="alb"),
               objects.ingress_class("nginx", "k8s.io/ingress-nginx"),
               objects.ingress_class("inner", "k8s.io/internal-ingress-nginx"),
               objects.ingress_class("alb", "ingress.k8s.aws/alb")]
    done = migrate(content, "-o", "json")
    found = {f"{o['kind']}/{o['name']}": o["class"] for o in report(done)["objects"]}
    assert found["Ingress/one"] == "same" and found["IngressClass/nginx"] == "same"
    assert found["Ingress/two"] == "not-served" and "--class inner judges its objects" in reason_texts(done, "two")
    assert found["IngressClass/inner"] == "not-served"
    assert found["Ingress/three"] == found["IngressClass/alb"] == "never-served"
    found = classes(migrate, content, "--class=inner")
    assert (found["Ingress/one"], found["Ingress/two"]) == ("not-served", "same")


def test_contours_status_says_that_it_served_the_class(migrate):
    content = [*backends(), *proxies()[:1], *proxies()[3:4]]
    assert classes(migrate, content)["HTTPProxy/other"] == "never-served"
    done = migrate(content, "-o", "json")
    assert "if it was served there, say --class elsewhere" in reason_texts(done, "other")
    content[-1]["status"] = {"currentStatus": "valid", "description": "Valid HTTPProxy"}
    assert classes(migrate, content)["HTTPProxy/other"] == "same"


@pytest.mark.parametrize("controller,klass", [("k8s.io/ingress-nginx", "nginx"), ("projectcontour.io/x", "contour"),
                                              ("haproxy.org/x", "haproxy")])
def test_ingresses_of_files_get_the_default_class(migrate, controller, klass):
    """The API server gives it to those that are made; one of a cluster without a class is older than the class."""
    content = [*backends(), objects.ingress_class(klass, controller, default=True), ingress("one", "one.example"),
               *proxies()[:1], ingress("new", "new.example", klass=None),
               ingress("old", "old.example", klass=None, created="2024-01-01T00:00:00Z")]
    found = classes(migrate, content)
    assert found["Ingress/new"] == ("never-served" if klass == "haproxy" else "same")
    assert found["Ingress/old"] == "same"  # Contour takes what has no class
    done = migrate([o for o in content if o["kind"] != "HTTPProxy"], "-o", "json", "--from=ingress-nginx")
    found = {o["name"]: o["class"] for o in report(done)["objects"]}
    assert found["new"] == ("same" if klass == "nginx" else "never-served")
    assert found["old"] == "never-served" and f"before {klass} was the default" in reason_texts(done, "old")


def test_the_classes_to_apply_keep_their_default(migrate, folder):
    migrate([*backends(), objects.ingress_class("nginx", "k8s.io/ingress-nginx", default=True),
             ingress("one", "one.example")], "--write", "out")
    [made] = [o for o in yaml.safe_load_all((folder / "out/apply.yaml").read_text())
              if o and o["kind"] == "IngressClass" and o["metadata"]["name"] == "nginx"]
    assert made["metadata"]["annotations"] == {"ingressclass.kubernetes.io/is-default-class": "true"}


# ---- what configures them ----

def config_map(name, namespace="infra", labels=None, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, **({"labels": labels} if labels else {})},
            "data": {k.replace("_", "-"): v for k, v in data.items()}}


LABELS = {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"}


@pytest.mark.parametrize("settings,tcp", [
    (config_map("edge-ingress-nginx-controller", proxy_body_size="9m"), config_map("edge-ingress-nginx-tcp", **{"5432": "default/web:80"})),
    (config_map("edge", labels=LABELS, proxy_body_size="9m"), config_map("edge-tcp", labels=LABELS, **{"5432": "default/web:80"})),
    (config_map("nginx-configuration", proxy_body_size="9m"), config_map("tcp-services", **{"5432": "default/web:80"})),
], ids=["release", "labels", "old"])
def test_the_config_maps_of_any_release_count(migrate, folder, settings, tcp):
    headers = config_map("edge-custom-add-headers", labels=LABELS, X_A="b")
    found = classes(migrate, [*backends(), ingress("one", "one.example"), settings, tcp, headers], "--write", "out")
    made = yaml.safe_load((folder / "out/portolan.yaml").read_text())["ingressNginx"]
    assert made["configMap"] == f"infra/{settings['metadata']['name']}"
    assert made["tcpServicesConfigMap"] == f"infra/{tcp['metadata']['name']}"
    assert found[f"ConfigMap/{settings['metadata']['name']}"] == found[f"ConfigMap/{tcp['metadata']['name']}"] == "same"
    assert found["ConfigMap/edge-custom-add-headers"] == "never-served"


def test_settings_that_are_not_looked_at_are_said(migrate):
    done = migrate([*backends(), ingress("one", "one.example"), config_map("ingress-nginx-controller", proxy_body_size="9m"),
                    config_map("inner-ingress-nginx-controller", "other", hsts="false"),
                    config_map("inner-ingress-nginx-tcp", "other", **{"5432": "default/web:80"})], "-o", "json")
    found = {o["name"]: o["class"] for o in report(done)["objects"]}
    assert found["ingress-nginx-controller"] == "same"
    for name in ("inner-ingress-nginx-controller", "inner-ingress-nginx-tcp"):
        assert found[name] == "not-served" and "is not looked at" in reason_texts(done, name)


def test_contours_file_in_a_config_map_of_another_name(migrate, folder):
    migrate([*backends(), *proxies()[:1], config_map("my-contour", **{"contour.yaml": "disablePermitInsecure: true\n"})],
            "--write", "out")
    assert (folder / "out/portolan.yaml").read_text() == "disablePermitInsecure: true\n"


def test_a_host_without_its_secret_has_the_default_certificate_as_there(migrate):
    """Tests of real requests: tests/functional/test_nginx_certificates.py."""
    done = migrate([*backends(), ingress("shop", "shop.example", tls=[("gone", "shop.example")])], "-o", "json")
    answer = report(done)
    assert {o["name"]: o["class"] for o in answer["objects"]}["shop"] == "same"
    assert "the default certificate is served; so it is there" in reason_texts(done, "shop")
    assert answer["total"] == 3  # the certificate is nobody's object


def test_files_that_cannot_be_read_are_said_where_nothing_else_is(migrate, folder):
    (folder / "all.yaml.gz").write_bytes(b"\x1f\x8b\x08\x00\x01\x02\x03")
    done = subprocess.run([PORTOLAN, "migrate", "all.yaml.gz"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == NO_ANSWER and "all.yaml.gz" in done.stderr, done.stderr


def test_what_only_unserved_objects_mention_is_not_said_to_be_unused(migrate):
    login = [objects.service("login", objects.port(80)), objects.slice_of("login", 8080, "10.0.0.9")]
    unused = [objects.service("unused", objects.port(80)), objects.slice_of("unused", 8080, "10.0.0.10")]
    found = classes(migrate, [*backends(), *login, *unused, ingress("one", "one.example"),
                              ingress("login", "login.example", {"configuration-snippet": "deny all;\n"}, service="login")])
    assert found["Ingress/login"] == found["Service/login"] == found["EndpointSlice/login-1"] == "not-served"
    assert found["Service/unused"] == found["EndpointSlice/unused-1"] == "never-served"


def test_lists_in_lists_are_read(migrate):
    """kubectl's lists of lists, and those of one kind as the API answers."""
    one = ingress("one", "one.example")
    found = classes(migrate, [{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "List", "items": backends()},
        {"apiVersion": "networking.k8s.io/v1", "kind": "IngressList",
         "items": [{"metadata": one["metadata"], "spec": one["spec"]}]}]}])
    assert found == {"Service/web": "same", "EndpointSlice/web-1": "same", "Ingress/one": "same"}


def test_an_unreadable_object_has_its_place(migrate):
    done = migrate([*backends(), ingress("one", "one.example"), ingress("Bad_Name", "two.example")])
    assert re.search(r"^  Ingress default/Bad_Name \(all\.yaml:[0-9]+\)$", done.stdout, re.M), done.stdout


def test_a_source_without_secrets_is_said_to_be_one(migrate):
    content = [*backends(), ingress("one", "one.example", tls=[("cert", "one.example")])]
    assert "The source has no Secrets" in migrate(content).stdout
    assert "The source has no Secrets" in migrate(content, "-o", "markdown").stdout
    assert report(migrate(content, "-o", "json"))["without_secrets"] is True
    secret = objects.tls_secret("other", Authority().issue("two.example"))
    assert "The source has no Secrets" not in migrate([*content, secret]).stdout
    assert report(migrate([*content, secret], "-o", "json"))["without_secrets"] is False


def test_a_cluster_that_cannot_be_read_leaves_the_rights_that_are_needed(folder):
    (folder / "kubeconfig").write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
    done = subprocess.run([PORTOLAN, "migrate", "live", "--kubeconfig=kubeconfig", "--write=out"], cwd=folder,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == NO_ANSWER and "out/apply.yaml has the rights" in done.stderr, done.stderr
    assert [o["kind"] for o in yaml.safe_load_all((folder / "out/apply.yaml").read_text()) if o] == ["ClusterRole"]


def without_slices():
    """As in a folder that people apply: a cluster makes the slices."""
    return [objects.service("web", objects.port(80))]


def test_what_is_as_true_with_contour_is_no_difference(migrate):
    loop = objects.proxy("loop", {"requestRedirectPolicy": {"hostname": "loop.example"}}, fqdn="loop.example")
    never = objects.proxy("never", {"conditions": [{"prefix": "/a//b"}], "services": [{"name": "web", "port": 80}]},
                          fqdn="never.example")
    content = [*without_slices(), *proxies()[:1], loop, never]
    done = migrate(content, "-o", "json")
    found = {o["name"]: o["class"] for o in report(done)["objects"] if o["kind"] == "HTTPProxy"}
    assert found == {"good": "same", "loop": "same", "never": "same"}
    assert all("the same there" in reason_texts(done, name) for name in found)


def test_each_object_is_judged_by_its_own_controller_where_both_are_there(migrate):
    content = [*without_slices(), *proxies()[:1], ingress("shop", "shop.example", tls=[("gone", "shop.example")]),
               ingress("bad", "bad.example", {"permanent-redirect-code": "soon"})]
    alone = classes(migrate, [o for o in content if o["kind"] != "HTTPProxy"])
    found = classes(migrate, content)
    assert {k: v for k, v in found.items() if k.startswith("Ingress/")} == {
        k: v for k, v in alone.items() if k.startswith("Ingress/")} == {"Ingress/shop": "same", "Ingress/bad": "never-served"}
    assert found["HTTPProxy/good"] == "same"


def test_a_class_is_only_text_in_what_has_to_be_applied(migrate, folder):
    evil = proxies()[0]
    evil["metadata"]["annotations"] = {"projectcontour.io/ingress.class": "x\n---\nkind: Evil\n# <b>|"}
    done = migrate([*backends(), evil], "--write", "out", "-o", "markdown")
    assert "Evil" in (folder / "out/apply.yaml").read_text() and "\nkind: Evil" not in done.stdout
    assert "Evil" not in [o["kind"] for o in yaml.safe_load_all((folder / "out/apply.yaml").read_text()) if o]


def test_hosts_and_routes_are_those_that_objects_ask_for(migrate):
    """ingress-nginx's own host for unknown names, and its limits of bodies, are nobody's routes; HTTP and HTTPS are two."""
    content = [*backends(), ingress("one", "one.example"), ingress("two", "two.example")]
    answer = report(migrate(content, "-o", "json"))
    assert (answer["hosts"], answer["routes"]) == (2, 4)
