"""Every form of JSON Web Key Set: the oldest and the newest Envoy can use the output for each that
the translator accepts; one of them cannot use each that it refuses."""

import base64
import json

import pytest
import yaml

import jwks_forms
import offline
from certs import Authority
from objects import proxy, service, tls_secret, to

# Refused although Envoy uses them, and why.
STRICTER = {
    **dict.fromkeys(("key-rsa-1024", "key-rsa-1886"), "RFC 7518, section 3.3: 2048 bits at least"),
    "key-rsa-8676": "BoringSSL verifies no signature by it",
    "key-rsa-n-spaces": "RFC 7515, section 2: base64url has no spaces",
    **dict.fromkeys(("key-use-enc", "key-use-SIG", "key-use-1", "key-use-sign"), "RFC 7517, section 4.2: it is not for signatures"),
    **dict.fromkeys(("key-kid-number", "key-kid-list", "key-alg-number"), "RFC 7517: the member is a string"),
    **dict.fromkeys(("set-trailing-comma", "set-single-quotes"), "it is not JSON, and Envoy 1.36 refuses it or may"),
    **dict.fromkeys(("set-too-many", "set-huge"), "bounded, before anything is made of it"),
}
# Taken although Envoy cannot use them as they are: the keys that it can use are sent.
MENDED = dict.fromkeys(("set-big-number", "set-bom", "set-nan", "set-surrogate"), "in what Envoy does not need")


def _objects():
    yield tls_secret("own", Authority().issue("*.example.com"))
    yield service("web")
    for i, (name, text) in enumerate(jwks_forms.forms().items()):
        low = f"form{i}"
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": low, "namespace": "default"},
               "data": {"jwks": base64.b64encode(text.encode()).decode()}}
        yield proxy(low, to("web"), fqdn=f"{low}.example.com", tls={"secretName": "own"}, jwtProviders=[
            {"name": "p", "default": True, "issuer": f"set:{name}:", "localJWKS": {"secretName": low, "key": "jwks"}}])


def _sent(value):
    """{form: the set that Envoys are sent}"""
    if isinstance(value, dict):
        if str(value.get("issuer", "")).startswith("set:") and "local_jwks" in value:
            source = value["local_jwks"]
            yield value["issuer"].split(":")[1], base64.b64decode(source["inline_bytes"]).decode()
        for v in value.values():
            yield from _sent(v)
    elif isinstance(value, list):
        for v in value:
            yield from _sent(v)


@pytest.fixture(scope="module")
def translated(tmp_path_factory):
    """({form: why it is refused, or None}, {form: the output})"""
    folder = tmp_path_factory.mktemp("sets")
    (folder / "all.yaml").write_text(yaml.safe_dump_all(_objects(), sort_keys=False))
    done = offline.translate(folder, folder / "all.yaml")
    statuses = offline.statuses(done.statuses)
    why = {}
    for i, name in enumerate(jwks_forms.forms()):
        problems = statuses[f"HTTPProxy default/form{i}"].get("problems", ())
        why[name] = next((p["message"] for p in problems if "LocalJWKS" in p["reason"] and p["severity"] == "error"), None)
    return why, dict(_sent(offline.resources(done.resources, whole=True)))


@pytest.fixture(scope="module", params=["newest", "oldest"])
def judged(request, tmp_path_factory, translated):
    """(forms that Envoy can use unchanged, outputs that it can use)"""
    raw = {f"raw-{n}": t for n, t in jwks_forms.forms().items()}
    sent = {f"sent-{n}": t for n, t in translated[1].items()}
    found = jwks_forms.judged(tmp_path_factory.mktemp("judge"), request.param, {**raw, **sent})
    return ({n.removeprefix("raw-"): good for n, good in found.items() if n in raw},
            {n.removeprefix("sent-"): good for n, good in found.items() if n in sent})


def test_what_is_taken_is_sent_and_can_be_used(translated, judged):
    why, sent = translated
    assert sorted(sent) == sorted(n for n in why if not why[n])
    assert [n for n, good in judged[1].items() if not good] == []
    for text in sent.values():
        assert json.loads(text)["keys"]


def test_what_is_refused_cannot_be_used_and_the_other_way_round(translated, judged):
    why, raw = translated[0], judged[0]
    wrongly_refused = {n: w for n, w in why.items() if w and raw[n] and n not in STRICTER}
    mended = {n for n, w in why.items() if not w and not raw[n]} - set(MENDED)
    assert (wrongly_refused, sorted(mended)) == ({}, [])
    assert [n for n in STRICTER if not why[n]] == [] and [n for n in MENDED if why[n]] == []
