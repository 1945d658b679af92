"""Ingresses of ingress-nginx, short to write, and a world with a real Envoy that serves them.

A test is a table: objects, requests, and ingress-nginx's answers. Each test has a host of its own,
so that all tests of a file share one Envoy.
"""

import re

from objects import backend, backend_objects, ingress, path, port, rule, service, slice_of

PREFIX = "nginx.ingress.kubernetes.io/"

SETTINGS = """\
ingressNginx:
  enabled: true
  configMap: ingress-nginx/controller
  translateSnippets: true
"""


def config_map(name, data, namespace="default"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
            "data": data}


def annotated(annotations):
    """Names without the prefix; values as Kubernetes has them, text."""
    return {(k if "/" in k else PREFIX + k): v for k, v in annotations.items()}


def nginx(name, host, *paths, tls=(), default=None, created=None, klass="nginx", namespace="default",
          **annotations):
    """paths: paths of objects.path(), or texts: Prefix paths to the Service echo. Annotations as keywords,
    with _ for -."""
    found = [p if isinstance(p, dict) else path("echo", at=p) for p in paths or ("/",)]
    return ingress(name, *([rule(host, *found)] if host is not None else []), tls=tls, default=default,
                   created=created, klass=klass, namespace=namespace,
                   annotations=annotated({k.replace("_", "-"): v for k, v in annotations.items()}))


def exact(service_name, at):
    return path(service_name, at=at, type="Exact")


def regex(service_name, at):
    return path(service_name, at=at, type="ImplementationSpecific")


class World:
    """One test's hosts and objects in a shared site."""

    def __init__(self, site, name):
        self.site = site
        self.name = name
        self.host = f"{name}.test"
        self.backends = {}

    @classmethod
    def of(cls, site, request, *backends):
        """The world of the test that asks for it, with these backends."""
        name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-")
        world = cls(site, name)
        for backend in backends or ("echo",):
            world.backend(backend)
        return world

    def backend(self, name, reply=None, **more):
        """A backend with a Service of that name, for this test only."""
        own = f"{self.name}-{name}"
        self.backends[name] = self.site.backend(own, reply, **more)
        return self.backends[name]

    def write(self, *objects):
        """Ingresses and their Services are this test's own."""
        text = [self.own(o) for o in objects]
        for o in text:
            if o["kind"] == "Ingress":
                o["metadata"]["name"] = f"{self.name}-{o['metadata']['name']}"
        services = [o for n, b in self.backends.items() for o in backend_objects(b)]
        self.site.write(f"{self.name}.yaml", *services, *text)

    def own(self, value):
        if isinstance(value, dict):
            return {k: (f"{self.name}-{v}" if k == "name" and v in self.backends else self.own(v))
                    for k, v in value.items()}
        if isinstance(value, list):
            return [self.own(v) for v in value]
        return value

    def get(self, at="/", host=None, **more):
        return self.site.get(host or self.host, at, **more)

    def served(self, at="/", host=None, **more):
        """The backend's name, or the status of an answer that is not a backend's."""
        answer = self.get(at, host, **more)
        return answer.backend.removeprefix(self.name + "-") if answer.backend else answer.status

    def seen(self, at="/", backend="echo", **more):
        """The request as the backend got it."""
        self.backends[backend].asked.clear()
        self.get(at, **more)
        return self.backends[backend].wait_asked(1)[-1]


def redirect(answer):
    return answer.status, answer.headers.get("location")
