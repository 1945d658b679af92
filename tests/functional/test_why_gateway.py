"""Why does my route not work? Worlds of Gateway API and of ingress-nginx that a newcomer makes: as test_why.py."""

import copy
import subprocess

import pytest
import yaml

import gateway_objects as gw
import objects
from certs import Authority
from programs import program

CERTIFICATES = Authority()
LISTENER, RULE = ("spec", "listeners", 1), ("spec", "rules", 0)
BACKEND = (*RULE, "backendRefs", 0)
PATH = (*RULE, "http", "paths", 0)
WEB = "https://web.example/"


def services():
    return {"secret": objects.tls_secret("web", CERTIFICATES.issue("web.example")),
            "service": objects.service("web", objects.port(80)), "slice": objects.slice_of("web", 8080, "10.0.0.1")}


def of_gateway():
    https = gw.listener("https", 443, "HTTPS", "web.example", **gw.terminated("web"))
    return {"class": copy.deepcopy(gw.CLASS), "gateway": gw.gateway("web", gw.listener("http", 80), https),
            "route": gw.route("web", gw.rule(gw.backend("web")), gw.rule(gw.backend("web"), at="/cart"), hosts=["web.example"]),
            **services()}


def of_nginx():
    return {"ingress": objects.ingress("web", objects.rule("web.example", objects.path("web")), tls=[("web", "web.example")],
                                       klass="nginx"), **services()}


def put(name, path, value):
    """Sets world[name].a.b[0].c; None takes it away."""
    def change(world):
        at = world[name]
        for step in path[:-1]:
            at = at[step]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value
    return change


def drop(name):
    return lambda world: world.pop(name)


def all_of(*changes):
    return lambda world: [change(world) for change in changes]


def elsewhere(*more):
    """The Service is in another namespace."""
    return all_of(*(put(name, ("metadata", "namespace"), "other") for name in ("service", "slice")),
                  put("route", (*BACKEND, "namespace"), "other"), *more)


def annotated(**annotations):
    return put("ingress", ("metadata", "annotations"),
               {f"nginx.ingress.kubernetes.io/{name.replace('_', '-')}": value for name, value in annotations.items()})


def policy(target, **validation):
    spec = {"targetRefs": [{"group": "", "kind": "Service", "name": target}], "validation": {"hostname": "web", **validation}}
    return lambda world: world.update(policy=gw.thing("BackendTLSPolicy", "p", spec))


def target(**ref):
    """A BackendTLSPolicy with this target: without it, its Service would be asked without TLS, and nobody told."""
    spec = {"targetRefs": [{"group": "", "kind": "Service", "name": "web", **ref}],
            "validation": {"hostname": "web", "wellKnownCACertificates": "System"}}
    return lambda world: world.update(policy=gw.thing("BackendTLSPolicy", "p", spec))


def listener_set(**parent):
    spec = {"parentRef": {"name": "web", **parent}, "listeners": [gw.listener("more", 8090)]}
    return lambda world: world.update(more=gw.thing("ListenerSet", "more", spec))


def redirect(**to):
    return all_of(put("route", (*RULE, "filters"), [{"type": "RequestRedirect", "requestRedirect": to}]), put("route", BACKEND[:-1], None))


def headers(**edits):
    return put("route", (*RULE, "filters"), [{"type": "RequestHeaderModifier", "requestHeaderModifier": edits}])


def frontend(port):
    authority = {"validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}}
    return put("gateway", ("spec", "tls"), {"frontend": {"default": {}, "perPort": [{"port": port, "tls": authority}]}})


def parents(*refs):
    return put("route", ("spec", "parentRefs"), list(refs))


OTHER_SECRET = put("gateway", (*LISTENER, "tls", "certificateRefs"), [{"name": "web", "namespace": "other"}])

GATEWAY = {
    # ---- the class, the Gateway, the listener ----
    "no-class": (drop("class"), WEB, "there is no GatewayClass portolan"),
    "class-of-another": (put("class", ("spec", "controllerName"), "example.com/other"), WEB, "belongs to the controller example.com/other"),
    "class-misspelt": (put("gateway", ("spec", "gatewayClassName"), "portolon"), WEB, "there is no GatewayClass portolon"),
    "no-gateway": (drop("gateway"), WEB, "there is no Gateway default/web"),
    "parent-misspelt": (parents({"name": "wbe"}), WEB, "there is no Gateway default/wbe"),
    "gateway-in-another-namespace": (put("gateway", ("metadata", "namespace"), "infra"), WEB, "there is no Gateway default/web"),
    "namespace-not-let-in": (all_of(put("gateway", ("metadata", "namespace"), "infra"), put("secret", ("metadata", "namespace"), "infra"),
                                    parents({"name": "web", "namespace": "infra"})), WEB, "https takes routes of namespace infra only"),
    "section-misspelt": (parents({"name": "web", "sectionName": "htps"}), WEB, "it has: http on port 80, https on port 443"),
    "section-is-the-other": (parents({"name": "web", "sectionName": "http"}), WEB, "other listeners only: Gateway default/web http"),
    "parent-port": (parents({"name": "web", "port": 8443}), WEB, "it has: http on port 80, https on port 443"),
    "hostname-of-the-listener": (put("gateway", (*LISTENER, "hostname"), "shop.example"), WEB, "other listeners only: Gateway default/web http"),
    "hostname-of-the-route": (put("route", ("spec", "hostnames"), ["shop.example"]), WEB, "404: no route of host web.example matches"),
    "kind-not-let-in": (put("gateway", (*LISTENER, "allowedRoutes"), {"kinds": [{"kind": "GRPCRoute"}]}), WEB, "other listeners only"),
    "protocol-in-small-letters": (put("gateway", (*LISTENER, "protocol"), "https"), WEB, 'protocol "https" is not HTTP, HTTPS'),
    "tls-without-https": (put("gateway", (*LISTENER, "protocol"), "HTTP"), "translate", "must not be there with protocol: HTTP"),
    "the-same-listener-twice": (lambda w: w["gateway"]["spec"]["listeners"].append({**w["gateway"]["spec"]["listeners"][1], "name": "again"}),
                                "translate", '"again" has the port, protocol and hostname of "https"'),
    "no-parents": (put("route", ("spec", "parentRefs"), None), "translate", "it names no Gateway or ListenerSet: nobody serves it"),
    "parent-kind-misspelt": (parents({"name": "web", "kind": "gateway"}), "translate", '"gateway" is not a kind of parent: did you mean Gateway?'),
    "parent-of-another-group": (parents({"name": "web", "group": "gateway.k8s.io"}), "translate", "the group is gateway.networking.k8s.io"),
    "listener-set-parent-misspelt": (listener_set(name="wbe"), "translate", "spec.parentRef: there is no Gateway default/wbe"),
    "listener-set-parent-kind": (listener_set(kind="gateway"), "translate", "its parent must be of kind Gateway"),
    "class-parameters": (put("class", ("spec", "parametersRef"), {"group": "projectcontour.io", "kind": "ContourDeployment", "name": "x"}),
                         "translate", "only Gateways with Envoys of their own have parameters"),
    "host-without-a-listener": (all_of(put("gateway", ("spec", "listeners", 0, "hostname"), "web.example"),
                                       put("route", ("spec", "hostnames"), ["web.example", "shop.example"])),
                                "translate", "no listener that it is attached to serves host name shop.example"),
    "selector-missing": (put("gateway", ("spec", "listeners", 0, "allowedRoutes"), {"namespaces": {"from": "Selector"}}), "translate",
                         "from: Selector without a selector allows no namespace"),
    "selector-without-from": (put("gateway", (*LISTENER, "allowedRoutes"), {"namespaces": {"selector": {"matchLabels": {"a": "b"}}}}),
                              "translate", "its selector is ignored"),
    "selector-operator": (put("gateway", (*LISTENER, "allowedRoutes"), {"namespaces": {"from": "Selector", "selector": {
        "matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}}}), "translate", 'operator "in" fits no namespace'),
    # ---- certificates ----
    "certificate-of-another-host": (all_of(put("gateway", (*LISTENER, "hostname"), "shop.example"), put("route", ("spec", "hostnames"), [
        "shop.example"])), "translate", "the certificate in Secret default/web is not for host shop.example"),
    "certificate-of-another-domain": (all_of(put("gateway", (*LISTENER, "hostname"), "*.shop"), put("route", ("spec", "hostnames"), [
        "a.shop"])), "translate", "is not for host *.shop"),
    "certificate-with-passthrough": (all_of(put("gateway", (*LISTENER, "protocol"), "TLS"), put("gateway", (*LISTENER, "tls", "mode"), "Passthrough")),
                                     "translate", "the backend shows its own certificate"),
    "clients-of-a-port-without-tls": (frontend(8443), "translate", "no HTTPS listener has port 8443"),
    "handshake-without-certificate": (drop("secret"), WEB, "its listener cannot be served: Envoy closes the connection"),
    "tls-listener-without-a-route": (put("gateway", (*LISTENER, "protocol"), "TLS"), WEB, "no route of its listener takes it"),
    "no-secret": (drop("secret"), WEB, "Secret default/web: it does not exist"),
    "secret-not-lent": (all_of(put("secret", ("metadata", "namespace"), "other"), OTHER_SECRET), WEB, "it needs a ReferenceGrant there"),
    "secret-is-a-config-map": (put("gateway", (*LISTENER, "tls", "certificateRefs"), [{"name": "web", "kind": "ConfigMap"}]), WEB,
                               "a certificate is in a Secret, not in a ConfigMap"),
    "no-certificate": (put("gateway", (*LISTENER, "tls"), None), WEB, "give tls.certificateRefs"),
    # ---- backends ----
    "no-service": (drop("service"), WEB, "there is no Service default/web"),
    "service-port": (put("route", (*BACKEND, "port"), 81), WEB, "there is no TCP port 81 in Service default/web"),
    "no-port": (put("route", (*BACKEND, "port"), None), "translate", "port: must be there: a Service has several"),
    "service-not-granted": (elsewhere(), WEB, "Service other/web is in another namespace: it needs a ReferenceGrant there"),
    "grant-for-another-kind": (elsewhere(lambda w: w.update(g=gw.grant("g", "other", "Service", from_kind="GRPCRoute"))), WEB,
                               "it needs a ReferenceGrant there"),
    "grant-in-the-wrong-namespace": (elsewhere(lambda w: w.update(g=gw.grant("g", "default", "Service"))), WEB, "it needs a ReferenceGrant there"),
    "backend-is-a-deployment": (put("route", (*BACKEND, "kind"), "Deployment"), WEB, "a Deployment is not a backend: name a Service"),
    "no-slice": (drop("slice"), WEB, "no EndpointSlice in namespace default has the label kubernetes.io/service-name: web"),
    "none-ready": (put("slice", ("endpoints", 0, "conditions"), {"ready": False}), WEB, "1 endpoint, none of them ready"),
    "weight-zero": (put("route", (*BACKEND, "weight"), 0), WEB, "NoBackend: all have weight 0: requests are answered with 500"),
    "no-authority-for-a-backend": (policy("web", caCertificateRefs=[{"group": "", "kind": "ConfigMap", "name": "ca"}]), WEB,
                                   "there is no ConfigMap default/ca"),
    "backend-kind-in-small-letters": (put("route", (*BACKEND, "kind"), "service"), WEB, 'a backend\'s kind is Service, of group "", not service'),
    "backend-group-is-a-version": (put("route", (*BACKEND, "group"), "v1"), WEB, 'not Service of group "v1"'),
    "protocol-of-the-port-unknown": (put("service", ("spec", "ports", 0, "appProtocol"), "kubernetes.io/h2"), "translate",
                                     'appProtocol "kubernetes.io/h2" says nothing here'),
    "policy-of-no-service": (target(name="wbe"), "translate", "there is no Service default/wbe"),
    "policy-of-no-port": (target(sectionName="80"), "translate", 'Service default/web has no port of name "80"'),
    "policy-of-another-kind": (target(kind="service"), "translate", 'a target is a Service, of group "", not a service'),
    "policy-of-another-group": (target(group="v1"), "translate", 'not a Service of group "v1"'),
    # ---- rules ----
    "redirect-to-itself": (redirect(scheme="https"), "translate", "on listener https of Gateway default/web it redirects to the URL that was asked for"),
    "redirect-to-its-own-host": (redirect(hostname="web.example", statusCode=301), "translate", "without end"),
    "header-set-twice": (headers(set=[{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}]), "translate", "header x-a is set twice"),
    "header-set-and-removed": (headers(set=[{"name": "X-A", "value": "1"}], remove=["x-a"]), "translate", "header X-A is removed, too"),
    "header-that-frames": (headers(set=[{"name": "Transfer-Encoding", "value": "chunked"}]), WEB, "says where a message ends"),
    "regex-empty": (put("route", (*RULE, "matches"), [{"path": {"type": "RegularExpression", "value": ""}}]), WEB, "it is empty"),
    "header-matched-twice": (put("route", (*RULE, "matches"), [{"headers": [{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}]}]),
                             "translate", "two conditions are on one header"),
    "path-with-star": (put("route", (*RULE, "matches"), [{"path": {"type": "PathPrefix", "value": "/app/*"}}]), "translate",
                       "the * is a character like any other"),
    "regex-without-slash": (put("route", (*RULE, "matches"), [{"path": {"type": "RegularExpression", "value": "app/.*"}}]), "translate",
                            "a path begins with a slash"),
    "query-with-a-space": (put("route", (*RULE, "matches"), [{"queryParams": [{"name": "q", "value": "a b"}]}]), "translate",
                           "write %20 (or +) for a space"),
    "match-of-an-earlier-rule": (put("route", ("spec", "rules", 1, "matches"), [{"path": {"type": "PathPrefix", "value": "/"}}]), "translate",
                                 "it is the match of spec.rules[0].matches[0]"),
    "path-not-matched": (put("route", (*RULE, "matches"), [{"path": {"type": "PathPrefix", "value": "/app"}}]), WEB, "its path is another"),
    "path-without-slash": (put("route", (*RULE, "matches"), [{"path": {"type": "PathPrefix", "value": "app"}}]), "translate", 'must begin with "/"'),
    "path-type-of-an-ingress": (put("route", (*RULE, "matches"), [{"path": {"type": "Prefix", "value": "/"}}]), "translate",
                                'must be one of Exact PathPrefix RegularExpression, not "Prefix"'),
    "method": (put("route", (*RULE, "matches"), [{"method": "POST"}]), WEB, 'it needs: header :method is "POST"'),
    "header": (put("route", (*RULE, "matches"), [{"headers": [{"name": "x-a", "value": "1"}]}]), WEB, 'it needs: header x-a is "1"'),
    "regex": (put("route", (*RULE, "matches"), [{"path": {"type": "RegularExpression", "value": "/(["}}]), WEB, "is not a regular expression"),
    "filter-misspelt": (put("route", (*RULE, "filters"), [{"type": "URLRewrit"}]), "translate", 'not "URLRewrit"'),
    "filter-of-another": (put("route", (*RULE, "filters"), [{"type": "ExtensionRef", "extensionRef": {"group": "x.io", "kind": "Foo", "name": "a"}}]),
                          WEB, "filters of kind Foo are not known"),
    "timeout-without-unit": (put("route", (*RULE, "timeouts"), {"request": "30"}), "translate", 'unlike "30"'),
    "timeouts-crossed": (put("route", (*RULE, "timeouts"), {"request": "1s", "backendRequest": "2s"}), "translate", "must not be longer than request"),
    "hostname-with-a-port": (put("route", ("spec", "hostnames"), ["web.example:443"]), "translate", 'unlike "web.example:443"'),
    # ---- spelling ----
    "field-of-a-route": (put("route", ("spec", "hostname"), ["web.example"]), "translate", 'did you mean "hostnames"?'),
    "field-of-a-listener": (put("gateway", (*LISTENER, "hostnames"), ["web.example"]), "translate", 'did you mean "hostname"?'),
    "old-version": (put("route", ("apiVersion",), f"{gw.GROUP}/v1alpha2"), "translate", "use gateway.networking.k8s.io/v1"),
    "wrong-group": (put("route", ("apiVersion",), "gateway.k8s.io/v1"), "translate", "use gateway.networking.k8s.io/v1"),
    "parents-twice": (parents({"name": "web"}, {"name": "web"}), "translate", 'Gateway "web" is there twice'),
    # ---- the request ----
    "another-name-in-the-handshake": (lambda w: None, f"{WEB} --sni shop.example", "no object serves shop.example with TLS"),
    "plain-http-has-no-route": (parents({"name": "web", "sectionName": "https"}), "http://web.example/", "other listeners only: Gateway default/web https"),
}

NGINX = {
    "class-misspelt": (put("ingress", ("spec", "ingressClassName"), "ngnix"), WEB, 'its class is "ngnix"'),
    "annotation-misspelt": (annotated(rewrite_targt="/"), "translate", "did you mean nginx.ingress.kubernetes.io/rewrite-target?"),
    "old-prefix": (put("ingress", ("metadata", "annotations"), {"ingress.kubernetes.io/rewrite-target": "/"}), "translate",
                   "the prefix is nginx.ingress.kubernetes.io/"),
    "yes-for-true": (annotated(ssl_redirect="yes"), "translate", "the value must be true or false"),
    "size-with-a-space": (annotated(proxy_body_size="8 mb"), "translate", "the value must be a size such as 8m"),
    "timeout-with-a-unit": (annotated(proxy_read_timeout="60s"), "translate", "the value must be a whole number"),
    "snippet": (annotated(configuration_snippet="return 404;"), "translate", "ingressNginx.translateSnippets is off"),
    "no-secret-of-users": (annotated(auth_type="basic", auth_secret="users"), WEB, "there is no Secret default/users"),
    "auth-type-misspelt": (annotated(auth_type="basik", auth_secret="users"), "translate", "a text that has a word of its list: basic digest"),
    "auth-url-without-scheme": (annotated(auth_url="auth.example/check"), WEB, "it must begin with http:// or https://"),
    "auth-url-here": (annotated(auth_url="http://127.0.0.1/check"), WEB, "means this host; portolan.destinations.allow-local"),
    "no-authority-of-clients": (annotated(auth_tls_secret="default/ca"), WEB, "Secret default/ca: it does not exist"),
    "network-too-long": (annotated(whitelist_source_range="10.0.0.0/33"), WEB, "the value must be addresses and networks"),
    "client-not-let-in": (annotated(whitelist_source_range="10.0.0.0/8"), f"{WEB} --client 192.0.2.1", "clients of this address are not let through"),
    "backend-protocol": (annotated(backend_protocol="HTTPSS"), "translate", "one word of its list: HTTP HTTPS"),
    "load-balance": (annotated(load_balance="fastest"), "translate", "the whole Ingress is not served"),
    "limit": (annotated(limit_rps="lots"), "translate", "the value must be a whole number"),
    "no-service": (drop("service"), WEB, "there is no Service default/web"),
    "no-secret": (drop("secret"), "translate", "Secret default/web: it does not exist"),
    "no-slice": (drop("slice"), WEB, "no EndpointSlice in namespace default has the label"),
    "exact-path": (put("ingress", (*PATH, "pathType"), "Exact"), f"{WEB}x", "404"),
}


def ask(folder, world, command, options):
    (folder / "world.yaml").write_text(yaml.safe_dump_all(world.values()))
    words = (["translate", "--strict", *options, folder / "world.yaml"] if command == "translate" else
             ["explain", *options, "--manifests", folder / "world.yaml", *command.split()])
    return subprocess.run([program("portolan"), *map(str, words)], capture_output=True, text=True, timeout=60)


def check(folder, world, row, options=()):
    change, command, said = row
    change(world)
    done = ask(folder, world, command, options)
    assert said in done.stderr + (done.stdout if command != "translate" else ""), done.stdout[-3000:] + done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("name", GATEWAY)
def test_one_command_leads_to_the_cause_with_gateway_api(name, folder):
    check(folder, of_gateway(), GATEWAY[name])


@pytest.mark.parametrize("name", NGINX)
def test_one_command_leads_to_the_cause_with_ingress_nginx(name, folder):
    check(folder, of_nginx(), NGINX[name], ["--ingress-nginx"])


def test_explain_says_why_a_host_has_the_default_certificate(folder):
    world = of_nginx()
    del world["secret"]
    done = ask(folder, world, WEB, ["--ingress-nginx"])
    assert done.returncode == 0
    assert "Secret default/web: it does not exist; the default certificate is served" in done.stdout


def test_the_worlds_themselves_work(folder):
    for world, options in ((of_gateway(), []), (of_nginx(), ["--ingress-nginx"])):
        done = ask(folder, world, WEB, options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "problem " not in done.stdout
