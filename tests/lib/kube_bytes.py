"""Kubernetes' two encodings of objects, lists and watch events, as far as tests make or read them.

JSON is what it seems. Protobuf is a magic number and a runtime.Unknown that carries kind and
object (k8s.io/apimachinery/pkg/runtime/serializer/protobuf); a watch's frames have their length
before them, in four bytes, and are a metav1.WatchEvent in no such envelope.
"""

import json

JSON = "application/json"
JSON_WATCH = "application/json;stream=watch"
PROTOBUF = "application/vnd.kubernetes.protobuf"
PROTOBUF_WATCH = "application/vnd.kubernetes.protobuf;stream=watch"
MAGIC = b"k8s\0"
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(fields):
    """Encode {field number: value}: int, str, bytes, a dict for a message, a list to repeat."""
    out = b""
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
                continue
            if isinstance(one, dict):
                one = message(one)
            elif isinstance(one, str):
                one = one.encode()
            out += varint(number << 3 | 2) + varint(len(one)) + one
    return out


def fields_of(data):
    """[(field number, value)] of a message: bytes, or int where it is a varint."""
    fields, at = [], 0

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = take()
        if key & 7 == 0:
            fields.append((key >> 3, take()))
        elif key & 7 == 2:
            length = take()
            fields.append((key >> 3, data[at : at + length]))
            at += length
        else:
            raise ValueError(f"field {key >> 3} has wire type {key & 7}")
    return fields


def envelope(api_version, kind, raw):
    return MAGIC + message({1: {1: api_version, 2: kind}, 2: raw})


def open_envelope(data):
    """(kind, the object's own bytes)."""
    if not data.startswith(MAGIC):
        raise ValueError(f"no protobuf of Kubernetes: {data[:20]!r}")
    unknown = dict(fields_of(data[len(MAGIC) :]))
    return dict(fields_of(unknown[1]))[2].decode(), unknown[2]


def list_body(content_type, api_version, kind, items=(), version="1", more=""):
    """A list: items are dicts for JSON, raw messages for protobuf; `more` is its continue."""
    if content_type == PROTOBUF:
        meta = {2: version, **({3: more} if more else {})}
        return envelope(api_version, f"{kind}List", message({1: meta, 2: list(items)}))
    meta = {"resourceVersion": version, **({"continue": more} if more else {})}
    body = {"kind": f"{kind}List", "apiVersion": api_version, "metadata": meta}
    return json.dumps({**body, "items": list(items)}).encode()


def event(content_type, change, api_version, kind, item):
    """A watch event (ADDED, MODIFIED, DELETED…) as it is on the wire."""
    if content_type.startswith(PROTOBUF):
        frame = message({1: change, 2: {1: envelope(api_version, kind, item)}})
        return len(frame).to_bytes(4, "big") + frame
    item = {"kind": kind, "apiVersion": api_version, **item}
    return json.dumps({"type": change, "object": item}).encode() + b"\n"


def bookmark(content_type, api_version, kind, version, *, end=False):
    """A BOOKMARK; with end, the one that closes the initial events."""
    if content_type.startswith(PROTOBUF):
        meta = {6: version, **({12: {1: INITIAL_EVENTS_END, 2: "true"}} if end else {})}
        return event(content_type, "BOOKMARK", api_version, kind, message({1: meta}))
    meta = {"resourceVersion": version}
    if end:
        meta["annotations"] = {INITIAL_EVENTS_END: "true"}
    return event(content_type, "BOOKMARK", api_version, kind, {"metadata": meta})


def status_body(content_type, code, reason, text):
    """The metav1.Status of a refusal."""
    if content_type.startswith(PROTOBUF):
        fields = {1: {}, 2: "Failure", 3: text, 4: reason, 6: code}
        return envelope("v1", "Status", message(fields))
    return json.dumps(status(code, reason, text)).encode()


def status(code, reason, text):
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": text,
        "reason": reason,
        "code": code,
    }


def error_event(content_type, code, reason, text):
    """The ERROR event that ends a watch, such as 410 Expired."""
    if content_type.startswith(PROTOBUF):
        raw = message({1: {}, 2: "Failure", 3: text, 4: reason, 6: code})
        return event(content_type, "ERROR", "v1", "Status", raw)
    return event(content_type, "ERROR", "v1", "Status", status(code, reason, text))
