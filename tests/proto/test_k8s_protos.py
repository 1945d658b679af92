"""The trimmed Kubernetes protos are such that the decoder can read them, and under their JSON names."""

import pathlib
import re
import shutil
import subprocess

import pytest
from google.protobuf import descriptor_pb2

TOP = pathlib.Path(__file__).resolve().parents[2]
PROTO = TOP / "proto"
FILES = sorted(str(p.relative_to(PROTO)) for p in (PROTO / "k8s").glob("*.proto"))
Field = descriptor_pb2.FieldDescriptorProto

# common/decode/decode-schema.c, class_of()
READABLE = {Field.TYPE_STRING, Field.TYPE_BYTES, Field.TYPE_BOOL, Field.TYPE_INT32, Field.TYPE_INT64,
            Field.TYPE_UINT32, Field.TYPE_UINT64, Field.TYPE_MESSAGE}


@pytest.fixture(scope="module")
def messages():
    """{full name: DescriptorProto} of all, nested ones included."""
    protoc = shutil.which("protoc")
    assert protoc, "protoc is missing: apt-get install protobuf-compiler"
    done = subprocess.run([protoc, f"-I{PROTO}", "--descriptor_set_out=/dev/stdout", *FILES],
                          stdout=subprocess.PIPE, check=True)
    found = {}

    def walk(prefix, message):
        found[f"{prefix}.{message.name}"] = message
        for nested in message.nested_type:
            walk(f"{prefix}.{message.name}", nested)

    for file in descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file:
        assert file.package == "k8s" and file.syntax in ("", "proto2")
        for message in file.message_type:
            walk(file.package, message)
    assert "k8s.Ingress" in found
    return found


def camel_case(name):
    return re.sub(r"_(.)", lambda m: m[1].upper(), name)


def test_decoder_knows_the_json_names_that_are_not_usual(messages):
    unusual = {(name, f.name, f.json_name)
               for name, message in messages.items() for f in message.field
               if f.json_name != camel_case(f.name)}
    source = (TOP / "common" / "decode" / "decode-rules.c").read_text()
    table = re.search(r"} json_names\[\] = {\n(.*?)\n};", source, re.S)[1]
    assert set(re.findall(r'{\s*"(.*?)",\s*"(.*?)",\s*"(.*?)"\s*}', table)) == unusual


def test_decoder_can_read_every_type(messages):
    wrong = [f"{name}.{f.name}" for name, message in messages.items() for f in message.field
             if f.type not in READABLE or f.label == Field.LABEL_REQUIRED]
    assert wrong == []


def test_names_in_the_decoders_tables_exist(messages):
    source = (TOP / "common" / "decode" / "decode-rules.c").read_text()
    named = set(re.findall(r'{ "(k8s\.\w+)",', source))
    assert named and named <= set(messages)


def test_defaults_are_zeros(messages):
    """A default marks a field that Go holds by value: absent and zero are the same."""
    wrong = [f"{name}.{f.name} = {f.default_value!r}"
             for name, message in messages.items() for f in message.field
             if f.HasField("default_value") and f.default_value not in ("", "0", "false")]
    assert wrong == []
