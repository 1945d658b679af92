"""--ingress-nginx: the Ingresses of ingress-nginx are served without a configuration file."""

import json
import subprocess

import pytest

from addresses import loopback
from nginx import PREFIX
from objects import ingress, path, port, rule, service, slice_of
from programs import program
from run import Run

HOST = "shop.example.com"


def translate(folder, *options):
    objects = [ingress("shop", rule(HOST, path("web")), klass="nginx", annotations={PREFIX + "rewrite-target": "/new"}),
               service("web", port(80, target=8080)), slice_of("web", 8080, "10.0.0.1")]
    file = folder / "shop.yaml"
    file.write_text("---\n".join(json.dumps(o) + "\n" for o in objects))
    done = subprocess.run([program("portolan"), "translate", *options, file], capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize("options", [(), ("--ingress-nginx",)])
def test_the_option_turns_it_on(folder, options):
    assert (HOST in translate(folder, *options)) == bool(options)


@pytest.mark.parametrize("config", [None, "ingressNginx: {enabled: true}", "ingressNginx: {enabled: true, defaultSslCertificate: a/b}"])
def test_files_are_explained_with_a_default_certificate(folder, config):
    """As a watcher that runs makes one, unless the configuration names another."""
    translate(folder)
    options = ["--manifests", folder / "shop.yaml"]
    if config:
        (folder / "config.yaml").write_text(config + "\n")
        options += ["--config", folder / "config.yaml"]
    else:
        options.append("--ingress-nginx")
    answers = [json.loads(subprocess.run([program("portolan"), "explain", "--json", *options, f"https://{host}/x"],
                                         capture_output=True, text=True).stdout) for host in (HOST, "unknown.test")]
    made = [a.get("filter_chain", {}).get("secret") for a in answers]
    named = config and "a/b" in config
    assert made == [None if named else "portolan/ingress-nginx-default-certificate"] * 2
    assert [a.get("status") for a in answers] == [None, None if named else 404]
    routes = subprocess.run([program("portolan"), "routes", *options], capture_output=True, text=True).stdout
    assert ("portolan/ingress-nginx-default-certificate" in routes) != bool(named)


def test_explain_knows_what_the_client_said_of_its_scheme(folder):
    """Envoy replaces X-Forwarded-Proto; a snippet reads what came."""
    (folder / "config.yaml").write_text("ingressNginx: {enabled: true, translateSnippets: true}\n")
    snippet = "if ($http_x_forwarded_proto = http) { return 418; } if ($http_x_forwarded_for = 10.0.0.9) { return 410; }"
    (folder / "shop.yaml").write_text(json.dumps(ingress("shop", rule(HOST, path("web")), klass="nginx", annotations={
        PREFIX + "configuration-snippet": snippet})))

    def status(*headers):
        done = subprocess.run([program("portolan"), "explain", "--json", "--manifests", folder / "shop.yaml", "--config", folder / "config.yaml",
                               *(o for h in headers for o in ("--header", h)), f"http://{HOST}/x"], capture_output=True, text=True)
        return json.loads(done.stdout)["status"]

    assert [status(), status("X-Forwarded-Proto: http"), status("X-Forwarded-Proto: https"), status("X-Forwarded-For: 10.0.0.9")] == [
        503, 418, 503, 410]


def test_without_ingress_nginx_no_certificate_is_made(folder):
    translate(folder)
    done = subprocess.run([program("portolan"), "explain", "--manifests", folder / "shop.yaml", f"https://{HOST}/"],
                          capture_output=True, text=True)
    assert "there is no listener for TLS" in done.stdout


def test_run_serves_them_with_passwords_and_a_certificate_of_its_own(folder):
    run = Run(folder, "--ingress-nginx", address=loopback(), envoy=False)
    with run:
        assert "passwords" in run.children()
        names = {o["name"] for o in run.ask("watcher", "/debug/objects?kind=Secret")}
        assert "ingress-nginx-default-certificate" in names
