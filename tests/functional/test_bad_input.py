"""Users' mistakes: each is named with its place, and the neighbours are unharmed."""

import json

import pytest

from certs import Authority
from objects import app, ingress, path, rule, tls_secret
from programs import SANITIZED
from xds_client import World


@pytest.fixture
def world(pipeline):
    pipeline.write("good.yaml", *app("good", "10.0.0.1", 8080))
    with World(pipeline.xds_address) as world:
        world.quiet()
        yield world


def problems(pipeline, of=None):
    """["Kind namespace/name: reason: message", …] of all that has one."""
    return [f"{key}: {p['reason']}: {p.get('field', '')}: {p['message']}"
            for key, row in pipeline.statuses().items() for p in row["problems"]
            if of is None or of in key]


def unharmed(pipeline, world):
    world.quiet()
    assert world.endpoints("default/good") == ["10.0.0.1:8080"]
    hosts = {d for r in world.resources["RDS"].values() for h in r.virtual_hosts for d in h.domains}
    assert "good.example.com" in hosts
    for stage in pipeline.stages.values():
        assert stage.running and stage.starts == 1


@pytest.mark.parametrize("text, said", [
    ("apiVersion: v1\nkind: Service\nmetadata:\n  name: [broken\n", "bad.yaml"),
    ("{not: [valid", "bad.yaml"),
    ("\tkind: Service\n", "bad.yaml"),
    ("kind: Service\napiVersion: v1\nmetadata: {name: x}\nspec: {ports: [{port: eighty}]}\n",
     "spec.ports[0].port"),
    ("kind: Ingress\napiVersion: networking.k8s.io/v1\nmetadata: {name: x}\nspec: {rules: none}\n",
     "spec.rules"),
    ("kind: Service\napiVersion: v1\nspec: {}\n", "metadata.name"),
    ("just words\n", "bad.yaml"),
    ("&a [*a, *a]\n", "bad.yaml"),
    (b"\xff\xfe\x00\x01 no text at all", "bad.yaml"),
    ("- " * 20000 + "x\n", "bad.yaml"),
], ids=["unclosed", "unclosed-json", "tab", "number", "list", "nameless", "words", "aliases", "binary",
        "deep"])
def test_a_document_that_cannot_be_read_is_named(pipeline, world, text, said):
    pipeline.write_text("bad.yaml", text)
    assert any(said in p for p in problems(pipeline)), problems(pipeline)
    unharmed(pipeline, world)
    pipeline.write_text("bad.yaml", "# mended\n")
    assert problems(pipeline) == []


def test_aliases_that_multiply_are_stopped(pipeline, world):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))
    pipeline.write_text("bad.yaml", bomb)
    assert any("bad.yaml" in p for p in problems(pipeline))
    unharmed(pipeline, world)


def test_an_unreadable_document_keeps_its_neighbours_in_the_file(pipeline, world):
    one, two = (json.dumps(ingress(n, rule(f"{n}.example.com", path("good")))) for n in ("one", "two"))
    pipeline.write_text("mixed.yaml", f"{one}\n---\nkind: Ingress\napiVersion: networking.k8s.io/v1\n"
                                      f"metadata: {{name: bad}}\nspec: 7\n---\n{two}\n")
    unharmed(pipeline, world)
    hosts = {d for r in world.resources["RDS"].values() for h in r.virtual_hosts for d in h.domains}
    assert {"one.example.com", "two.example.com"} <= hosts
    assert any("mixed.yaml" in p or "default/bad" in p for p in problems(pipeline))


def test_a_file_of_100_mb_is_refused_and_named(pipeline, world):
    with open(pipeline.root / "huge", "wb") as file:
        file.write(b"# filler\n")
        file.truncate(100 << 20)
    (pipeline.root / "huge").rename(pipeline.manifests.path / "huge.yaml")
    pipeline.settle()
    assert any("huge.yaml" in p for p in problems(pipeline)), problems(pipeline)
    unharmed(pipeline, world)
    with open(f"/proc/{pipeline.watcher.process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 64 << 10 or SANITIZED


@pytest.mark.parametrize("host", ["under_score.example.com", "a..b", "foo.*.com", "10.0.0.1",
                                  "x" * 64 + ".com", "bad host", "*"])
def test_an_invalid_host_is_named(pipeline, world, host):
    pipeline.write("bad.yaml", ingress("bad", rule(host, path("good")),
                                       rule("fine.example.com", path("good"))))
    assert any("InvalidHost" in p for p in problems(pipeline, "Ingress default/bad"))
    unharmed(pipeline, world)
    hosts = {d for r in world.resources["RDS"].values() for h in r.virtual_hosts for d in h.domains}
    assert "fine.example.com" in hosts


@pytest.mark.parametrize("regex", ["/[unclosed", "/(?=ahead)*", "/(a*", "/*+"])
def test_an_invalid_regex_is_named(pipeline, world, regex):
    pipeline.write("bad.yaml", ingress("bad", rule(
        "bad.example.com", path("good", at=regex, type="ImplementationSpecific"),
        path("good", at="/fine"))))
    assert any("InvalidPath" in p for p in problems(pipeline, "Ingress default/bad"))
    unharmed(pipeline, world)


def test_a_key_of_another_certificate_is_named_and_the_mended_one_served(pipeline, world):
    authority = Authority()
    one, two = authority.issue("tls.example.com"), authority.issue("tls.example.com")
    pipeline.write("tls.yaml", *app("tls", "10.0.0.2", 8080, tls="cert"))
    pipeline.write("cert.yaml", tls_secret("cert", (one.chain, two.key)))
    assert problems(pipeline, "default/cert") != []
    unharmed(pipeline, world)
    assert world.resources["SDS"] == {}
    pipeline.write("cert.yaml", tls_secret("cert", one))
    assert problems(pipeline, "default/cert") == []
    world.quiet()
    assert len(world.resources["SDS"]) == 1


def test_an_object_of_two_files_is_a_conflict_that_names_both(pipeline, world):
    pipeline.write("one.yaml", *app("twice", "10.0.0.2", 8080))
    pipeline.write("two.yaml", *app("twice", "10.0.0.3", 8080))
    said = [p for p in problems(pipeline) if "twice" in p]
    assert any("one.yaml" in p and "two.yaml" in p for p in said), said
    world.quiet()
    assert world.endpoints("default/twice") == ["10.0.0.2:8080"]
    pipeline.remove("one.yaml")
    world.quiet()
    assert world.endpoints("default/twice") == ["10.0.0.3:8080"]
    assert [p for p in problems(pipeline) if "twice" in p] == []
