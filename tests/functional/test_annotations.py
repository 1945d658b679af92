"""Annotations without effect are named, and so are those that restrict access with another
controller."""

import json

import pytest

import offline
from objects import ingress, path, port, rule, service

OURS = "projectcontour.io/"


def said(folder, *objects):
    """{object: [(reason, message)]}"""
    (folder / "all.yaml").write_text("\n---\n".join(json.dumps(o) for o in objects))
    statuses = offline.statuses(offline.translate(folder, folder / "all.yaml").statuses)
    return {key: [(p["reason"], p["message"]) for p in row.get("problems", ()) if p["reason"] not in (
        "NoEndpoints", "ServiceError/NoEndpoints")] for key, row in statuses.items()}


def on_ingress(**annotations):
    return ingress("a", rule("a.example.com", path("web")), annotations={
        k.replace("__", "/").replace("_", "-"): v for k, v in annotations.items()})


@pytest.mark.parametrize("name, says", [
    (f"{OURS}respons-timeout", f"it is unknown: did you mean {OURS}response-timeout?"),
    (f"{OURS}upstream-protocol.tls", "it has no effect on Ingress: it counts on Service"),
    ("contour.heptio.com/num-retries", f"it is the old name: use {OURS}num-retries"),
    (f"{OURS}nothing-like-it", "it is unknown"),
])
def test_ours_that_have_no_effect_are_named(folder, name, says):
    found = said(folder, ingress("a", rule("a.example.com", path("web")), annotations={name: "1"}), service("web"))
    assert ("AnnotationIgnored", says) in found["Ingress default/a"]


@pytest.mark.parametrize("name, near", [
    ("projectcontou.io/response-timeout", f"{OURS}response-timeout"), ("ProjectContour.io/response-timeout", f"{OURS}response-timeout"),
    ("PROJECTCONTOUR.IO/RESPONSE-TIMEOUT", f"{OURS}response-timeout"),
    ("ingress.kubernete.io/force-ssl-redirect", "ingress.kubernetes.io/force-ssl-redirect")])
def test_a_slip_in_the_prefix_is_named(folder, name, near):
    found = said(folder, ingress("a", rule("a.example.com", path("web")), annotations={name: "1"}), service("web"))
    assert ("AnnotationIgnored", f"it is unknown: did you mean {near}?") in found["Ingress default/a"]


def test_an_httpproxy_has_none_of_an_ingress(folder):
    proxy = {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
             "metadata": {"name": "p", "namespace": "default", "annotations": {f"{OURS}response-timeout": "1s"}},
             "spec": {"virtualhost": {"fqdn": "p.example.com"}, "routes": [{"services": [{"name": "web", "port": 80}]}]}}
    found = said(folder, proxy, service("web"))
    assert ("AnnotationIgnored", "it has no effect on HTTPProxy: it counts on Ingress") in found["HTTPProxy default/p"]


@pytest.mark.parametrize("value, http", [("false", 404), ("False", 404), ("FALSE", 404), ("true", "web"), ("no", "web")])
def test_allow_http_is_read_in_any_case(folder, value, http):
    found = offline_routes(folder, {"kubernetes.io/ingress.allow-http": value})
    assert (len(found) > 0) == (http == "web")
    told = said(folder, ingress("a", rule("a.example.com", path("web")), annotations={
        "kubernetes.io/ingress.allow-http": value}), service("web"))["Ingress default/a"]
    assert [m for r, m in told if r == "AnnotationIgnored"] == (
        ['"no" is neither true nor false: true counts'] if value == "no" else [])


def offline_routes(folder, annotations):
    """The routes of the host over plain HTTP."""
    (folder / "one.yaml").write_text("\n---\n".join(json.dumps(o) for o in (
        ingress("a", rule("a.example.com", path("web")), annotations=annotations), service("web"))))
    resources = offline.resources(offline.translate(folder, folder / "one.yaml").resources)
    hosts = resources["RDS"]["ingress_http"].get("virtual_hosts", [])
    return [r for h in hosts if "a.example.com" in h["domains"] for r in h["routes"]]


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_force_ssl_redirect_is_read_in_any_case(folder, value):
    routes = offline_routes(folder, {"ingress.kubernetes.io/force-ssl-redirect": value})
    assert all("redirect" in r for r in routes)


def test_what_restricts_with_another_controller_is_named_first(folder):
    names = ["nginx.ingress.kubernetes.io/auth-url", "nginx.ingress.kubernetes.io/whitelist-source-range",
             "traefik.ingress.kubernetes.io/router.middlewares", "haproxy.org/deny-list"]
    found = said(folder, ingress("a", rule("a.example.com", path("web")), annotations={
        **dict.fromkeys(names, "x"), "nginx.ingress.kubernetes.io/proxy-body-size": "1m"}), service("web"))["Ingress default/a"]
    restriction, = [m for r, m in found if r == "RestrictionIgnored"]
    assert all(name in restriction for name in names) and "what they would close is open" in restriction
    assert any("proxy-body-size" in m for r, m in found if r == "AnnotationIgnored")


@pytest.mark.parametrize("word, protocol", [("grpc", "h2c"), ("GRPC", "h2c"), ("http2", "h2c"), ("kubernetes.io/h2c", "h2c"),
                                            ("HTTPS", "tls"), ("kubernetes.io/wss", "tls"), ("ws", None), ("http", None)])
def test_words_of_app_protocol_do_what_they_say(folder, word, protocol):
    (folder / "one.yaml").write_text("\n---\n".join(json.dumps(o) for o in (
        ingress("a", rule("a.example.com", path("web"))), service("web", {**port(80), "appProtocol": word}))))
    cluster, = offline.resources(offline.translate(folder, folder / "one.yaml").resources)["CDS"].values()
    assert ("transport_socket" in cluster) == (protocol == "tls")
    assert ("http2_protocol_options" in json.dumps(cluster)) == (protocol == "h2c")


def test_an_unknown_app_protocol_falls_to_the_annotation_and_is_named(folder):
    objects = (ingress("a", rule("a.example.com", path("web"))), service(
        "web", {**port(80), "appProtocol": "mysql"}, annotations={f"{OURS}upstream-protocol.h2c": "80"}))
    (folder / "one.yaml").write_text("\n---\n".join(json.dumps(o) for o in objects))
    cluster, = offline.resources(offline.translate(folder, folder / "one.yaml").resources)["CDS"].values()
    assert "http2_protocol_options" in json.dumps(cluster)
    assert [r for r, _ in said(folder, *objects)["Service default/web"]] == ["AppProtocolUnknown"]


def test_pseudo_headers_can_be_read(folder):
    proxy = {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "p", "namespace": "default"},
             "spec": {"virtualhost": {"fqdn": "p.example.com"}, "routes": [{
                 "conditions": [{"header": {"name": "x-a", "present": True}}, {"header": {"name": ":method", "regex": "POST|PUT"}}],
                 "loadBalancerPolicy": {"strategy": "RequestHash", "requestHashPolicies": [
                     {"headerHashOptions": {"headerName": ":authority"}}]},
                 "services": [{"name": "web", "port": 80}]}]}}
    (folder / "one.yaml").write_text("\n---\n".join(json.dumps(o) for o in (proxy, service("web"))))
    translated = offline.translate(folder, folder / "one.yaml")
    host, = offline.resources(translated.resources)["RDS"]["ingress_http"]["virtual_hosts"]
    assert [h["name"] for h in host["routes"][0]["match"]["headers"]] == [":method", "x-a"]
    assert host["routes"][0]["route"]["hash_policy"][0]["header"]["header_name"] == ":authority"
