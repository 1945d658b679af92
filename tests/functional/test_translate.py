"""`portolan translate`: for people and CI. The golden tests cover the translation; this file covers
where the output goes, and the exit code."""

import base64
import json
import re
import subprocess

import pytest
import yaml

from certs import Authority
from objects import ingress, path, port, rule, service, slice_of, tls_secret
from programs import program

GOOD = [
    ingress("web", rule("web.example", path("web"))),
    service("web", port(80)),
    slice_of("web", 8080, "10.0.0.1"),
]


@pytest.fixture
def translate(folder):
    def make(objects, *words):
        (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects))
        return run(folder / "objects.yaml", *words)

    def run(*words):
        return subprocess.run(
            [program("portolan"), "translate", *map(str, words)],
            capture_output=True, text=True, timeout=60,
        )

    make.run = run
    return make


def test_what_is_served_as_it_says_is_0_and_a_summary(translate):
    done = translate(GOOD)
    assert (done.returncode, done.stderr) == (0, "portolan translate: 3 objects: 3 accepted\n")
    printed = yaml.safe_load(done.stdout)
    assert {r["kind"] for r in printed["resources"]} == {"cluster", "endpoint", "listener", "route", "runtime"}
    [status] = [s for s in printed["statuses"] if s["kind"] == "Ingress"]
    assert (status["name"], status["verdict"]) == ("web", "accepted")


def test_json_and_yaml_say_the_same(translate):
    assert json.loads(translate(GOOD, "--print", "json").stdout) == yaml.safe_load(
        translate(GOOD).stdout
    )


def test_the_translators_options_are_passed_on(translate):
    done = translate(GOOD, "--http-port", "1234")
    assert "port_value: 1234" in done.stdout


def test_what_is_not_is_1_and_a_line_that_says_where_and_why(translate):
    done = translate(GOOD[:1])
    assert done.returncode == 1
    error, summary = done.stderr.splitlines()
    assert re.search(r"objects\.yaml:12:9: error: Ingress default/web: spec\.rules\[0\]\.http\.paths\[0\]\.backend: "
                     r"there is no Service default/web; .* \[ServiceMissing\]$", error), error
    assert summary == "portolan translate: 1 object: 1 rejected; 1 error"
    assert yaml.safe_load(done.stdout)["statuses"][0]["verdict"] == "rejected"
    assert translate(GOOD[:1], "--quiet").stderr == ""


def test_an_unreadable_document_is_1_and_does_not_stop_the_others(translate, folder):
    (folder / "broken.yaml").write_text("kind: Ingress\n  bad: [\n")
    (folder / "good.yaml").write_text(yaml.safe_dump_all(GOOD))
    done = translate.run(folder / "broken.yaml", folder / "good.yaml")
    assert done.returncode == 1
    assert "broken.yaml:2: error: not valid YAML" in done.stderr
    assert "default/web" in done.stdout


def test_a_file_that_is_not_there_is_1(translate, folder):
    done = translate.run(folder / "none.yaml")
    assert done.returncode == 1 and "No such file" in done.stderr


@pytest.mark.parametrize("words", [[], ["x.yaml", "--print", "xml"], ["x.yaml", "--no-such"]])
def test_bad_usage_is_2(translate, words):
    done = translate.run(*words)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr


def test_no_private_key_is_printed(translate):
    certificate = Authority().issue("web.example")
    one = ingress("web", rule("web.example", path("web")), tls=[("tls", "web.example")])
    done = translate([one, *GOOD[1:], tls_secret("tls", certificate)])
    assert done.returncode == 0, done.stderr
    assert "private_key" in done.stdout and "PRIVATE KEY" not in done.stdout
    key = certificate.key.splitlines()[1]
    assert key not in done.stdout
    assert base64.b64encode(certificate.key.encode()).decode()[:60] not in done.stdout
