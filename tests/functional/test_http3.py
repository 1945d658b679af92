"""HTTP/3 through a real Envoy: where it is offered, what it serves, and what stays on TCP."""

import signal

import http3_client
import pytest

from certs import Authority
from events import Growing
from objects import ingress, path, port, rule, service, slice_of, tls_secret

ON = "portolan: {http3: {enabled: true, port: 8443}}\n"


def proxy(name, **tls):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": f"{name}.example.com", "tls": {"secretName": "cert", **tls}},
                     "routes": [{"services": [{"name": "web", "port": 80}]}]}}


def make(site, text, which="newest"):
    site.authority = Authority()
    site.file = site.folder / "config.yaml"
    site.file.write_text(text)
    site.pipeline.watcher.args += ["--config", str(site.file)]
    site.start(which)
    site.client.__init__(site.address, ca=site.authority.text)
    web = site.backend("web")
    client = {"caSecret": "authority", "optionalClientCertificate": True}
    site.write("all.yaml", service("web", port(80, target=web.port)),
               slice_of("web", web.port, web.address),
               tls_secret("cert", site.authority.issue("*.example.com")),
               {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "authority", "namespace": "default"},
                "stringData": {"ca.crt": site.authority.text}},
               ingress("plain", rule("plain.example.com", path("web"))),
               ingress("web", rule("web.example.com", path("web"), path("web", at="/deep")),
                       tls=[("cert", "web.example.com")]),
               proxy("asks", clientValidation=client), proxy("other"),
               {**proxy("*"), "metadata": {"name": "wild", "namespace": "default"}})
    return site


def configure(site, text):
    with Growing(site.pipeline.watcher.log) as log:
        site.file.write_text(text)
        site.pipeline.watcher.process.send_signal(signal.SIGHUP)
        log.wait_for("was read again")
    site.settle()


def ask(site, host, **options):
    return http3_client.get(site.address, host, ca=site.authority.text, **options)


def served_by_web(answer):
    return (answer.status, answer.headers.get("x-backend")) == (200, "web")


@pytest.mark.parametrize("which", ["newest", "oldest"])
@pytest.mark.parametrize("form", ["chains", "shared"])
def test_hosts_with_a_certificate_are_served_over_http_3_and_say_so_over_tcp(site, which, form):
    make(site, f"portolan: {{http3: {{enabled: true, port: 8443}}, tls: {{hosts: {form}}}}}\n", which)
    for host in ("web.example.com", "other.example.com", "any.example.com"):
        offer = site.get(host, tls=True)
        assert (offer.status, offer.headers["alt-svc"]) == (200, 'h3=":8443"; ma=86400')
        answer = ask(site, host)
        assert served_by_web(answer)
        assert answer.headers["alt-svc"] == 'h3=":8443"; ma=86400'
    assert served_by_web(ask(site, "web.example.com", path="/deep"))
    assert "alt-svc" not in site.get("plain.example.com").headers


def test_a_request_for_another_host_on_the_connection_is_misdirected(site):
    make(site, ON)
    assert ask(site, "other.example.com", sni="web.example.com").status == 421


def test_hosts_that_ask_for_client_certificates_stay_on_tcp(site):
    make(site, ON)
    answer = site.get("asks.example.com", tls=True)
    assert answer.status == 200 and "alt-svc" not in answer.headers
    # The wildcard's chain takes the connection, and has nothing for this host.
    assert ask(site, "asks.example.com").status == 421


def test_a_name_without_a_host_gets_no_connection(site):
    make(site, ON)
    with pytest.raises((ConnectionError, TimeoutError)):
        ask(site, "elsewhere.example.org", timeout=3)


def test_it_is_turned_on_and_off_while_envoy_runs(site):
    make(site, "")
    assert "alt-svc" not in site.get("web.example.com", tls=True).headers
    with pytest.raises((ConnectionError, TimeoutError)):
        ask(site, "web.example.com", timeout=3)
    configure(site, ON)
    assert site.get("web.example.com", tls=True).headers["alt-svc"]
    assert served_by_web(ask(site, "web.example.com"))
    configure(site, "")
    assert "alt-svc" not in site.get("web.example.com", tls=True).headers
    with pytest.raises((ConnectionError, TimeoutError)):
        ask(site, "web.example.com", timeout=3)
