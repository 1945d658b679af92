"""Every form of certificate, key, bundle and revocation list: the oldest and the newest Envoy
accept all that the translator accepts, and one of them refuses each that it refuses."""

import base64

import pytest
import yaml

import certificate_forms as forms
import envoy_judge
import offline
from certs import Authority
from objects import ingress, path, rule, tls_secret

HOST = "{}.example.com"

# Refused although Envoy takes them, and why.
STRICTER = {
    **dict.fromkeys(("crl-bom", "crl-empty", "crl-indented", "crl-one-line", "crl-other"),
                    "Envoy finds no list in it and revokes nothing"),
    **dict.fromkeys(("ca-bom-and-two", "crl-bom-and-two"), "Envoy passes over the first of the two"),
    **dict.fromkeys(("ca-bom-between", "crl-bom-between"), "Envoy passes over the second of the two"),
    "content-octets-cn": "OpenSSL cannot read it, in clients either",
}


def _secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"},
            "data": {k.replace("_", "."): base64.b64encode(v).decode() for k, v in data.items()}}


def _clients(name, **validation):
    tls = {"secretName": "own", "clientValidation": validation}
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": HOST.format(name), "tls": tls},
                     "routes": [{"services": [{"name": "web", "port": 80}]}]}}


def _objects():
    """Each form in a Secret, and an object that uses it."""
    own = Authority().issue("*.example.com")
    yield tls_secret("own", own)
    yield _secret("authority", ca_crt=forms.text(forms.authorities(1)[0]))
    for name, form in forms.pairs(HOST).items():
        yield _secret(name, tls_crt=form.first, tls_key=form.key)
        yield ingress(name, rule(HOST.format(name), path("web")), tls=[(name, HOST.format(name))])
    for name, bundle in forms.bundles().items():
        yield _secret(f"ca-{name}", ca_crt=bundle)
        yield _clients(f"ca-{name}", caSecret=f"ca-{name}")
    for name, lists in forms.lists().items():
        yield _secret(f"crl-{name}", crl_pem=lists)
        yield _clients(f"crl-{name}", caSecret="authority", crlSecret=f"crl-{name}")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """{form: why the translator refuses it, or None}"""
    folder = tmp_path_factory.mktemp("forms")
    (folder / "all.yaml").write_text(yaml.safe_dump_all(_objects(), sort_keys=False))
    statuses = offline.statuses(offline.translate(folder, folder / "all.yaml").statuses)
    kinds = {name: "Secret" for name in forms.pairs(HOST)}
    kinds |= {f"ca-{n}": "HTTPProxy" for n in forms.bundles()} | {f"crl-{n}": "HTTPProxy" for n in forms.lists()}
    reasons = ("Certificate", "SecretIncomplete", "TLSError")
    return {name: next((p["message"] for p in statuses.get(f"{kind} default/{name}", {}).get("problems", ())
                        if p["severity"] == "error" and p["reason"].startswith(reasons)), None)
            for name, kind in kinds.items()}


def _secrets():
    authority = forms.text(forms.authorities(1)[0])
    return [*(envoy_judge.pair(n, form) for n, form in forms.pairs(HOST).items()),
            *(envoy_judge.authority(f"ca-{n}", bundle) for n, bundle in forms.bundles().items()),
            *(envoy_judge.authority(f"crl-{n}", authority, lists) for n, lists in forms.lists().items())]


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """{form: why one of the Envoys refuses it, or None}"""
    found = {}
    for which in ("newest", "oldest"):
        with envoy_judge.Judge(tmp_path_factory.mktemp("judge"), which, _secrets()) as judge:
            for name, why in judge.refused().items():
                found[name] = found.get(name) or why
            # Accepted forms are served, too.
            accepted = [n for n in forms.pairs(HOST) if not found[n] and n not in STRICTER]
            assert [(which, n) for n in accepted if not judge.serves(n)] == []
    return found


def test_the_translator_and_the_envoys_agree_on_every_form(said, refused):
    wrongly_accepted = {n: refused[n] for n, why in said.items() if not why and refused[n]}
    wrongly_refused = {n: why for n, why in said.items() if why and not refused[n] and n not in STRICTER}
    assert (wrongly_accepted, wrongly_refused) == ({}, {})
    assert [n for n in STRICTER if not said[n]] == []


def test_each_refusal_says_what_is_wrong(said):
    causes = {
        "kind-rsa1024": "shorter than 2048 bits", "kind-dsa": "of a sort that Envoy refuses",
        "key-encrypted": "without a passphrase", "key-other": "does not belong to the first certificate",
        "file-bom": "byte order mark", "key-bom": "byte order mark", "file-raw-der": "convert it to PEM",
        "file-utf16": "UTF-16", "file-indented": "start of a line", "file-no-end": "has no END",
        "content-must-staple": "must staple", "content-no-names": "no common name and no alternative name",
        "content-ec-agreement-only": "digitalSignature", "key-rsa-wrong-exponent": "does not fit its public part",
        "file-bad-after": "in line", "ca-bad-after": "that begins in line", "ca-bom": "byte order mark",
        "ca-bad-der-after": "that cannot be read", "crl-other": "no PEM revocation list",
        "ca-bom-between": "byte order mark in line", "crl-bom-between": "byte order mark in line",
        "der-key-no-null": "written in a way that Envoy refuses", "exponent-of-34": "written in a way that Envoy refuses",
        "der-key-rsa-wrong-remainder": "does not fit its public part", "der-usage-dirty": "digitalSignature",
    }
    assert {n: said[n] for n, cause in causes.items() if cause not in (said[n] or "")} == {}


@pytest.mark.parametrize("form, says", [
    ("file-bom-between", "tls.crt has a UTF-8 byte order mark in line 11: Envoy passes over the block that begins there"),
    ("chain-of-300-large", "KiB; most clients take 100 KiB and end the handshake"),
])
def test_what_is_served_and_of_no_use_to_clients_is_said(folder, form, says):
    made = {"chain-of-300-large": lambda: forms.Form(
        forms.text(forms.certificate("a.example.com"), *forms.authorities(40) * 9), forms.key_text(forms.key())),
        "file-bom-between": lambda: forms.pairs(HOST)["file-bom-between"]}[form]()
    (folder / "all.yaml").write_text(yaml.safe_dump_all([
        _secret("own", tls_crt=made.first, tls_key=made.key),
        ingress("a", rule("a.example.com", path("web")), tls=[("own", "a.example.com")])]))
    problems = offline.statuses(offline.translate(folder, folder / "all.yaml").statuses)["Secret default/own"]["problems"]
    assert [p["severity"] for p in problems if says in p["message"]] == ["warning"], problems
