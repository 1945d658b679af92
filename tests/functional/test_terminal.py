"""Nothing that an object, a file or a node says reaches a terminal or a line of a log but text."""

import json
import subprocess
import unicodedata

import pytest

import stage
from events import Deadline
from objects import app, ingress, path, proxy, rule, service
from programs import program
from replay import Recorder
from xds_client import Stream

# Characters that a terminal would obey, or show in another order.
HOSTILE = {
    "screen": "\x1b[2J\x1b[H", "title": "\x1b]0;pwned\x07", "forged line": "\nIngress default/x: accepted\r",
    "C1": "\x9b2J\x85\x90q\x9c", "bidi": "\u202egnp.exe\u202c\u2066\u2069\u200f\u061c", "hidden": "\u200b\u2060\ufeff\u00ad",
    "separators": "\u2028\u2029", "tags": "\U000e0041\U000e007f", "backspace": "a\b\x7f",
}
WORD = "x".join(HOSTILE.values())
CLASSES = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


def unprintable(data):
    """Characters that are no text, but for line feeds and tabs."""
    text = data.decode() if isinstance(data, bytes) else data
    return sorted({hex(ord(c)) for c in text if unicodedata.category(c) in CLASSES and c not in "\n\t"})


def world(word=WORD):
    """Objects that have the word wherever one can be written."""
    meta = {f"{key}.example.com/{word}": word for key in ("a", "projectcontour.io", "portolan.io")}
    meta |= {"projectcontour.io/response-timeout": word, "projectcontour.io/num-retries": word}
    broken = ingress("broken", rule(word, path(word, at="/" + word)), annotations=meta, klass=None,
                     tls=[(word, word)])
    broken["spec"][word] = word
    served = proxy("served", {"directResponsePolicy": {"statusCode": 200, "body": word}},
                   fqdn="served.example.com")
    odd = proxy("odd", {"conditions": [{"prefix": "/" + word}, {"header": {"name": word, "exact": word}}],
                        "services": [{"name": word, "port": 80}],
                        "requestHeadersPolicy": {"set": [{"name": word, "value": word}]}}, fqdn=word)
    named = ingress("name" + word, rule("named.example.com", path("web")))
    kind = dict(service("web"), kind="Service" + word)
    ours = ingress("routes", rule("routes.example.com", path("web", at="/" + word), path("gone" + word)),
                   annotations=meta)
    return [broken, served, odd, named, kind, ours, service("web", annotations=meta)]


def write(folder, word=WORD):
    file = folder / "manifests" / "a\x1b[2J\u202e.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(json.dumps(o) for o in world(word)))
    return file


@pytest.fixture
def recording(pipeline, folder):
    file = folder / "recording"
    recorder = Recorder(pipeline, file)
    recorder.start()
    write(pipeline.root)
    source = json.loads(pipeline.watcher.get("/debug/sync"))["source"]
    pipeline.translator.wait_source(source)
    recorder.flush(source)
    recorder.close()
    return file


def printed(*command, codes=(0, 1)):
    done = subprocess.run([str(c) for c in command], capture_output=True, timeout=60)
    assert done.returncode in codes, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("word", [*HOSTILE.values(), WORD], ids=[*HOSTILE, "all"])
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_translate_prints_text(folder, form, word):
    out = printed(program("portolan"), "translate", "--print", form, "--log-level", "debug",
                  write(folder, word).parent)
    assert unprintable(out) == [] and b"served" in out


@pytest.mark.parametrize("how", [[], ["--json"]])
@pytest.mark.parametrize("question", ["http://served.example.com/", "http://routes.example.com/x",
                                      "httpproxy/default/served", "ingress/default/broken",
                                      "httpproxy/default/odd"])
def test_explain_prints_text(folder, how, question):
    out = printed(program("portolan"), "explain", *how, question, "--manifests", write(folder).parent,
                  codes=(0, 1, 3))
    assert unprintable(out) == []


def test_the_watcher_alone_prints_text_in_each_format(folder):
    for form in ("text", "json"):
        out = printed(program("portolan-watcher"), "--once", "--log-format", form, "--manifests",
                      write(folder).parent)
        assert unprintable(out) == [] and b"broken" in out


def test_nothing_in_a_message_begins_a_line_of_its_own(folder):
    out = printed(program("portolan"), "translate", write(folder, HOSTILE["forged line"]).parent).decode()
    assert not [line for line in out.splitlines() if line.startswith("Ingress default/x")]


def test_a_configuration_file_is_spoken_of_as_text(folder):
    file = folder / "config.yaml"
    file.write_text(json.dumps({WORD: WORD, "portolan": {WORD: 1, "http": {"port": WORD}},
                                "tls": {"minimum-protocol-version": WORD}}))
    out = printed(program("portolan"), "config", "check", file)
    assert unprintable(out) == [] and out


def test_bytes_that_are_not_utf8_are_escaped(folder):
    file = folder / "latin.yaml"
    file.write_bytes(b"apiVersion: v1\nkind: Service\nmetadata: {name: \xe9\x9b}\n")
    out = printed(program("portolan"), "translate", file)
    assert unprintable(out) == [] and out


def test_a_running_system_says_text_everywhere(recording, pipeline, folder):
    run, portolan = pipeline.dir, program("portolan")
    for words in (["status"], ["status", "--json"], ["status", "--problems"], ["status", "--problems", "--json"],
                  ["status", "ingress/default/broken"], ["explain", "http://served.example.com/"],
                  ["explain", "httpproxy/default/odd"]):
        out = printed(portolan, *words, "--runtime-dir", run, codes=(0, 1, 3))
        assert unprintable(out) == [] and out, words
    for name in pipeline.ORDER:
        one = pipeline.stages[name]
        assert unprintable(one.log.read_bytes()) == [], name
        for page in one.get("/").split():
            if "wait" not in page and page != "/debug/accepted":
                assert unprintable(stage.ask(one.dir / f"{name}.control", page)[1]) == [], (name, page)


def test_a_recording_is_shown_as_text(recording):
    portolan = program("portolan")
    for words in (["inspect"], ["inspect", "--list"], ["inspect", "--json"]):
        assert unprintable(printed(portolan, *words, recording)) == [], words
    for words in (["--print", "yaml"], ["--print", "json"], ["--diff", "start"]):
        assert unprintable(printed(portolan, "at", recording, "end", *words, codes=(0, 1, 2))) == [], words


def test_an_envoy_with_a_hostile_name_is_shown_as_text(pipeline):
    """A node's description of itself, and its reason for a refusal."""
    pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))
    with Stream(pipeline.xds_address, node=WORD) as stream:
        stream.subscribe("CDS")
        stream.nack(stream.next(ack=False), message=WORD)
        deadline = Deadline(60)
        while "\"nacks\": 1" not in pipeline.xds.get("/debug/envoys"):
            deadline.left("the refusal is known")
        out = printed(program("portolan"), "status", "--runtime-dir", pipeline.dir)
        assert unprintable(out) == []
    assert unprintable(pipeline.xds.log.read_bytes()) == []
    assert unprintable(pipeline.translator.log.read_bytes()) == []
