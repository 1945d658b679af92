"""Reads the protobuf descriptors in an Envoy binary.

protoc's C++ code keeps each file's FileDescriptorProto, serialised, as a constant. We search for
its first field, the file's name; the constant ends where its fields, which are in the order of
their numbers, end. Nothing is guessed: a result must parse, and every file that another imports
must be found too.
"""

import mmap
import re

from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

NAME = re.compile(rb"\n([\x01-\x7f]|[\x80-\xff]\x01)((?:[a-z0-9_]+/)+[a-z0-9_.-]+\.proto)\x12")

# FileDescriptorProto's fields after the name, as tags in the order in which C++ writes them: package,
# dependency, public and weak dependency (numbers), messages, enums, services, extensions, options,
# syntax. A proto2 file has no syntax: it ends where the order does.
ORDER = (0x12, 0x1A, 0x50, 0x58, 0x22, 0x2A, 0x32, 0x3A, 0x42, 0x62)
NUMBERS = (0x50, 0x58)
SYNTAX = 0x62


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 28:
            raise ValueError("not a length")


def _end(data, at):
    """The end of the descriptor whose fields after the name begin at `at`."""
    rank = 0
    while at < len(data) and data[at] in ORDER[rank:]:
        tag = data[at]
        rank = ORDER.index(tag)
        value, at = _varint(data, at + 1)
        if tag not in NUMBERS:
            at += value
        if tag == SYNTAX:
            break
    return at


def read(binary):
    """All files described in an Envoy binary: {file name: FileDescriptorProto}."""
    found = {}
    with open(binary, "rb") as file, mmap.mmap(
        file.fileno(), 0, access=mmap.ACCESS_READ
    ) as data:
        for match in NAME.finditer(data):
            length, _ = _varint(match[1], 0)
            if length != len(match[2]):
                continue
            descriptor = descriptor_pb2.FileDescriptorProto()
            try:
                end = _end(data, match.end() - 1)
                descriptor.ParseFromString(data[match.start() : end])
            except (DecodeError, ValueError):
                continue
            found[descriptor.name] = descriptor
    missing = {d for f in found.values() for d in f.dependency} - found.keys()
    if not found or missing:
        raise ValueError(f"{binary}: found {len(found)} files, but not {sorted(missing)}")
    return found
