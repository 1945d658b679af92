"""Envoy's reports on itself and on requests, by the configuration: access logs, traces, its own
pages, and its runtime."""

import http.client
import json
import ssl

import pytest

from certs import Authority
from events import Growing
from extension_services import TraceCollector
from objects import backend_objects, configuration, ingress, path, rule

HOST = "web.example.com"


@pytest.fixture(scope="module")
def observed(shared_site):
    shared_site.write("web.yaml", ingress("web", rule(HOST, path("web"))),
                      *backend_objects(shared_site.backend("web")))
    return shared_site


def configure(site, **spec):
    site.write("configuration.yaml", configuration(**spec))


def logging(file, **logging):
    return {"http": {"accessLog": str(file)}, "logging": logging}


def test_the_json_log_has_the_fields_that_are_asked_for(observed):
    file = observed.folder / "access.json"
    file.touch()
    fields = ["method", "response_code", "agent=%REQ(USER-AGENT)%", "path=%REQ_WITHOUT_QUERY(:PATH)%"]
    configure(observed, envoy=logging(file, accessLogFormat="json", accessLogJSONFields=fields))
    with Growing(file) as log:
        observed.get(HOST, "/here?secret=1", headers={"User-Agent": "test"})
        line = log.wait_for("(?m)^(.*/here.*)$").group(1)
    assert json.loads(line) == {"method": "GET", "response_code": 200, "agent": "test", "path": "/here"}


def test_the_log_of_errors_leaves_out_what_went_well(observed):
    file = observed.folder / "errors.log"
    file.touch()
    configure(observed, envoy=logging(file, accessLogFormatString="%RESPONSE_CODE% %REQ(:PATH)%\n",
                                      accessLogLevel="error"))
    with Growing(file) as log:
        assert observed.get(HOST, "/well").status == 200
        assert observed.get("nobody.example.com", "/ill").status == 404
        log.wait_for("404 /ill\n")
        assert log.text == "404 /ill\n"


def test_runtime_settings_are_changed_without_a_restart(observed):
    def value(key):
        return json.loads(observed.envoy.admin("/runtime"))["entries"].get(key, {}).get("final_value")

    configure(observed, envoy={"listener": {"maxConnectionsPerListener": 1000},
                               "runtimeSettings": {"upstream.healthy_panic_threshold": "7"}})
    assert value("upstream.healthy_panic_threshold") == "7"
    assert value("envoy.resource_limits.listener.ingress_http.connection_limit") == "1000"
    configure(observed)
    assert value("upstream.healthy_panic_threshold") is None


def ask(address, port, page, method="GET", context=None):
    connection = http.client.HTTPSConnection(address, port, timeout=10, context=context) if context else \
        http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.request(method, page)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_metrics_and_health_can_be_read_and_nothing_can_be_changed(observed):
    place = {"address": observed.address, "port": 8002}
    configure(observed, envoy={"metrics": place, "health": place})
    observed.get(HOST)
    status, page = ask(observed.address, 8002, "/stats/prometheus")
    assert status == 200 and "envoy_cluster_upstream_rq_total" in page
    assert ask(observed.address, 8002, "/ready") == (200, "LIVE\n")
    for method, page in [("POST", "/ready"), ("POST", "/stats"), ("GET", "/quitquitquit"), ("GET", "/config_dump"),
                         ("POST", "/quitquitquit"), ("GET", "/stats/../quitquitquit")]:
        assert ask(observed.address, 8002, page, method)[0] == 404
    configure(observed)
    with pytest.raises(ConnectionRefusedError):
        ask(observed.address, 8002, "/ready")


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_metrics_and_health_move_between_addresses_in_one_change(site, which):
    site.start(which)
    one, two = ({"address": site.address, "port": port} for port in (8012, 8013))

    def served():
        def at(port):
            try:
                return {page for page in ("/ready", "/stats") if ask(site.address, port, page)[0] == 200}
            except (ConnectionRefusedError, ConnectionResetError):  # reset: it had just been closed
                return None
        return at(8012), at(8013)

    for metrics, health, expected in [
        (one, one, ({"/ready", "/stats"}, None)),
        (two, one, ({"/ready"}, {"/stats"})),
        (one, two, ({"/stats"}, {"/ready"})),  # exchanged
        (one, one, ({"/ready", "/stats"}, None)),
        (one, two, ({"/stats"}, {"/ready"})),
        (two, two, (None, {"/ready", "/stats"})),
        (two, one, ({"/ready"}, {"/stats"})),
    ]:
        configure(site, envoy={"metrics": metrics, "health": health})
        assert served() == expected, (metrics, health)
        assert site.envoy.stats("listener_manager.lds.update_rejected")[
            "listener_manager.lds.update_rejected"] == 0


def test_metrics_over_tls_are_for_those_with_a_certificate(observed):
    authority = Authority()
    server, reader = authority.issue("metrics.example.com"), authority.issue("reader")
    folder = observed.folder / "certificates"
    folder.mkdir()
    for name, text in [("tls.crt", server.chain), ("tls.key", server.key), ("ca.crt", authority.text),
                       ("reader.crt", reader.chain), ("reader.key", reader.key)]:
        (folder / name).write_text(text)
    configure(observed, envoy={"metrics": {"address": observed.address, "port": 8003, "tls": {
        "certFile": f"{folder}/tls.crt", "keyFile": f"{folder}/tls.key", "caFile": f"{folder}/ca.crt"}}})
    context = ssl.create_default_context(cadata=authority.text)
    context.check_hostname = False
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        ask(observed.address, 8003, "/stats", context=context)
    context.load_cert_chain(folder / "reader.crt", folder / "reader.key")
    assert ask(observed.address, 8003, "/stats", context=context)[0] == 200
    assert ask(observed.address, 8003, "/ready", context=context)[0] == 404


def test_spans_of_requests_are_sent_to_the_collector(observed):
    with TraceCollector("collector", observed.address) as collector:
        observed.write("collector.yaml", *collector.objects())
        configure(observed, envoy={"runtimeSettings": {"tracing.opentelemetry.flush_interval_ms": "10"}}, tracing={
            "extensionService": {"namespace": "default", "name": "collector"}, "serviceName": "the-gateway",
            "customTags": [{"tagName": "who", "requestHeaderName": "x-who"}]})
        observed.get(HOST, "/traced", headers={"x-who": "somebody"})
        collector.wait_for([b"the-gateway", b"/traced", b"somebody"])
        configure(observed)
        observed.remove("collector.yaml")
