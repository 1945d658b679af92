"""portolan-recorder: what it keeps after a kill or with a full disk, and what it leaves out."""

import json
import os
import pathlib
import ssl
import subprocess
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import frames
from certs import Authority
from objects import app, tls_secret
from programs import program
from replay import Recorder, Replay

SECRET = 5


def inspect(*files):
    done = subprocess.run([program("portolan"), "inspect", "--json", *files], text=True, capture_output=True)
    return json.loads(done.stdout), done.returncode


def at(file, moment):
    done = subprocess.run([program("portolan"), "at", file, str(moment), "--print", "json"], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    return {(r["kind"], r["name"]): r["version"] for r in json.loads(done.stdout)["resources"]}


def test_what_was_flushed_survives_a_kill_and_it_goes_on_in_the_same_file(pipeline, folder):
    file = folder / "recording"
    recorder = Recorder(pipeline, file)
    recorder.start()
    first = pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))
    recorder.flush(first)
    recorder.kill()
    assert inspect(file)[0]["last_world"] == first
    recorder.start()
    second = pipeline.write("b.yaml", *app("b", "10.0.0.2", 8080))
    recorder.wait_source(second)
    recorder.close()  # a clean end writes the waiting frames
    found, code = inspect(file)
    assert code == 0 and found["last_world"] == second and found["snapshots"] == 2
    assert at(file, "end") == {k: v[0] for k, v in pipeline.resources().items()}


def test_a_torn_end_costs_its_last_block_only(pipeline, folder):
    file = folder / "recording"
    recorder = Recorder(pipeline, file, "--sync", "change")
    recorder.start()
    worlds = []
    for n in range(5):
        worlds.append(pipeline.write(f"{n}.yaml", *app(f"a{n}", "10.0.0.1", 8080)))
        recorder.wait_source(worlds[-1])
    recorder.kill()
    os.truncate(file, file.stat().st_size - 3)
    found, code = inspect(file)
    assert code == 1 and found["last_world"] == worlds[-2] and found["damage"]["torn_bytes"] > 0
    # The next one keeps it and begins another.
    recorder.start()
    recorder.wait_source(worlds[-1])
    recorder.close()
    assert inspect(file)[0]["last_world"] == worlds[-1]
    assert inspect(f"{file}.1")[0]["last_world"] == worlds[-2]


def test_a_watcher_that_starts_again_over_an_unchanged_world_adds_no_event(pipeline, folder):
    file = folder / "recording"
    recorder = Recorder(pipeline, file)
    recorder.start()
    world = pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))
    recorder.flush(world)
    before = inspect(file)[0]["kinds"]
    pipeline.watcher.kill()
    pipeline.watcher.start()
    recorder.flush(pipeline.settle())
    assert inspect(file)[0]["kinds"] == before
    recorder.close()


def test_a_full_disk_is_said_and_recording_goes_on_when_there_is_room(pipeline, folder):
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        file = disk / "recording"
        recorder = Recorder(pipeline, file, "--sync", "change")
        recorder.start()
        world = pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))
        recorder.wait_source(world)
        (disk / "filler").write_bytes(os.urandom(60 << 10))
        for n in range(3):
            world = pipeline.write(f"big-{n}.yaml", *app(f"big-{n}", "10.0.0.1", 8080),
                                   tls_secret(f"big-{n}", ("", os.urandom(20000).hex())))
        recorder.wait_source(world)
        assert "cannot write" in recorder.ask("/readyz")[1]
        assert recorder.metrics()["portolan_recorder_failures_total"] >= 1
        (disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        world = pipeline.write("b.yaml", *app("b", "10.0.0.2", 8080))
        recorder.wait_source(world)
        assert recorder.get("/readyz") == "ok\n"
        found, code = inspect(file)
        assert code == 0 and found["last_world"] == world
        recorder.close()
    finally:
        subprocess.run(["umount", disk], check=True)


# ---- redaction ----


def secrets(file):
    """{"namespace/name": packed Secret} at the end of a recording, from a watcher that plays it."""
    with tempfile.TemporaryDirectory(prefix="portolan-test-") as folder:
        with Replay(pathlib.Path(folder, "r"), file) as replay:
            replay.watcher.start()
            place = replay.step(1000)
            assert place["ended"]
            with frames.connect(replay.dir / "objects.sock", "reader") as reader:
                state = reader.wait_source(place["world"])
                return {key.decode(): item.value for (kind, key), item in state.items() if kind == SECRET}


def pem(value, label):
    begin = value.index(b"-----BEGIN " + label)
    end = value.index(b"-----END " + label)
    return value[begin:value.index(b"\n", end) + 1]


def test_redacted_secrets_hold_no_key_and_are_served_as_before(pipeline, folder):
    authority = Authority()
    issued = authority.issue("a.example.com", "alias.example.com")
    objects = [*app("a", "10.0.0.1", 8080, tls="a"), tls_secret("a", issued),
               tls_secret("same", issued),
               {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password", "namespace": "default"},
                "stringData": {"password": "correct horse battery staple", "copy":
                               "correct horse battery staple", "other": "different"}},
               {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": "default"},
                "stringData": {"ca.crt": authority.text}}]
    clear, redacted = folder / "clear", folder / "redacted"
    recorder = Recorder(pipeline, clear)
    recorder.start()
    world = pipeline.write("a.yaml", *objects)
    recorder.flush(world)
    recorder.close()
    key = folder / "key"
    key.write_bytes(os.urandom(32))
    recorder = Recorder(pipeline, redacted, "--redact", "--redact-key", key)
    recorder.start()
    recorder.flush(world)
    recorder.close()

    assert inspect(redacted)[0]["redacted"]
    found = secrets(redacted)
    assert b"correct horse" not in b"".join(found.values())
    real = pem(issued.key.encode(), b"PRIVATE KEY")
    assert real not in b"".join(found.values()) and real in secrets(clear)["default/a"]
    assert authority.text.encode() in found["default/ca"]
    words = found["default/password"].split(b"redacted:")
    assert len(words) == 4  # equal where it was equal
    prints = [w[:32] for w in words[1:]]
    assert len(set(prints)) == 2
    assert pem(found["default/a"], b"PRIVATE KEY") == pem(found["default/same"], b"PRIVATE KEY")

    # The stand-in is a certificate for the same names, with its key.
    certificate = x509.load_pem_x509_certificate(pem(found["default/a"], b"CERTIFICATE"))
    original = x509.load_pem_x509_certificate(issued.chain.encode())
    private = serialization.load_pem_private_key(pem(found["default/a"], b"PRIVATE KEY"), None)
    assert certificate.public_key().public_numbers() == private.public_key().public_numbers()
    san = x509.SubjectAlternativeName
    assert (certificate.extensions.get_extension_for_class(san) ==
            original.extensions.get_extension_for_class(san))
    assert certificate.serial_number == original.serial_number
    with open(folder / "pair.pem", "wb") as pair:
        pair.write(pem(found["default/a"], b"CERTIFICATE") + pem(found["default/a"], b"PRIVATE KEY"))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / "pair.pem")

    # All but the secrets themselves is served as it was.
    was, now = at(clear, "end"), at(redacted, "end")
    assert {k: v for k, v in was.items() if k[0] != "secret"} == {
        k: v for k, v in now.items() if k[0] != "secret"}
    assert [k for k in was if k[0] == "secret"] == [k for k in now if k[0] == "secret"] != []


def test_redacted_and_clear_never_share_a_file_and_one_key_gives_one_print(pipeline, folder):
    file, key = folder / "recording", folder / "key"
    key.write_bytes(b"0123456789abcdef")
    world = pipeline.write("s.yaml", {"apiVersion": "v1", "kind": "Secret", "metadata":
                                      {"name": "s", "namespace": "default"}, "stringData": {"a": "b"}})
    prints = []
    for options in ((), ("--redact", "--redact-key", key), ("--redact", "--redact-key", key), ("--redact",)):
        recorder = Recorder(pipeline, file, *options)
        recorder.start()
        recorder.flush(world)
        recorder.close()
        prints.append(secrets(file)["default/s"])
    assert not inspect(f"{file}.1")[0]["redacted"] and inspect(file)[0]["redacted"]
    assert prints[1] == prints[2] and len(set(prints)) == 3


def test_what_is_there_and_no_recording_is_left_alone(pipeline, folder):
    file = folder / "precious"
    file.write_text("precious")
    run = [program("portolan-recorder"), "--runtime-dir", pipeline.dir, file]
    done = subprocess.run(run, text=True, capture_output=True, timeout=60)
    assert done.returncode == 78 and "is not a recording" in done.stderr
    assert file.read_text() == "precious"
    done = subprocess.run([*run[:-1], "--sync", "often", folder / "new"], text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == 78 and "--sync" in done.stderr
