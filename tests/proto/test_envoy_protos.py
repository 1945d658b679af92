"""The trimmed Envoy protos agree with Envoy's own, field by field.

References are the descriptors inside the newest and the oldest Envoy that we support, and PyPI's
xds-protos. Every message, field, enum value and oneof of ours must be in each of them, except those
that the tables below list as newer.
"""

import copy
import importlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from google.protobuf import descriptor_pb2

import envoy_descriptors

TOP = pathlib.Path(__file__).resolve().parents[2]
PROTO = TOP / "proto"
XDS = "xds.proto"
FILES = sorted(
    str(p.relative_to(PROTO)) for d in ("envoy", "google", "xds") for p in (PROTO / d).rglob("*.proto")
)

# xds.proto is on its own; its messages are copies of these.
XDS_PACKAGE = ".envoy.service.discovery.v3."
XDS_STANDS_FOR = {
    XDS_PACKAGE + "Node": ".envoy.config.core.v3.Node",
    XDS_PACKAGE + "BuildVersion": ".envoy.config.core.v3.BuildVersion",
    XDS_PACKAGE + "SemanticVersion": ".envoy.type.v3.SemanticVersion",
    XDS_PACKAGE + "Any": ".google.protobuf.Any",
    XDS_PACKAGE + "Status": ".google.rpc.Status",
}

# Missing in the oldest Envoy: files, or messages, fields and enum values by full name. Code that
# emits them must ask for Envoy's version first, unless an older Envoy may ignore them.
NEWER_THAN_OLDEST = {
    ".envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing.operation",
    "envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3/config.proto",
    "envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3/config.proto",
}
# Missing in xds-protos; the newest Envoy's own descriptors have it.
NOT_IN_XDS_PROTOS = {
    ".envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing.operation",
    "envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3/config.proto",
    "envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3/config.proto",
}
# Deprecated in the newest Envoy, but the oldest has no alternative.
DEPRECATED = {
    ".envoy.extensions.filters.http.compressor.v3.Compressor.CommonDirectionConfig.content_type",
}


def compile_protos(folder, names):
    """{file name: FileDescriptorProto} of our own files, as protoc reads them."""
    protoc = os.environ.get("PROTOC") or shutil.which("protoc")
    assert protoc, "protoc is not installed (Debian: protobuf-compiler)"
    output = subprocess.run(
        [protoc, f"-I{folder}", "--descriptor_set_out=/dev/stdout", *names],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    files = descriptor_pb2.FileDescriptorSet.FromString(output).file
    return {file.name: file for file in files}


def types_of(file):
    """{full name, with a leading dot: DescriptorProto or EnumDescriptorProto} of a file."""
    types = {}

    def add(prefix, messages, enums):
        for enum in enums:
            types[f"{prefix}.{enum.name}"] = enum
        for message in messages:
            name = f"{prefix}.{message.name}"
            types[name] = message
            add(name, message.nested_type, message.enum_type)

    add("." + file.package, file.message_type, file.enum_type)
    return types


def oneof_of(message, field):
    if not field.HasField("oneof_index"):
        return None
    return message.oneof_decl[field.oneof_index].name


def field_facts(message, field, stands_for):
    """All that decides how a field is encoded and read."""
    return {
        "number": field.number,
        "type": descriptor_pb2.FieldDescriptorProto.Type.Name(field.type),
        "label": descriptor_pb2.FieldDescriptorProto.Label.Name(field.label),
        "type name": stands_for.get(field.type_name, field.type_name),
        "oneof": oneof_of(message, field),
        "packed": field.options.packed if field.options.HasField("packed") else None,
        "presence": field.proto3_optional,
    }


def compare_enum(name, ours, theirs, differences, known):
    numbers = {value.name: value.number for value in theirs.value}
    for value in ours.value:
        known.add(f"{name}.{value.name}")
        if value.name not in numbers:
            differences[f"{name}.{value.name}"] = "no such value"
        elif value.number != numbers[value.name]:
            differences[f"{name}.{value.name}"] = f"{value.number}, not {numbers[value.name]}"


def compare_message(name, ours, theirs, stands_for, differences, known):
    if ours.options.map_entry != theirs.options.map_entry:
        differences[name] = "only one of the two is a map's entry"
    fields = {field.name: field for field in theirs.field}
    for field in ours.field:
        full = f"{name}.{field.name}"
        known.add(full)
        if field.name not in fields:
            differences[full] = "no such field"
            continue
        want = field_facts(theirs, fields[field.name], {})
        for fact, value in field_facts(ours, field, stands_for).items():
            if value != want[fact]:
                differences[full] = f"{fact} is {value}, not {want[fact]}"


def compare(file, reference, stands_for=None):
    """The differences of our file from the reference: {full name: difference}.

    `reference` is {file name: FileDescriptorProto}. With `stands_for`, messages may be those of any
    other file; else file and package must be the reference's too.
    """
    differences = {}
    if stands_for is None:
        theirs = reference.get(file.name)
        if theirs is None:
            return {file.name: "no such file"}
        for fact in ("package", "syntax"):
            if getattr(file, fact) != getattr(theirs, fact):
                differences[file.name] = f"{fact} is not {getattr(theirs, fact)}"
        types = types_of(theirs)
    else:
        types = {n: t for other in reference.values() for n, t in types_of(other).items()}

    known = set()
    for name, ours in types_of(file).items():
        name = (stands_for or {}).get(name, name)
        theirs = types.get(name)
        known.add(name)
        if theirs is None or type(theirs) is not type(ours):
            differences[name] = "no such message or enum"
        elif isinstance(ours, descriptor_pb2.DescriptorProto):
            compare_message(name, ours, theirs, stands_for or {}, differences, known)
        else:
            compare_enum(name, ours, theirs, differences, known)
    assert known, f"{file.name} declares nothing"
    return differences


@pytest.fixture(scope="session")
def ours():
    return {**compile_protos(PROTO, FILES), **compile_protos(PROTO, [XDS])}


def venv(what):
    run = [TOP / "scripts" / "venv", "--print", what]
    return subprocess.run(run, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


@pytest.fixture(scope="session")
def newest():
    return envoy_descriptors.read(venv("envoy"))


@pytest.fixture(scope="session")
def oldest():
    return envoy_descriptors.read(venv("envoy-oldest"))


def from_xds_protos(names):
    """The installed Python packages' versions of the files named."""
    files = {}
    for name in names:
        try:
            module = importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
        except ModuleNotFoundError:
            continue
        files[name] = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(files[name])
    return files


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_newest_envoy(name, ours, newest):
    assert compare(ours[name], newest) == {}


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_oldest_envoy_but_for_what_is_listed_as_newer(name, ours, oldest):
    differences = compare(ours[name], oldest)
    assert {n: d for n, d in differences.items() if n not in NEWER_THAN_OLDEST} == {}


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_xds_protos(name, ours):
    differences = compare(ours[name], from_xds_protos([name]))
    assert {n: d for n, d in differences.items() if n not in NOT_IN_XDS_PROTOS} == {}


def test_only_what_is_really_newer_is_listed(ours, oldest):
    all_of_it = set()
    for name in FILES:
        all_of_it |= compare(ours[name], oldest).keys()
    assert NEWER_THAN_OLDEST - all_of_it == set()


def test_nothing_that_envoy_deprecates_is_used_unknowingly(ours, newest):
    deprecated = set()
    for name in FILES:
        theirs = types_of(newest[name])
        for full, message in types_of(ours[name]).items():
            if isinstance(message, descriptor_pb2.EnumDescriptorProto):
                continue
            used = {field.name for field in message.field}
            for field in theirs[full].field:
                if field.name in used and field.options.deprecated:
                    deprecated.add(f"{full}.{field.name}")
    assert deprecated == DEPRECATED


@pytest.mark.parametrize("envoy", ["newest", "oldest"])
def test_discovery_messages_agree_with_envoy(envoy, ours, request):
    assert compare(ours[XDS], request.getfixturevalue(envoy), XDS_STANDS_FOR) == {}


def test_discovery_messages_cannot_recurse(ours):
    types = types_of(ours[XDS])

    def walk(name, above):
        assert name not in above, f"{name} contains itself: {above}"
        for field in types[name].field:
            if field.type == field.TYPE_MESSAGE:
                walk(field.type_name, above + [name])

    for name in types:
        walk(name, [])


def test_every_proto_is_built():
    listed = set(re.findall(r"[\w/.-]+\.proto\b", (PROTO / "local.mk").read_text()))
    missing = [f for f in [*FILES, XDS] if f"proto/{f}" not in listed]
    assert missing == []


# The comparison itself: it has to see each kind of error, or its silence means nothing.


def test_a_wrong_number_in_a_file_is_found(tmp_path, newest):
    shutil.copytree(PROTO, tmp_path / "proto")
    path = tmp_path / "proto/envoy/config/cluster/v3/cluster.proto"
    text = path.read_text()
    wrong = text.replace("connect_timeout = 4;", "connect_timeout = 44;")
    assert wrong != text
    path.write_text(wrong)
    name = "envoy/config/cluster/v3/cluster.proto"
    file = compile_protos(tmp_path / "proto", [name])[name]
    assert compare(file, newest) == {
        ".envoy.config.cluster.v3.Cluster.connect_timeout": "number is 44, not 4"
    }


def test_a_wrong_number_of_any_field_or_enum_value_is_found(ours, newest):
    tried = 0
    for name in FILES:
        file = copy.deepcopy(ours[name])
        for full, declared in types_of(file).items():
            is_enum = isinstance(declared, descriptor_pb2.EnumDescriptorProto)
            for entry in declared.value if is_enum else declared.field:
                entry.number += 1000
                assert list(compare(file, newest)) == [f"{full}.{entry.name}"]
                entry.number -= 1000
                tried += 1
    assert tried > 500


def mutations():
    def field(file, name):
        return next(f for f in file.message_type[0].field if f.name == name)

    def rename(file):
        field(file, "connect_timeout").name = "connection_timeout"

    def retype(file):
        field(file, "alt_stat_name").type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES

    def refer_elsewhere(file):
        field(file, "connect_timeout").type_name = ".google.protobuf.UInt32Value"

    def single(file):
        field(file, "health_checks").label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL

    def leave_oneof(file):
        field(file, "type").ClearField("oneof_index")

    def other_oneof(file):
        field(file, "type").oneof_index = field(file, "ring_hash_lb_config").oneof_index

    def unpack(file):
        field(file, "health_checks").options.packed = False

    def rename_message(file):
        file.message_type[0].nested_type[0].name = "Other"

    def rename_value(file):
        file.message_type[0].enum_type[0].value[1].name = "STRICTER_DNS"

    def rename_package(file):
        file.package = "envoy.config.cluster.v4"

    def rename_file(file):
        file.name = "envoy/config/cluster/v4/cluster.proto"

    def other_syntax(file):
        file.syntax = "proto2"

    return [f for f in locals().values() if callable(f) and f is not field]


@pytest.mark.parametrize("mutate", mutations(), ids=lambda f: f.__name__)
def test_each_kind_of_error_is_found(mutate, ours, newest):
    file = copy.deepcopy(ours["envoy/config/cluster/v3/cluster.proto"])
    assert compare(file, newest) == {}
    mutate(file)
    assert compare(file, newest) != {}


def test_a_wrong_number_in_a_discovery_message_is_found(ours, newest):
    file = copy.deepcopy(ours[XDS])
    for name, message in types_of(file).items():
        for field in message.field:
            field.number += 1000
            changed = compare(file, newest, XDS_STANDS_FOR)
            assert list(changed) == [f"{XDS_STANDS_FOR.get(name, name)}.{field.name}"]
            field.number -= 1000
