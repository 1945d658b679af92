"""A folder of manifests with N hosts, and the changes that are measured.

A host is one file with its Ingress, Service and EndpointSlice (and Secret, with TLS), all in one
flat folder. A change is written beside the folder and renamed into place, as deployment tools and
editors do.
"""

import base64
import datetime
import functools
import os
import pathlib

INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: {namespace}
  creationTimestamp: "2026-01-01T00:00:00Z"
  generation: {generation}
spec:
  ingressClassName: portolan
{tls}  rules:
  - host: {host}
    http:
      paths:
      - path: {path}
        pathType: Prefix
        backend:
          service:
            name: {name}
            port:
              name: http
"""

HTTP_PROXY = """\
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata:
  name: {name}
  namespace: {namespace}
  creationTimestamp: "2026-01-01T00:00:00Z"
  generation: {generation}
spec:
  virtualhost:
    fqdn: {host}
    tls:
      secretName: {name}
  routes:
  - conditions:
    - prefix: {path}
    services:
    - name: {name}
      port: 80
"""

TLS = """\
  tls:
  - hosts:
    - {host}
    secretName: {name}
"""

SERVICE = """\
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
spec:
  selector:
    app: {name}
  ports:
  - name: http
    port: 80
    targetPort: 8080
"""

ENDPOINT_SLICE = """\
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name}-1
  namespace: {namespace}
  labels:
    kubernetes.io/service-name: {name}
addressType: IPv4
endpoints:
- addresses: ["{address}"]
  conditions: {{ready: true, serving: true, terminating: false}}
- addresses: ["{other}"]
  conditions: {{ready: true, serving: true, terminating: false}}
ports:
- name: http
  port: {port}
  protocol: TCP
"""

SECRET = """\
---
apiVersion: v1
kind: Secret
metadata:
  name: {name}
  namespace: {namespace}
type: kubernetes.io/tls
data:
  tls.crt: {certificate}
  tls.key: {key}
"""


@functools.cache
def authority():
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    return key, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])


def certificate(host):
    """A P-256 key and its certificate for a host, both as base64 of PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    issuer_key, issuer = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    )
    chain = builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return base64.b64encode(chain).decode(), base64.b64encode(secret).decode()


class Host:
    """One host: the content of its file."""

    kind = INGRESS

    def __init__(self, number, tls):
        self.number = number
        self.name = f"app-{number:05d}"
        self.namespace = f"team-{number % 100:02d}"
        self.host = f"{self.name}.example.com"
        self.path = "/"
        self.generation = 1
        self.address = f"127.1.{number >> 8 & 255}.{number & 255}"
        self.other = f"127.2.{number >> 8 & 255}.{number & 255}"
        self.port = 8080
        self.tls = certificate(self.host) if tls else None

    def text(self):
        fields = vars(self) | {"tls": TLS.format(**vars(self)) if self.tls else ""}
        out = self.kind + SERVICE + ENDPOINT_SLICE
        if self.tls:
            fields["certificate"], fields["key"] = self.tls
            out += SECRET
        return out.format(**fields)


class ProxyHost(Host):
    """With TLS its plain HTTP only redirects, like all others'."""

    kind = HTTP_PROXY


class World:
    def __init__(self, folder, n, tls=False, kind=Host):
        self.root = pathlib.Path(folder)
        self.manifests = self.root / "manifests"
        self.beside = self.root / "beside"
        self.tls = tls
        self.manifests.mkdir(parents=True)
        self.beside.mkdir()
        self.kind = kind
        self.hosts = [kind(i, tls) for i in range(n)]
        self.bytes = 0
        for host in self.hosts:
            text = host.text()
            self.bytes += len(text)
            (self.manifests / f"{host.name}.yaml").write_text(text)
        self.changes = 0

    def prepare(self, host):
        """Writes the host's new file aside; the returned function renames it into place."""
        name = f"{host.name}.yaml"
        (self.beside / name).write_text(host.text())
        return functools.partial(os.rename, self.beside / name, self.manifests / name)

    def pick(self):
        """A host, far from the one before, and the same in each run."""
        self.changes += 1
        return self.hosts[self.changes * 7919 % len(self.hosts)]

    # Changes: (the host, a function that renames its file into place).

    def endpoint(self, host=None, address=None, port=8080):
        host = host or self.pick()
        k = self.changes
        host.address = address or f"127.{3 + k % 200}.{k >> 8 & 255}.{k & 255}"
        host.other = address or host.other
        host.port = port
        return host, self.prepare(host)

    def path(self, host=None):
        host = host or self.pick()
        host.path = f"/v{self.changes}"
        host.generation += 1
        return host, self.prepare(host)

    def new_host(self):
        host = self.kind(len(self.hosts), self.tls)
        self.hosts.append(host)
        return host, self.prepare(host)
