"""Pages for users: the manifests in their ```yaml blocks, and the requests and answers in ```console blocks.

A block of YAML counts if all of its documents have a kind; all of a page are one world. What they refer to and
a reader has to have already is made here: Services (each an application that answers with 200 and its name in
x-backend), certificates, authorities.

A console block may hold `$ curl` lines, each with what is expected of its answer: a status line and any
headers, then perhaps an empty line and lines of the body; or the status code alone.
"""

import argparse
import base64
import re
import shlex
from typing import NamedTuple

import yaml

ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


class Request(NamedTuple):
    line: str
    method: str
    tls: bool
    host: str
    path: str
    headers: dict
    body: str | None
    status: int
    answer: list  # (header, value)
    text: list    # lines of the body


def _curl_options():
    p = argparse.ArgumentParser(prog="curl", add_help=False)
    p.add_argument("url")
    p.add_argument("-H", "--header", action="append", default=[])
    p.add_argument("-X", "--request")
    p.add_argument("-d", "--data")
    p.add_argument("-b", "--cookie")
    for ignored in ("-o", "-w", "--resolve", "--connect-to", "--cacert", "-m"):
        p.add_argument(ignored)
    for ignored in "isSkv":
        p.add_argument(f"-{ignored}", action="store_true")
    p.add_argument("-I", action="store_true")
    return p


def _request(line, expected):
    asked = _curl_options().parse_args(shlex.split(line)[1:])
    scheme, host, path = re.fullmatch(r"(https?)://([^/?]+)([^#]*)", asked.url).groups()
    headers = dict(h.split(": ", 1) for h in asked.header)
    if asked.cookie:
        headers["Cookie"] = asked.cookie
    method = asked.request or ("HEAD" if asked.I else "POST" if asked.data else "GET")
    head, _, text = "\n".join(expected).strip("\n").partition("\n\n")
    first, *rest = head.splitlines()
    status = re.fullmatch(r"(?:HTTP/\S+ )?(\d{3})\b.*", first)
    assert status, f"{line}: what is expected must begin with a status, not {first!r}"
    return Request(line, method, scheme == "https", host, path if path.startswith("/") else "/" + path,
                   headers, asked.data, int(status[1]),
                   [tuple(h.split(": ", 1)) for h in rest if h != "..."], text.splitlines())


def _requests(block):
    steps = []
    for line in block.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps:
            steps[-1][1].append(line)
    return [_request(*s) for s in steps if s[0].split()[0] == "curl"]


class Page:
    def __init__(self, path):
        blocks = BLOCK.findall(path.read_text())
        self.name = path.stem
        self.objects, self.requests = [], []
        for kind, text in blocks:
            if kind == "yaml":
                documents = [d for d in yaml.safe_load_all(text) if d]
                if all(isinstance(d, dict) and "kind" in d for d in documents):
                    self.objects += documents
            elif kind == "console":
                self.requests += _requests(text)

    # ---- objects referred to ----

    def _kind(self, *kinds):
        return [o for o in self.objects if o["kind"] in kinds]

    def services(self):
        """{(namespace, name): Service}: its own, and those that its routes name."""
        found = {_key(o): o for o in self._kind("Service")}
        for o in self._kind("HTTPProxy", "Ingress", "ExtensionService", "XTelemetryPolicy", *ROUTES):
            for wanted in _services(o["spec"]):
                ports = found.setdefault((_key(o)[0], wanted["name"]), {
                    "apiVersion": "v1", "kind": "Service", "spec": {"ports": []},
                    "metadata": {"name": wanted["name"], "namespace": _key(o)[0]}})["spec"]["ports"]
                for port in (wanted.get("port"), wanted.get("healthPort")):
                    if port and not any(port in (p["port"], p.get("name")) for p in ports):
                        ports.append({"port": port, "name": f"p{port}"} if isinstance(port, int) else
                                     {"port": 80, "name": port})
        return found

    def certificates(self):
        """{(namespace, name): names that it has to be for} of Secrets with certificates that it refers to."""
        have = {_key(o) for o in self._kind("Secret")}
        wanted = {}
        for o in self._kind("Ingress", "HTTPProxy"):
            host = o["spec"].get("virtualhost", {})
            tls = [(host["tls"]["secretName"], [host["fqdn"]])] if "secretName" in host.get("tls", {}) else []
            tls += [(t["secretName"], t.get("hosts", [])) for t in o["spec"].get("tls", [])]
            for name, names in tls:
                wanted.setdefault(_reference(o, name), []).extend(names)
        return {k: v for k, v in wanted.items() if k not in have}

    def authorities(self):
        """Secrets with a CA certificate that it refers to."""
        have = {_key(o) for o in self._kind("Secret")}
        return {_reference(o, name) for o in self._kind("HTTPProxy", "ExtensionService")
                for name in _values(o, "caSecret")} - have


def _key(o):
    return o["metadata"].get("namespace", "default"), o["metadata"]["name"]


def _reference(o, text):
    return tuple(text.split("/")) if "/" in text else (_key(o)[0], text)


def _values(tree, key):
    if isinstance(tree, dict):
        for k, v in tree.items():
            yield from [v] if k == key else _values(v, key)
    elif isinstance(tree, list):
        for v in tree:
            yield from _values(v, key)


def _services(spec):
    for services in _values(spec, "services"):
        yield from services
    for backends in _values(spec, "backendRefs"):
        yield from backends
    # Of filters of Gateway API.
    yield from _values(spec, "backendRef")
    for service in _values(spec, "service"):
        if isinstance(service, dict):
            port = service["port"]
            yield {"name": service["name"], "port": port.get("number", port.get("name"))}


def secret(namespace, name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name},
            "data": {k.replace("_", "."): base64.b64encode(v.encode()).decode() for k, v in data.items()}}


def world(page, authority, endpoint):
    """All objects of the page and those that they refer to. endpoint(name): (address, port) of an
    application."""
    services = page.services()
    objects = [o for o in page.objects if o["kind"] != "Service"] + list(services.values())
    with_slices = {(_key(o)[0], o["metadata"].get("labels", {}).get("kubernetes.io/service-name"))
                   for o in page.objects if o["kind"] == "EndpointSlice"}
    for (namespace, name), service in services.items():
        if (namespace, name) in with_slices or service["spec"].get("type") == "ExternalName":
            continue
        address, port = endpoint(name)
        objects.append({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": name, "namespace": namespace,
                         "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": [address]}],
            "ports": [{"port": port, **({"name": p["name"]} if "name" in p else {})}
                      for p in service["spec"]["ports"]]})
    for (namespace, name), names in page.certificates().items():
        chain, key = authority.issue(*dict.fromkeys(names))
        objects.append(secret(namespace, name, tls_crt=chain, tls_key=key) | {"type": "kubernetes.io/tls"})
    objects += [secret(*key, ca_crt=authority.text) for key in sorted(page.authorities())]
    return objects
