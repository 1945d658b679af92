"""Kubernetes objects as dictionaries, short to write in a test."""


def _meta(name, namespace, meta):
    labels_and_more = {k: v for k, v in meta.items() if v is not None}
    return {"name": name, "namespace": namespace, **labels_and_more}


def ingress_class(name="portolan", controller="portolan.io/ingress-controller", default=False):
    meta = {"name": name}
    if default:
        meta["annotations"] = {"ingressclass.kubernetes.io/is-default-class": "true"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": meta,
            "spec": {"controller": controller}}


def backend(service, port):
    number = {"number": port} if isinstance(port, int) else {"name": port}
    return {"service": {"name": service, "port": number}}


def path(service, port=80, at="/", type="Prefix"):
    return {"path": at, "pathType": type, "backend": backend(service, port)}


def rule(host, *paths):
    found = {"http": {"paths": list(paths)}}
    return {"host": host, **found} if host else found


def ingress(name, *rules, namespace="default", tls=(), default=None, klass="portolan",
            annotations=None, created=None):
    """tls: (secret name, host, host, …) tuples. created: decides which is the oldest."""
    spec = {}
    if klass is not None:
        spec["ingressClassName"] = klass
    if default:
        spec["defaultBackend"] = default
    if rules:
        spec["rules"] = list(rules)
    if tls:
        spec["tls"] = [{"secretName": secret, "hosts": hosts} for secret, *hosts in tls]
    meta = _meta(name, namespace, {"annotations": annotations, "creationTimestamp": created})
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": spec}


def port(number, name=None, target=None, protocol=None):
    p = {"port": number}
    for key, value in (("name", name), ("targetPort", target), ("protocol", protocol)):
        if value is not None:
            p[key] = value
    return p


def service(name, *ports, namespace="default", annotations=None, **spec):
    ports = [p if isinstance(p, dict) else port(p) for p in ports or (80,)]
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": _meta(name, namespace, {"annotations": annotations}),
            "spec": {"ports": ports, **spec}}


def endpoint(*addresses, **conditions):
    return {"addresses": list(addresses), **({"conditions": conditions} if conditions else {})}


def slice_of(service, port, *endpoints, name=None, namespace="default", suffix="1",
             address_type="IPv4", port_name=None, ports=None):
    """An EndpointSlice of a service. Endpoints may be plain addresses."""
    endpoints = [e if isinstance(e, dict) else endpoint(e) for e in endpoints]
    if ports is None:
        ports = [{"port": port, "protocol": "TCP", **({"name": port_name} if port_name else {})}]
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name or f"{service}-{suffix}", "namespace": namespace,
                         "labels": {"kubernetes.io/service-name": service}},
            "addressType": address_type, "endpoints": endpoints, "ports": ports}


def backend_objects(backend, name=None, namespace="default", **more):
    """The Service of a backends.Backend, and its endpoint."""
    name = name or backend.name
    return [service(name, port(80, target=backend.port), namespace=namespace, **more),
            slice_of(name, backend.port, backend.address, namespace=namespace)]


def to(*names, **more):
    """A route to Services; a name may be a whole service of the route."""
    return {"services": [{"port": 80, **(n if isinstance(n, dict) else {"name": n})} for n in names], **more}


def proxy(name, *routes, namespace="default", includes=(), tcp=None, **virtualhost):
    spec = {"routes": list(routes), "includes": list(includes)}
    if virtualhost:
        spec["virtualhost"] = virtualhost
    if tcp:
        spec["tcpproxy"] = tcp
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def tls_secret(name, certificate, namespace="default"):
    """certificate: certs.Certificate, or a (certificate text, key text) pair."""
    chain, key = certificate
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {"tls.crt": chain, "tls.key": key}}


def app(name, address, target, host=None, namespace="default", tls=None):
    """The objects of one plain application: Ingress, Service, EndpointSlice."""
    host = host or f"{name}.example.com"
    return [
        ingress(name, rule(host, path(name)), namespace=namespace,
                tls=[(tls, host)] if tls else ()),
        service(name, port(80, target=target), namespace=namespace),
        slice_of(name, target, address, namespace=namespace),
    ]


def configuration(**spec):
    """The object that the configuration file becomes; in a folder without a file it has the same
    effect."""
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
            "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": spec}
