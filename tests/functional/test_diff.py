"""`portolan diff`: the changes for clients between two worlds, and whether any is for the worse."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

import gateway_objects as api
import objects
from addresses import loopback
from certs import Authority
from extension_services import extension
from programs import TOP, program
from run import Run

PORTOLAN = program("portolan")
NOTHING, SOME, WORSE, NO_ANSWER = 0, 1, 2, 3


def world(*more, routes=("/", "/api"), host="a.example", to=None, **ingress):
    paths = [objects.path((to or {}).get(r, "web" if r == "/" else "api"), 80, r) for r in routes]
    return [
        objects.ingress("web", objects.rule(host, *paths), **ingress),
        objects.service("web", objects.port(80)), objects.slice_of("web", 8080, "10.0.0.1"),
        objects.service("api", objects.port(80)), objects.slice_of("api", 8080, "10.0.0.2"),
        *more,
    ]


@pytest.fixture
def diff(folder):
    def run(before, after, *words):
        for name, content in (("before", before), ("after", after)):
            (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(content))
        return subprocess.run(
            [PORTOLAN, "diff", "--against", "before.yaml", *words, "after.yaml"],
            cwd=folder, capture_output=True, text=True, timeout=60)

    return run


def changes(diff, before, after, *words):
    done = diff(before, after, "-o", "json", *words)
    answer = json.loads(done.stdout)
    assert answer["total"] == len(answer["changes"])
    assert answer["worse"] == sum(c["worse"] for c in answer["changes"])
    assert done.returncode == (WORSE if answer["worse"] else SOME if answer["total"] else NOTHING)
    return {(c["change"], c.get("host", ""), c.get("match", "")): c for c in answer["changes"]}


def test_equal_worlds_and_worlds_that_differ_only_in_what_nobody_meets_are_0(diff):
    assert changes(diff, world(), world()) == {}
    assert changes(diff, world(), world(objects.service("idle", objects.port(80)))) == {}
    done = diff(world(), world())
    assert (done.returncode, done.stdout) == (0, "nothing changes for clients\n")


def test_a_host_and_a_route_that_come(diff):
    found = changes(diff, world(routes=["/"]), world(
        objects.ingress("two", objects.rule("two.example", objects.path("web")))))
    assert set(found) == {("route-added", "http://a.example", "path /api and below"),
                          ("host-added", "http://two.example", ""),
                          ("route-added", "http://two.example", "prefix /")}
    added = found["route-added", "http://a.example", "path /api and below"]
    assert added["object"]["name"] == "web" and added["object"]["origin"].startswith("after.yaml:")


def test_a_host_and_a_route_that_go_are_for_the_worse(diff):
    found = changes(diff, world(), world(routes=["/"]))
    assert set(found) == {("route-removed", "http://a.example", "path /api and below")}
    assert found.popitem()[1]["worse"]
    found = changes(diff, world(), world(host="b.example"))
    assert found["host-removed", "http://a.example", ""]["worse"]
    assert not found["host-added", "http://b.example", ""]["worse"]


def test_a_route_that_goes_elsewhere(diff):
    found = changes(diff, world(), world(to={"/api": "web"}))
    assert set(found) == {("route-retargeted", "http://a.example", "path /api and below")}
    assert found.popitem()[1]["text"] == "default/api:80 → default/web:80"


def test_a_route_to_what_is_not_there_is_for_the_worse(diff):
    found = changes(diff, world(), world(to={"/api": "gone"}))
    assert found["route-retargeted", "http://a.example", "path /api and below"]["worse"]
    turned = found["status-turned", "", ""]
    assert turned["worse"] and "Ingress default/web: accepted → partial" in turned["text"]


def test_the_last_endpoint_goes(diff):
    after = [o for o in world() if o["metadata"]["name"] != "api-1" or o["kind"] != "EndpointSlice"]
    assert len(after) == len(world()) - 1
    found = changes(diff, world(), after)
    assert found["endpoints-lost", "http://a.example", "path /api and below"]["worse"]
    assert not changes(diff, after, world())["endpoints-added", "http://a.example", "path /api and below"]["worse"]


def test_a_setting_of_a_route_is_named_with_both_values(diff):
    slow = world(annotations={"projectcontour.io/response-timeout": "7s"})
    found = changes(diff, world(), slow)
    assert {k[0] for k in found} == {"route-changed"}
    assert "route.timeout nothing → 7s" in found["route-changed", "http://a.example", "prefix /"]["text"]


def test_certificates(diff):
    ca = Authority()
    old, new = ca.issue("a.example"), ca.issue("a.example")
    tls = world(objects.tls_secret("cert", old), tls=[("cert", "a.example")])
    renewed = world(objects.tls_secret("cert", new), tls=[("cert", "a.example")])
    changed = changes(diff, tls, renewed)
    assert set(changed) == {("certificate-changed", "https://a.example", "")}
    lost = changes(diff, tls, world())
    assert lost["host-removed", "https://a.example", ""]["worse"]
    assert "default/cert" in lost["host-removed", "https://a.example", ""]["text"]


def test_a_route_that_another_objects_shadows(diff):
    second = objects.ingress("zz", objects.rule("a.example", objects.path("api")))
    found = changes(diff, world(), world(second))
    shadowed = found["route-shadowed", "http://a.example", "prefix /"]
    assert shadowed["worse"] and shadowed["object"]["name"] == "zz" and "Ingress default/web" in shadowed["text"]


def test_a_status_that_gets_better_is_not_for_the_worse(diff):
    found = changes(diff, world(to={"/api": "gone"}), world())
    assert not any(c["worse"] for c in found.values())
    assert "→ accepted" in found["status-turned", "", ""]["text"]


def test_a_document_that_cannot_be_read_is_for_the_worse(diff, folder):
    (folder / "broken.yaml").write_text("kind: [\n")
    done = diff(world(), world(), "broken.yaml")
    assert done.returncode == WORSE and "broken.yaml" in done.stdout, done.stdout


def test_gateway_api_is_compared_as_well(diff):
    def gateway(to):
        return [*world()[1:], {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "portolan"},
            "spec": {"controllerName": "portolan.io/gateway-controller"},
        }, {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "gw", "namespace": "default"},
            "spec": {"gatewayClassName": "portolan",
                     "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]},
        }, {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "r", "namespace": "default"},
            "spec": {"parentRefs": [{"name": "gw"}], "hostnames": ["g.example"],
                     "rules": [{"backendRefs": [{"name": to, "port": 80}]}]},
        }]
    found = changes(diff, gateway("web"), gateway("api"))
    assert set(found) == {("route-retargeted", "http://g.example:80", "prefix /")}
    assert found.popitem()[1]["object"]["kind"] == "HTTPRoute"


# ---- the worlds compared ----

def test_overlay_and_whole(diff):
    one = objects.ingress("two", objects.rule("two.example", objects.path("web")))
    assert {k[0] for k in changes(diff, world(), [one], "--overlay")} == {"host-added", "route-added"}
    assert ("host-removed", "http://a.example", "") in changes(diff, world(), [one])


def test_github_annotations_name_file_and_line(diff):
    done = diff(world(), world(routes=["/"]), "-o", "github")
    assert done.returncode == WORSE
    assert re.fullmatch(r"::error file=before\.yaml,line=\d+,title=route removed::http://a\.example "
                        r"path /api and below: went to default/api:80 \(.*\)\n", done.stdout), done.stdout


def test_bad_usage_and_no_answer(diff, folder):
    assert subprocess.run([PORTOLAN, "diff", "x.yaml"], capture_output=True, timeout=60).returncode == 2
    done = subprocess.run([PORTOLAN, "diff", "--against", "gone.yaml", "gone.yaml"], cwd=folder,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == NO_ANSWER and done.stdout == ""


# ---- the page's pipeline ----

def test_the_pages_job_fails_where_something_gets_worse(folder):
    page = (TOP / "docs/do/dry-run.md").read_text()
    job = yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.S)[1])
    script = "\n".join(s["run"] for s in job["jobs"]["diff"]["steps"] if "run" in s)
    folder.joinpath("bin").mkdir()
    folder.joinpath("bin/portolan").symlink_to(PORTOLAN)
    repo = folder / "repo"
    git = ["git", "-C", str(repo), "-c", "user.name=x", "-c", "user.email=x@example"]

    def commit(content):
        (repo / "manifests").mkdir(parents=True, exist_ok=True)
        (repo / "manifests/all.yaml").write_text(yaml.safe_dump_all(content))
        subprocess.run([*git, "add", "-A"], check=True, timeout=60)
        subprocess.run([*git, "commit", "-qm", "x"], check=True, timeout=60)

    def run():
        shutil.rmtree(folder / "base", ignore_errors=True)
        subprocess.run([*git, "worktree", "prune"], check=True, timeout=60)
        return subprocess.run(["bash", "-e", "-c", script], cwd=repo, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "GITHUB_BASE_REF": "main",
                                   "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"})

    repo.mkdir()
    subprocess.run(["git", "init", "-qb", "main", str(repo)], check=True, timeout=60)
    commit(world())
    subprocess.run([*git, "update-ref", "refs/remotes/origin/main", "HEAD"], check=True, timeout=60)
    commit(world(objects.ingress("two", objects.rule("two.example", objects.path("web")))))
    done = run()
    assert done.returncode == 0 and "::notice" in done.stdout and "two.example" in done.stdout, done
    commit(world(routes=["/"]))
    done = run()
    assert done.returncode != 0 and "::error" in done.stdout, done


def test_github_annotations_of_unreadable_documents_have_a_place_too(diff, folder):
    (folder / "bad.yaml").write_text("a: b\n---\nkind: [\n")
    (folder / "before.yaml").write_text(yaml.safe_dump_all(world()))
    done = subprocess.run([PORTOLAN, "diff", "--overlay", "--against", "before.yaml", "-o", "github", "bad.yaml"],
                          cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == WORSE
    assert re.findall(r"^::error file=bad\.yaml,line=([0-9]+),title=status turned::", done.stdout, re.M) == ["1", "2"]


def test_the_portolan_that_runs_here_is_asked_how_it_was_started(folder):
    there = [*world(klass="contour", routes=("/",)), *world(klass="nginx", routes=("/",), host="edge.example")[:1]]
    there[-1]["metadata"]["name"] = "edge"
    (folder / "same.yaml").write_text(yaml.safe_dump_all([there[0], there[-1]]))
    (folder / "new.yaml").write_text(yaml.safe_dump_all([
        {**o, "spec": {**o["spec"], "rules": [objects.rule("new." + o["spec"]["rules"][0]["host"], objects.path("web"))]}}
        for o in (there[0], there[-1])]))
    with Run(folder, "--ingress-class=contour", "--ingress-nginx", address=loopback(), envoy=False) as run:
        run.manifests.write("all.yaml", *there)
        run.ask("watcher", "/debug/sync")

        def against(name, *words):
            return subprocess.run([PORTOLAN, "diff", "--against=live", "--runtime-dir", run.dir, *words, name], cwd=folder,
                                  capture_output=True, text=True, timeout=60)

        assert against("same.yaml").returncode == NOTHING
        done = against("new.yaml")
        assert done.returncode == WORSE, done.stdout + done.stderr
        for host in ("http://new.a.example", "http://new.edge.example"):
            assert f"host added         {host}" in done.stdout, done.stdout
        # What is given counts.
        assert "new.a.example" not in against("new.yaml", "--ingress-class=other").stdout


# ---- ingress-nginx ----

NGINX = "nginx.ingress.kubernetes.io/"


def nginx(*more, tls=(), **annotations):
    return world(*more, routes=("/",), klass="nginx", tls=tls,
                 annotations={NGINX + k.replace("_", "-"): v for k, v in annotations.items()} or None)


def listed(diff, before, after, *words):
    """(exit code, the list of changes)"""
    done = diff(before, after, "-o", "json", *words)
    return done.returncode, json.loads(done.stdout)["changes"]


def test_the_default_certificate_is_there_as_where_a_watcher_runs(diff):
    """It is made anew for each question, and the same in both worlds."""
    without, missing = nginx(), nginx(tls=[("cert", "a.example")])
    assert diff(missing, missing, "--ingress-nginx").returncode == NOTHING
    code, found = listed(diff, without, missing, "--ingress-nginx")
    assert code == SOME and "redirect 308 to https://a.example" in str(found)


def test_a_certificate_that_gives_way_to_the_default_one_is_lost(diff):
    missing = nginx(tls=[("cert", "a.example")])
    there = [*missing, objects.tls_secret("cert", Authority().issue("a.example"))]
    code, found = listed(diff, there, missing, "--ingress-nginx")
    assert code == WORSE and [c["host"] for c in found if c["change"] == "certificate-lost"] == ["https://a.example"]
    code, found = listed(diff, missing, there, "--ingress-nginx")
    assert code == SOME and [c["host"] for c in found if c["change"] == "certificate-changed"] == ["https://a.example"]


@pytest.mark.parametrize("guard,words", [
    ({"whitelist_source_range": "10.0.0.0/8"}, "addresses"),
    ({"auth_url": "http://auth.example/check"}, "authorization"),
    ({"limit_rps": "5"}, "local rates"),
], ids=lambda v: next(iter(v)) if isinstance(v, dict) else None)
def test_a_route_that_is_not_guarded_any_more_is_worse(diff, guard, words):
    code, found = listed(diff, nginx(**guard), nginx(), "--ingress-nginx")
    assert code == WORSE
    opened = [c for c in found if c["change"] == "route-opened"]
    assert opened and all(c["worse"] and words in c["text"] for c in opened)
    code, found = listed(diff, nginx(), nginx(**guard), "--ingress-nginx")
    assert code == SOME and not [c for c in found if c["change"] == "route-opened"]


def test_a_guard_that_moves_from_the_route_to_its_host_is_not_lost(diff):
    addresses = [{"source": "Remote", "cidr": "10.0.0.0/8"}]

    def proxy(on_route, on_host):
        return [*world(routes=("/",), host="other.example"),
                objects.proxy("p", objects.to("web", **({"ipAllowPolicy": addresses} if on_route else {})),
                              fqdn="p.example", **({"ipAllowPolicy": addresses} if on_host else {}))]

    assert listed(diff, proxy(True, False), proxy(False, True))[0] == SOME
    assert listed(diff, proxy(True, False), proxy(False, False))[0] == WORSE
    assert listed(diff, proxy(False, True), proxy(False, False))[0] == WORSE


def opened(found):
    """{(host, match): what}"""
    return {(c["host"], c["match"]): c["text"].removeprefix("requests are not checked any more: ")
            for c in found if c["change"] == "route-opened"}


def services():
    return [o for name in ("auth", "limits") for o in (
        objects.service(name, objects.port(80)), objects.slice_of(name, 8080, "10.0.0.9"), extension(name, name))]


def secured(*routes, **virtualhost):
    """A proxy with TLS, its certificate, and the services of authorization and rate limits."""
    return [*world(routes=("/",), host="other.example"), *services(), CERTIFICATE,
            objects.proxy("p", *(routes or [objects.to("web")]), fqdn="p.example", tls={"secretName": "cert"}, **virtualhost)]


CERTIFICATE = objects.tls_secret("cert", Authority().issue("p.example"))
AUTHORIZATION = {"authorization": {"extensionRef": {"name": "auth"}}}
TOKENS = {"jwtProviders": [{"name": "p", "issuer": "me", "default": True,
                            "remoteJWKS": {"uri": "http://keys.example/jwks"}}]}
COUNTED = {"global": {"descriptors": [{"entries": [{"genericKey": {"value": "x"}}]}]}}
LIMITS = {"rateLimitService": {"extensionService": {"namespace": "default", "name": "limits"}, "domain": "d"}}
EVERYWHERE = {"globalExtAuth": {"extensionRef": {"namespace": "default", "name": "auth"}}}


def test_a_guard_that_goes_while_another_stays_is_named(diff):
    at = ("https://p.example", "prefix /")
    both, tokens = secured(**AUTHORIZATION, **TOKENS), secured(**TOKENS)
    code, found = listed(diff, both, tokens)
    assert (code, opened(found)) == (WORSE, {at: "authorization"})
    code, found = listed(diff, both, secured(**AUTHORIZATION))
    assert (code, opened(found)) == (WORSE, {at: "tokens"})
    code, found = listed(diff, both, secured())
    assert (code, opened(found)) == (WORSE, {at: "tokens, authorization"})
    assert listed(diff, tokens, both)[0] == SOME


def test_rates_are_those_of_the_route_or_of_its_host(diff):
    at = ("https://p.example", "prefix /")
    limits = objects.configuration(**LIMITS)
    on_host, on_route = [limits, *secured(rateLimitPolicy=COUNTED)], [limits, *secured(objects.to("web", rateLimitPolicy=COUNTED))]
    off = [limits, *secured(objects.to("web", rateLimitPolicy={"global": {"disabled": True}}), rateLimitPolicy=COUNTED)]
    assert listed(diff, on_host, on_route)[0] == listed(diff, off, on_host)[0] == SOME
    for before, after in ((on_host, [limits, *secured()]), (on_route, [limits, *secured()]), (on_host, off),
                          ([limits, *secured(rateLimitPolicy=COUNTED, **AUTHORIZATION)], [limits, *secured(**AUTHORIZATION)]),
                          ([limits, *secured(rateLimitPolicy=COUNTED, **AUTHORIZATION)], secured(rateLimitPolicy=COUNTED, **AUTHORIZATION))):
        code, found = listed(diff, before, after)
        assert (code, opened(found)) == (WORSE, {at: "rates"})


def test_a_redirect_to_https_needs_no_guard(diff):
    plain = secured(objects.to("web"), objects.to("web", conditions=[{"prefix": "/plain"}], permitInsecure=True))
    everywhere = [objects.configuration(**EVERYWHERE), *plain]
    code, found = listed(diff, plain, everywhere)
    assert (code, opened(found)) == (SOME, {}) and any(c["change"] == "guards-changed" for c in found)
    code, found = listed(diff, everywhere, plain)
    assert (code, opened(found)) == (WORSE, {
        ("http://other.example", "prefix /"): "authorization",
        ("http://p.example", "prefix /plain"): "authorization",
        ("https://p.example", "prefix /"): "authorization",
        ("https://p.example", "prefix /plain"): "authorization"})
    # A path that was asked about, and now is redirected.
    served = [objects.configuration(**EVERYWHERE), *secured(objects.to("web", permitInsecure=True))]
    assert opened(listed(diff, served, [objects.configuration(**EVERYWHERE), *secured()])[1]) == {}


@pytest.mark.parametrize("options", [{}, {"preserve_trailing_slash": "true"}])
def test_ingress_nginxs_redirects_to_https_need_none_either(diff, options):
    rules = {"whitelist_source_range": "10.0.0.0/8", **options}
    secret = objects.tls_secret("cert", Authority().issue("a.example"))
    plain, redirected = nginx(secret, **rules), nginx(secret, tls=[("cert", "a.example")], **rules)
    code, found = listed(diff, plain, redirected, "--ingress-nginx")
    assert (code, opened(found)) == (SOME, {}), found


def test_services_of_a_gateways_listener_are_guards(diff):
    def asks(name):
        return {"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}, "backendRef": {"name": name, "port": 80}}}

    def gateway(*on_listener, on_route=()):
        return [*world(), api.CLASS,
                api.gateway("web", {**api.listener("http", 80), "filters": {"requests": [asks(n) for n in on_listener]}}
                            if on_listener else api.listener("http", 80)),
                api.route("r", api.rule(api.backend("web"), **({"filters": [asks(n) for n in on_route]} if on_route else {})),
                          hosts=["g.example"])]

    at = ("http://g.example:80", "prefix /")
    for before, after in ((gateway("api"), gateway()), (gateway("api", "web"), gateway("web")), (gateway("api", on_route=["web"]), gateway("api"))):
        code, found = listed(diff, before, after)
        assert (code, opened(found)) == (WORSE, {at: "authorization"})
    code, found = listed(diff, gateway("api"), gateway("web"))
    assert code == SOME and ("guards-changed", at[0]) in {(c["change"], c["host"]) for c in found}
    assert listed(diff, gateway(on_route=["api"]), gateway("api"))[0] == SOME


def test_what_ingress_nginx_asks_together_is_judged_one_by_one(diff):
    users = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users", "namespace": "default"},
             "stringData": {"auth": "u:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="}}
    password = {"auth_type": "basic", "auth_secret": "users"}
    service = {"auth_url": "http://auth.example/check"}
    addresses = {"whitelist_source_range": "10.0.0.0/8"}

    def lost(before, after):
        code, found = listed(diff, nginx(users, **before), nginx(users, **after), "--ingress-nginx")
        assert code == (WORSE if opened(found) else SOME), found
        return set(opened(found).values())

    assert lost(password, {**password, **service}) == lost(service, {**password, **service}) == set()
    assert lost({**password, **service}, password) == {"authorization"}
    assert lost({**password, **service}, service) == {"passwords"}
    # One that is enough is not demanded; demanding it is no loss.
    either = {**addresses, **service, "satisfy": "any"}
    assert lost({**addresses, **service}, either) == {"addresses, authorization"}
    assert lost(either, service) == lost(either, {**addresses, **service}) == set()
    assert lost(either, {}) == {"one of addresses, passwords and authorization"}
