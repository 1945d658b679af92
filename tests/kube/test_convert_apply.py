"""What `portolan migrate --to` writes is taken by a real API server with the definitions of its kinds."""

import subprocess

import pytest
import yaml

import objects
from certs import Authority
from crds import shipped
from programs import program

PORTOLAN = program("portolan")


def world(namespace):
    """Settings whose forms differ between the two APIs, and hosts of ingress-nginx with their differences."""
    def proxy(name, route, **more):
        return objects.proxy(name, {"services": [{"name": "web", "port": 80}], **route}, fqdn=f"{name}.example",
                             namespace=namespace, **more)

    return [
        objects.service("web", objects.port(80), namespace=namespace),
        objects.slice_of("web", 8080, "10.0.0.1", namespace=namespace),
        objects.tls_secret("cert", Authority().issue("tls.example"), namespace=namespace),
        proxy("times", {"timeoutPolicy": {"response": "1.5s", "idle": "90s"}}),
        proxy("long", {"timeoutPolicy": {"response": "200000s"}}),
        proxy("tls", {"requestHeadersPolicy": {"set": [{"name": "A", "value": "50% b"}]}}, tls={"secretName": "cert"}),
        objects.ingress("wild", objects.rule("*.wild.example", objects.path("web")), klass="contour", namespace=namespace),
        *(objects.ingress(name, objects.rule(f"{name}.example", objects.path("web")), klass="nginx",
                          namespace=namespace, annotations={f"nginx.ingress.kubernetes.io/{k}": v for k, v in a.items()})
          for name, a in (("plain", {}), ("body", {"proxy-body-size": "8m"}),
                          ("moved", {"permanent-redirect": "https://b.example/x"}))),
    ]


@pytest.mark.parametrize("target,kind", [("gateway-api", "HTTPRoute"), ("httpproxy", "HTTPProxy")])
def test_the_api_server_takes_all_of_it(gateway_kube, namespace, tmp_path, target, kind):
    for definition in shipped().values():
        gateway_kube.install(definition)
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(world(namespace)))
    done = subprocess.run([PORTOLAN, "migrate", f"--to={target}", "--with-differences", tmp_path / "all.yaml"],
                          capture_output=True, text=True, timeout=60)
    made = [o for o in yaml.safe_load_all(done.stdout) if o]
    assert len([o for o in made if o["kind"] == kind]) >= 5, done.stdout
    try:
        for o in made:
            gateway_kube.client.create(o)
    finally:
        for o in made:
            gateway_kube.client.request("DELETE", gateway_kube.client.path_of(o))
