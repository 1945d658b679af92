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


def test_run_serves_them_with_passwords_and_a_certificate_of_its_own(folder):
    run = Run(folder, "--ingress-nginx", address=loopback(), envoy=False)
    with run:
        assert "passwords" in run.children()
        names = {o["name"] for o in run.ask("watcher", "/debug/objects?kind=Secret")}
        assert "ingress-nginx-default-certificate" in names
