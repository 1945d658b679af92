"""`portolan translate` prints proto3's JSON mapping, as Google's json_format writes it, and the
same as YAML.

A program of ours prints packed messages; official descriptors (xds-protos) make the messages.
"""

import importlib
import json
import re
import subprocess

import pytest
import yaml
from google.protobuf import (
    any_pb2,
    descriptor_pool,
    json_format,
    message_factory,
    struct_pb2,
    wrappers_pb2,
)

from programs import BUILD, TOP

PRINT = BUILD / "tests/print/print-message"
PREFIX = "type.googleapis.com/"

FILES = """
    config/cluster/v3/cluster config/endpoint/v3/endpoint config/listener/v3/listener
    config/route/v3/route config/route/v3/scoped_route service/runtime/v3/rtds
    extensions/filters/http/router/v3/router extensions/filters/http/jwt_authn/v3/config
    extensions/filters/http/lua/v3/lua extensions/filters/http/local_ratelimit/v3/local_rate_limit
    extensions/filters/network/http_connection_manager/v3/http_connection_manager
    extensions/access_loggers/file/v3/file extensions/upstreams/http/v3/http_protocol_options
    extensions/transport_sockets/tls/v3/tls extensions/transport_sockets/tls/v3/secret
""".split()
for file in FILES:
    importlib.import_module(f"envoy.{file.replace('/', '.')}_pb2")

HTTP = "envoy.extensions.filters.http"
TLS = "envoy.extensions.transport_sockets.tls.v3"
HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

# Full name of a type, a message in JSON.
MESSAGES = [
    (
        "envoy.config.cluster.v3.Cluster",
        {
            "name": "default/web/http/0a1b",
            "alt_stat_name": "default_web_http",
            "type": "STATIC",
            "connect_timeout": "0.000000001s",
            "per_connection_buffer_limit_bytes": 0,
            "ring_hash_lb_config": {"minimum_ring_size": "18446744073709551615"},
            "common_lb_config": {"healthy_panic_threshold": {"value": 0.1}},
            "outlier_detection": {"interval": "315576000000s", "base_ejection_time": "1.5s"},
            "typed_extension_protocol_options": {
                "b": {
                    "@type": PREFIX + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                },
                "": {"@type": PREFIX + "google.protobuf.UInt32Value", "value": 7},
                "a": {"@type": PREFIX + "google.protobuf.Struct", "value": {"n": None}},
            },
            "metadata": {
                "filter_metadata": {
                    "portolan": {
                        "numbers": [0, -1, 1.5, 1e300, 123456789012, 1e-7, 5e20],
                        "words": {"on": "off", "8080": "0x1f", "x:": " é\u2028 ", "": "a\nb"},
                        "nothing": None,
                        "empty": [{}, []],
                        "truth": [True, False],
                    }
                }
            },
        },
    ),
    (
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        {
            "cluster_name": "c",
            "endpoints": [
                {
                    "locality": {},
                    "lb_endpoints": [
                        {
                            "endpoint": {
                                "address": {
                                    "socket_address": {"address": "::1", "port_value": 0}
                                }
                            },
                            "health_status": "UNHEALTHY",
                            "load_balancing_weight": 4294967295,
                        },
                        {},
                    ],
                }
            ],
        },
    ),
    (
        "envoy.config.route.v3.RouteConfiguration",
        {
            "name": "ingress_http",
            "virtual_hosts": [
                {
                    "name": "on",
                    "domains": ["*.example.com", "null", "8080"],
                    "routes": [
                        {
                            "match": {
                                "prefix": "/",
                                "headers": [{"name": "x", "present_match": False}],
                            },
                            "route": {
                                "cluster": "c",
                                "timeout": "0s",
                                "idle_timeout": "-1.000001s",
                            },
                            "typed_per_filter_config": {
                                "lua": {
                                    "@type": PREFIX + HTTP + ".lua.v3.LuaPerRoute",
                                    "disabled": True,
                                }
                            },
                        }
                    ],
                }
            ],
            "validate_clusters": False,
        },
    ),
    (
        HCM,
        {
            "stat_prefix": "ingress_http",
            "rds": {
                "config_source": {"ads": {}, "resource_api_version": "V3"},
                "route_config_name": "r",
            },
            "http_filters": [
                {
                    "name": "jwt",
                    "typed_config": {
                        "@type": PREFIX + HTTP + ".jwt_authn.v3.JwtAuthentication",
                        "providers": {
                            "z": {"issuer": "z", "audiences": ["a", "b"]},
                            "k": {"remote_jwks": {"cache_duration": "300s"}},
                        },
                        "requirement_map": {
                            "r": {
                                "requires_any": {
                                    "requirements": [{"provider_name": "k"}, {"requires_all": {}}]
                                }
                            }
                        },
                    },
                },
                {"name": "router", "typed_config": {"@type": PREFIX + HTTP + ".router.v3.Router"}},
            ],
            "access_log": [
                {
                    "name": "file",
                    "typed_config": {
                        "@type": PREFIX + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
                        "path": "/dev/stdout",
                        "log_format": {"json_format": {"code": "%RESPONSE_CODE%"}},
                    },
                }
            ],
        },
    ),
    (
        TLS + ".Secret",
        {
            "name": "default/cert/0a",
            "tls_certificate": {
                "certificate_chain": {"inline_bytes": "AAECAwQF"},
                "private_key": {"inline_bytes": "/+7d"},
                "ocsp_staple": {"inline_bytes": ""},
            },
        },
    ),
    ("google.protobuf.DoubleValue", "-Infinity"),
    ("google.protobuf.DoubleValue", "NaN"),
    ("google.protobuf.UInt64Value", "9007199254740993"),
    ("google.protobuf.BoolValue", False),
    ("google.protobuf.Duration", "-0.5s"),
    ("google.protobuf.Value", None),
    ("google.protobuf.ListValue", [[], {}, "x"]),
]


# Strings that a YAML reader may take for something else.
STRINGS = """on Off 1_000 1:30 0b1 ~ = << {a} !t &a %a | ' " \\ 2026-11-23T10:00:00Z 1.5s .5s 1e3 e3"""
STRINGS = STRINGS.split() + ["- a", "? a", "a, b", "a\tb", "\x7f", "\x85", "\ufeff"]
STRINGS += ["\U0001f600", "a:\u00a0b"]


def message_class(name):
    return message_factory.GetMessageClass(
        descriptor_pool.Default().FindMessageTypeByName(name)
    )


def printed(form, name, data):
    return subprocess.run(
        [PRINT, form, name], input=data, check=True, stdout=subprocess.PIPE
    ).stdout.decode()


def parse(name, content):
    message = message_class(name)()
    json_format.ParseDict(content, message)
    return message


IDS = [f"{name.rpartition('.')[2]}-{i}" for i, (name, _) in enumerate(MESSAGES)]


@pytest.mark.parametrize("name,content", MESSAGES, ids=IDS)
def test_json_is_the_same_as_googles(name, content):
    message = parse(name, content)
    ours = json.loads(printed("json", name, message.SerializeToString()))
    theirs = json_format.MessageToJson(message, preserving_proto_field_name=True)
    assert ours == json.loads(theirs)


@pytest.mark.parametrize("name,content", MESSAGES, ids=IDS)
def test_yaml_says_the_same_as_json(name, content):
    data = parse(name, content).SerializeToString()
    assert yaml.safe_load(printed("yaml", name, data)) == json.loads(printed("json", name, data))


def test_json_reads_back_as_the_same_message():
    name, content = MESSAGES[0]
    message = parse(name, content)
    again = message_class(name)()
    json_format.Parse(printed("json", name, message.SerializeToString()), again)
    assert again == message


@pytest.mark.parametrize("text", STRINGS)
def test_yaml_strings_stay_strings(text):
    value = struct_pb2.Value(string_value=text)
    name = "google.protobuf.Value"
    assert yaml.safe_load(printed("yaml", name, value.SerializeToString())) == text
    data = struct_pb2.Struct(fields={text: value}).SerializeToString()
    assert yaml.safe_load(printed("yaml", "google.protobuf.Struct", data)) == {text: text}


def test_map_order_does_not_depend_on_the_order_of_the_bytes():
    name = "google.protobuf.Struct"
    parts = [
        struct_pb2.Struct(fields={k: struct_pb2.Value(number_value=i)}).SerializeToString()
        for i, k in enumerate(["b", "", "a", "aa"])
    ]
    backwards = b"".join(reversed(parts))
    assert printed("json", name, b"".join(parts)) == printed("json", name, backwards)


def test_keys_are_redacted_and_certificates_are_not():
    name, content = next((n, c) for n, c in MESSAGES if n == TLS + ".Secret")
    out = json.loads(printed("json-redacted", name, parse(name, content).SerializeToString()))
    certificate = out["tls_certificate"]
    assert certificate["private_key"] == {"inline_bytes": "[redacted]"}
    assert certificate["certificate_chain"] == {"inline_bytes": "AAECAwQF"}


def test_any_of_an_unknown_type_is_printed_as_bytes():
    message = any_pb2.Any(type_url=PREFIX + "no.such.Type", value=b"\x01\x02")
    out = json.loads(printed("json", "google.protobuf.Any", message.SerializeToString()))
    assert out == {"@type": PREFIX + "no.such.Type", "value": "AQI="}


def test_every_extension_can_be_printed():
    """Whatever is trimmed for an Any gets its row in the printer's table with it."""
    missing = []
    for path in sorted((TOP / "proto/envoy/extensions").rglob("*.proto")):
        text = path.read_text()
        package = re.search(r"^package (\S+);", text, re.M)[1]
        for message in re.findall(r"^message (\w+)", text, re.M):
            result = subprocess.run(
                [PRINT, "json", f"{package}.{message}"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
            if result.returncode != 0 or json.loads(result.stdout) != {}:
                missing.append(f"{package}.{message}")
    assert missing == []


def test_a_wrapped_value_is_unwrapped_in_any():
    inner = any_pb2.Any()
    inner.Pack(wrappers_pb2.BoolValue(value=True))
    out = json.loads(printed("json", "google.protobuf.Any", inner.SerializeToString()))
    assert out == {"@type": PREFIX + "google.protobuf.BoolValue", "value": True}
