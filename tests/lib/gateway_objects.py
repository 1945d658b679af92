"""Objects of Gateway API, as a test says them in short."""

GROUP = "gateway.networking.k8s.io"
CLASS = {"apiVersion": f"{GROUP}/v1", "kind": "GatewayClass", "metadata": {"name": "portolan"},
         "spec": {"controllerName": "portolan.io/gateway-controller"}}


def thing(kind, name, spec, namespace="default", created=None, version="v1", group=GROUP):
    meta = {"name": name, "namespace": namespace}
    if created:
        meta["creationTimestamp"] = created
    return {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": meta, "spec": spec}


def listener(name, port, protocol="HTTP", hostname=None, **more):
    return {"name": name, "port": port, "protocol": protocol,
            **({"hostname": hostname} if hostname else {}), **more}


def terminated(*secrets, **more):
    return {"tls": {"certificateRefs": [{"name": s} for s in secrets], **more}}


def gateway(name, *listeners, namespace="default", **spec):
    return thing("Gateway", name, {"gatewayClassName": "portolan", "listeners": list(listeners), **spec}, namespace)


def backend(name, weight=None, port=80, **more):
    return {"name": name, "port": port, **({} if weight is None else {"weight": weight}), **more}


def rule(*backends, at=None, exact=None, regex=None, matches=None, **more):
    """at: a path prefix."""
    found = {"backendRefs": list(backends), **more}
    for kind, value in (("PathPrefix", at), ("Exact", exact), ("RegularExpression", regex)):
        if value:
            found["matches"] = [{"path": {"type": kind, "value": value}}]
    if matches:
        found["matches"] = matches
    return found


def route(name, *rules, parents=({"name": "web"},), hosts=(), kind="HTTPRoute", namespace="default", created=None, **spec):
    return thing(kind, name, {"parentRefs": list(parents), "rules": list(rules),
                              **({"hostnames": list(hosts)} if hosts else {}), **spec}, namespace, created)


def grant(name, namespace, to_kind, *, from_kind="HTTPRoute", from_namespace="default", to_name=None):
    to = {"group": "", "kind": to_kind, **({"name": to_name} if to_name else {})}
    return thing("ReferenceGrant", name, {
        "from": [{"group": GROUP, "kind": from_kind, "namespace": from_namespace}], "to": [to]}, namespace)
