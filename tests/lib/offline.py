"""The pipeline without its processes' lives: files in, resources and statuses out, decoded by Google's
protobuf and written in one canonical form."""

import base64
import hashlib
import json
import re
import subprocess
from typing import NamedTuple

import yaml

import frames
from programs import TOP, program
from xds_client import SHORT, plain, unpack

URLS = {
    "cluster": "CDS", "endpoint": "EDS", "secret": "SDS", "listener": "LDS", "scoped-route": "SRDS",
    "route": "RDS", "runtime": "RTDS", "newer-listener": "LDS",
}
KINDS = {
    1: "Ingress", 2: "IngressClass", 3: "Service", 4: "EndpointSlice", 5: "Secret", 6: "Namespace",
    7: "ConfigMap", 8: "HTTPProxy", 9: "TLSCertificateDelegation", 10: "ExtensionService",
    11: "ContourConfiguration", 12: "GatewayClass", 13: "Gateway", 14: "HTTPRoute", 15: "GRPCRoute",
    16: "TLSRoute", 17: "TCPRoute", 18: "ReferenceGrant", 19: "BackendTLSPolicy",
    20: "UDPRoute", 21: "ListenerSet", 22: "XBackend", 23: "XBackendTrafficPolicy",
    24: "XTelemetryPolicy", 25: "ClusterTrustBundle", 26: "ContourDeployment", 63: "Document",
}


class Translated(NamedTuple):
    resources: frames.State
    statuses: frames.State
    said: str  # by the watcher, about unreadable objects
    codes: tuple


def read_state(data):
    mirror = frames.Mirror()
    for frame in frames.read_stream(data):
        if frame.type != frames.HELLO:
            mirror.take(frame)
    assert mirror.state.complete
    return mirror.state


def translate(folder, *files, options=(), config=None):
    """portolan-watcher --once | portolan-translator --once"""
    watcher = [program("portolan-watcher"), "--once", "--write-stream", "-"]
    for file in files:
        watcher += ["--manifests", file]
    if config:
        watcher += ["--config", config]
    read = subprocess.run(watcher, stdin=subprocess.DEVNULL, capture_output=True)
    out = folder / "statuses"
    translator = [program("portolan-translator"), "--once", "--read-stream", "-", "--write-stream", "-",
                  "--write-statuses", out, *options]
    done = subprocess.run(translator, input=read.stdout, capture_output=True)
    said = read.stderr.decode(errors="replace")
    assert done.returncode in (0, 1) and done.stdout, (
        f"translator ended with {done.returncode}\n{said}\n{done.stderr.decode()}")
    return Translated(read_state(done.stdout), read_state(out.read_bytes()), said,
                      (read.returncode, done.returncode))


def translate_state(objects, options=()):
    """The resources that a translator makes of a state of objects that it sees for the first time."""
    hello = frames.message("Hello", product="portolan", role="watcher", major=frames.MAJOR,
                           minor=frames.MINOR)
    run = [program("portolan-translator"), "--once", "--read-stream", "-", "--write-stream", "-", *options]
    done = subprocess.run(run, input=frames.encode(frames.HELLO, 0, hello) + frames.snapshot(objects),
                          capture_output=True)
    assert done.returncode in (0, 1), f"{done.returncode}\n{done.stderr.decode()}"
    return read_state(done.stdout)


# Map fields, whose entries Google's protobuf hands out in any order.
MAPS = {line.split()[-3] for folder in ("envoy", "xds") for file in (TOP / "proto" / folder).rglob("*.proto")
        for line in file.read_text().splitlines() if line.lstrip().startswith("map<")}
STRUCTS = {"filter_context", "filter_metadata", "json_format", "layer"}


def _sorted(value, deep):
    """deep: its parts are entries, too."""
    if isinstance(value, list):
        return [_sorted(v, deep) for v in value]
    if not isinstance(value, dict):
        return value
    return {k: _sorted(v, deep) if deep else v for k, v in sorted(value.items())}


def _in_order(value):
    if isinstance(value, list):
        return [_in_order(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {k: _sorted(_in_order(v), k in STRUCTS) if k in MAPS | STRUCTS else _in_order(v)
            for k, v in value.items()}


def _shorten(value):
    """Certificates, keys and scripts, replaced by their fingerprints."""
    if isinstance(value, dict):
        return {k: _fingerprint(base64.b64decode(v)) if k == "inline_bytes" else
                {n: _fingerprint(s["inline_string"].encode()) for n, s in v.items()}
                if k == "source_codes" else _shorten(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_shorten(v) for v in value]
    return value


def _fingerprint(data):
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}"


def resources(state, whole=False):
    """{"CDS": {name: resource}, …} in plain Python; with whole, bytes stay as they are, in base64."""
    found = {}
    type_url = {short: url for url, short in SHORT.items()}
    for (kind, name), (_, data) in sorted(frames.resources(state).items()):
        message = unpack(type_url[URLS[kind]], data)
        if URLS[kind] == "RTDS" and not message.layer.fields:
            continue  # every Envoy has it, and hardly ever something in it
        place = URLS[kind] + (" for newer Envoys" if kind.startswith("newer") else "")
        found.setdefault(place, {})[name] = plain(message) if whole else _shorten(
            _in_order(plain(message)))
    return found


FLEET_SET, DESIRED = 30, 59


def desired(statuses):
    """The objects that should be in the cluster, by "Kind namespace/name"."""
    found = {}
    for (kind, key), item in sorted(statuses.items()):
        if kind == DESIRED:
            message = frames.schema()["DesiredObject"].FromString(item.value)
            found[key.decode()] = {"for": message.gateway, **(json.loads(message.json) if message.HasField("json") else {"kept": True})}
            if message.fixed_replicas:
                found[key.decode()]["fixedReplicas"] = True
    return found


def fleets(state):
    """{"cluster NAME": the fleets that need it}, where that is not the default one alone."""
    found = {}
    for (kind, key), item in sorted(state.items()):
        if kind == FLEET_SET:
            number, _, name = key.decode().partition("\0")
            message = frames.schema()["FleetSet"].FromString(item.value)
            found[f"{frames.RESOURCE_KINDS[int(number)]} {name}"] = list(message.fleets)
    return found


def statuses(state):
    """{"Kind namespace/name": {"verdict": …, "problems": [...]}}"""
    found = {}
    for (kind, key), item in sorted(state.items()):
        if kind == DESIRED:
            continue
        message = frames.schema()["ObjectStatus"].FromString(item.value)
        row = {"verdict": _word("Verdict", message.verdict)}
        problems = [
            {"severity": _word("Severity", p.severity), "reason": p.reason,
             **({"field": p.field} if p.field else {}), "message": p.message}
            for p in message.problems]
        if problems:
            row["problems"] = problems
        row.update(_api_status(message))
        found[f"{KINDS[kind]} {key.decode()}"] = row
    return found


def _api_status(message):
    """Conditions, parents, ancestors and listeners of Gateway API's kinds, in short."""
    row = {}
    if message.conditions:
        row["conditions"] = _conditions(message.conditions)
    for name in ("parents", "ancestors"):
        entries = getattr(message, name)
        if entries:
            row[name] = {_parent(e): _conditions(e.conditions) for e in entries}
    if message.HasField("attached_listener_sets"):
        row["attachedListenerSets"] = message.attached_listener_sets
    if message.addresses:
        row["addresses"] = [f"{a.type} {a.value}" for a in message.addresses]
    if message.listeners:
        row["listeners"] = {
            entry.name: {"attachedRoutes": entry.attached_routes,
                         "supportedKinds": [k.kind for k in entry.supported_kinds],
                         "conditions": _conditions(entry.conditions)}
            for entry in message.listeners}
    if message.supported_features:
        row["supportedFeatures"] = f"{len(message.supported_features)} of them"
    return row


def _parent(entry):
    return (f"{entry.kind} {entry.namespace}/{entry.name}"
            + (f" section {entry.section_name}" if entry.HasField("section_name") else "")
            + (f" port {entry.port}" if entry.HasField("port") else ""))


def _conditions(conditions):
    words = {0: "False", 1: "True", 2: "Unknown"}
    return {c.type: f"{words[c.status]} {c.reason}: {c.message}" for c in conditions}


def _word(enum, number):
    values = frames.schema()["Problem"].DESCRIPTOR.file.enum_types_by_name[enum].values_by_number
    return values[number].name.removeprefix(enum.upper() + "_").lower()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _):
        return True

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


def canonical(value):
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def lines(said, folder):
    """A program's stderr, without the parts that differ from run to run."""
    said = re.sub(r"^\S*\d\d:\d\d:\d\d\S* *", "", said, flags=re.M)
    return said.replace(f"{folder}/", "").splitlines()
