"""The delta protocol, held by a running xds-server whose translator is the test."""

import pytest
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

from resources import assignment, cluster, listener, route, secret
from xds_client import Stream, StreamEnded, World, addresses, describe


@pytest.fixture
def stream(server):
    with Stream(server.address) as stream:
        yield stream


def test_nothing_is_said_before_the_first_complete_set(server, stream):
    stream.subscribe("CDS")
    with pytest.raises(TimeoutError):
        stream.next(timeout=0.2)
    server.commit(cluster("a"))
    assert stream.next().names == ["a"]


def test_an_empty_subscription_is_everything_for_clusters_and_listeners_only(server, stream):
    server.commit(cluster("a"), cluster("b"), listener("l", "r"), route("r", "a"), assignment("a"))
    stream.subscribe("CDS")
    stream.subscribe("LDS")
    stream.send("EDS")
    stream.send("RDS")
    assert describe(stream.drain()) == {"CDS": (["a", "b"], []), "LDS": (["l"], [])}


def test_a_star_is_everything_too(server, stream):
    server.commit(cluster("a"), cluster("b"))
    stream.subscribe("CDS", "*")
    assert describe(stream.drain()) == {"CDS": (["a", "b"], [])}


def test_names_and_no_more_for_those_who_name_them(server, stream):
    server.commit(cluster("a"), cluster("b"), cluster("c"))
    stream.subscribe("CDS", "b")
    assert describe(stream.drain()) == {"CDS": (["b"], [])}
    server.commit(cluster("a", timeout=3), cluster("b", timeout=3))
    assert describe(stream.drain()) == {"CDS": (["b"], [])}


def test_changes_come_one_by_one_so_that_a_refusal_hits_no_other(server, stream):
    server.commit(cluster("a"), cluster("b"), cluster("c"))
    stream.subscribe("CDS")
    stream.drain()
    server.commit(cluster("a", timeout=7), cluster("b", timeout=7), cluster("d"))
    assert sorted(r.names for r in stream.drain()) == [["a"], ["b"], ["d"]]


def test_a_refused_batch_comes_again_one_by_one(server, stream):
    server.commit(cluster("a"), cluster("bad"), cluster("c"))
    stream.subscribe("CDS")
    accepted = []
    refused = 0
    while sorted(accepted) != ["a", "c"] or not refused:
        response = stream.next(ack=False)
        if "bad" in response.names:
            stream.nack(response)
            refused += response.names == ["bad"]
        else:
            accepted += response.names
            stream.ack(response)
    assert refused == 1
    assert stream.drain() == []


def test_a_refused_batch_of_secrets_comes_again_in_other_bytes(server, stream):
    """Envoy takes the same bytes the second time without a look."""
    secrets = [secret(name, "chain", "key") for name in ("a", "b", "c")]
    server.commit(*secrets)
    stream.subscribe("SDS", "a", "b", "c")
    first = stream.next(ack=False)
    assert sorted(first.names) == ["a", "b", "c"]
    stream.nack(first)
    again = [stream.next() for _ in secrets]
    assert sorted(r.names for r in again) == [["a"], ["b"], ["c"]]
    for response in again:
        (name,) = response.names
        assert response.versions[name] == first.versions[name]
        one, other = first.resources[name], response.resources[name]
        assert one.SerializeToString(deterministic=True) != other.SerializeToString(deterministic=True)
        assert meaning(one) == meaning(other) == secret(name, "chain", "key")
    assert stream.drain() == []


def meaning(sent):
    """The Secret without what makes its bytes other than those of any answer before."""
    sent.tls_certificate.certificate_chain.ClearField("watched_directory")
    return sent


@pytest.mark.parametrize("delta, between", [
    (True, "another stream"), (False, "another stream"), (True, "another process"), (False, "another process"), (True, "a removal")])
def test_a_secret_never_comes_twice_in_the_same_bytes(server, delta, between):
    """So a refusal is repeated, whoever remembers what of it: an Envoy knows by the bytes that it has looked."""
    big = "chain" * 10000
    contents = [secret("small", "chain", "key"), secret("big", big, "key"), secret("none", "", "")]
    contents[2].ClearField("tls_certificate")
    contents.append(secret_pb2.Secret(name="authority"))
    contents[3].validation_context.trusted_ca.inline_string = "authority"
    server.commit(*contents)
    seen = {}
    for n in range(3):
        with Stream(server.address, delta=delta) as stream:
            stream.subscribe("SDS", *(c.name for c in contents))
            got = stream.next().resources
            while len(got) < len(contents):
                got.update(stream.next().resources)
            if between == "a removal":
                server.translator.remove("secret", "small")
                server.commit()
                assert stream.next().removed == ["small"]
                server.commit(contents[0])
                got["again"] = stream.next().resources["small"]
        for name, one in got.items():
            seen.setdefault(name, set()).add(one.SerializeToString(deterministic=True))
            assert len(one.SerializeToString()) < len(contents[1].SerializeToString()) + 100
        if between == "another process":
            server.stage.kill()
            server.stage.start()
    for name, all in seen.items():
        assert len(all) == (1 if name == "none" else 3), name
    if between == "a removal":
        assert not seen["again"] & seen["small"]


def test_only_what_changed_is_sent_and_what_went_is_named(server, stream):
    server.commit(cluster("a"), cluster("b"), cluster("c"))
    stream.subscribe("CDS")
    stream.drain()
    server.translator.remove("cluster", "c")
    server.commit(cluster("b", timeout=9))
    assert describe(stream.drain()) == {"CDS": (["b"], ["c"])}


def test_a_commit_without_a_change_sends_nothing(server, stream):
    server.commit(cluster("a"))
    stream.subscribe("CDS")
    stream.drain()
    server.commit(cluster("a"))
    assert stream.drain() == []


def test_a_name_that_does_not_exist_is_said_to_be_removed_and_sent_when_it_comes(server, stream):
    server.commit(cluster("a"))
    stream.subscribe("EDS", "later")
    response = stream.next()
    assert (response.names, response.removed) == ([], ["later"])
    server.commit(assignment("later", ("10.0.0.1", 80)))
    response = stream.next()
    assert addresses(response.resources["later"]) == ["10.0.0.1:80"]


def test_asking_again_for_a_name_sends_it_again(server, stream):
    server.commit(assignment("a", ("10.0.0.1", 80)))
    stream.subscribe("EDS", "a")
    assert stream.next().names == ["a"]
    stream.subscribe("EDS", "a")
    assert stream.next().names == ["a"]


def test_after_unsubscribing_nothing_more_comes(server, stream):
    server.commit(assignment("a", ("10.0.0.1", 80)), assignment("b"))
    stream.subscribe("EDS", "a", "b")
    stream.drain()
    stream.subscribe("EDS", unsubscribe=["a"])
    stream.drain()
    server.commit(assignment("a", ("10.0.0.2", 80)), assignment("b", ("10.0.0.3", 80)))
    assert describe(stream.drain()) == {"EDS": (["b"], [])}


def test_who_comes_back_is_sent_only_what_differs(server):
    server.commit(*[cluster(f"c{i}") for i in range(5)], listener("l", "r"))
    with World(server.address) as world:
        world.quiet()
        had = world.snapshot()
    server.translator.remove("cluster", "c4")
    server.commit(cluster("c0", timeout=9), cluster("c5"))
    with World(server.address, have=had) as world:
        # Clusters go when it is known which routes the client has.
        world.stream.subscribe("RDS", "r")
        assert describe(world.quiet())["CDS"] == (["c0", "c5"], ["c4"])


def test_who_comes_back_to_the_same_world_is_sent_nothing(server):
    server.commit(cluster("a"), assignment("a", ("10.0.0.1", 80)), listener("l", "r"), route("r", "a"))
    with World(server.address) as world:
        world.quiet()
        had = world.snapshot()
    with World(server.address, have=had) as world:
        assert world.quiet() == []


def test_a_refused_version_is_not_sent_again_until_it_changes(server, stream):
    server.commit(cluster("good"))
    stream.subscribe("CDS")
    stream.drain()
    server.commit(cluster("bad"))
    stream.nack(stream.next(ack=False))
    assert stream.drain() == []
    server.commit(cluster("good", timeout=7))
    assert describe(stream.drain()) == {"CDS": (["good"], [])}
    server.commit(cluster("bad", timeout=7))
    assert describe(stream.drain()) == {"CDS": (["bad"], [])}


def test_an_answer_to_an_unknown_nonce_is_ignored(server, stream):
    server.commit(cluster("a"))
    stream.subscribe("CDS")
    response = stream.next()
    stream.send("CDS", response_nonce="never-sent")
    stream.send("CDS", response_nonce=response.nonce)
    assert stream.drain() == []
    server.commit(cluster("a", timeout=4))
    assert describe(stream.drain()) == {"CDS": (["a"], [])}


def test_make_before_break(server, stream):
    server.commit(cluster("old"), assignment("old"), listener("l", "r"), route("r", "old"))
    for type, names in (("CDS", ()), ("LDS", ()), ("EDS", ("old", "new")), ("RDS", ("r",))):
        stream.subscribe(type, *names)
    stream.drain()
    server.translator.remove("cluster", "old")
    server.translator.remove("endpoint", "old")
    server.commit(cluster("new"), assignment("new", ("10.0.0.1", 80)), route("r", "new"))
    said = [(r.type, r.names, r.removed) for r in stream.drain()]
    assert said[:3] == [("CDS", ["new"], []), ("EDS", ["new"], []), ("RDS", ["r"], [])]
    assert sorted(said[3:]) == [("CDS", [], ["old"]), ("EDS", [], ["old"])]


def test_a_changed_cluster_is_followed_by_its_endpoints_changed_or_not(server, stream):
    server.commit(cluster("a"), assignment("a", ("10.0.0.1", 80)))
    stream.subscribe("CDS")
    stream.subscribe("EDS", "a")
    stream.drain()
    server.commit(cluster("a", timeout=9))
    assert [(r.type, r.names) for r in stream.drain()] == [("CDS", ["a"]), ("EDS", ["a"])]


@pytest.mark.parametrize("type, message", [
    ("CDS", cluster("a")), ("EDS", assignment("a")), ("LDS", listener("a", "r")),
    ("RDS", route("a", "c"))])
def test_each_type_has_a_service_of_its_own(server, type, message):
    server.commit(message)
    with Stream(server.address, type=type) as stream:
        stream.subscribe(type, "a")
        assert stream.next().names == ["a"]


def test_a_stream_of_one_type_refuses_another(server):
    server.commit(cluster("a"))
    with Stream(server.address, type="CDS") as stream:
        stream.subscribe("LDS")
        with pytest.raises(StreamEnded, match="INVALID_ARGUMENT"):
            stream.next()


def test_many_clients_follow_one_change(server):
    clusters = [cluster(f"c{i}") for i in range(50)]
    server.commit(*clusters)
    worlds = [World(server.address, node=f"n{i}") for i in range(40)]
    try:
        for world in worlds:
            world.quiet()
            assert len(world.resources["CDS"]) == 50
        source = server.commit(cluster("c7", timeout=8))
        for world in worlds:
            assert describe(world.quiet())["CDS"] == (["c7"], [])
        server.stage.wait_accepted(source, envoys=40)
        server.translator.wait_reports(
            lambda envoys, _: {e.node_id for e in envoys.values() if e.acked_source >= source}
            == {f"n{i}" for i in range(40)})
    finally:
        for world in worlds:
            world.close()
    server.translator.wait_reports(lambda envoys, _: not envoys)


def test_a_refusal_is_reported_with_its_resource_and_reason(server, stream):
    server.commit(cluster("bad"))
    stream.subscribe("CDS")
    response = stream.next(ack=False)
    stream.nack(response, "no such thing as this cluster")
    _, rejects = server.translator.wait_reports(lambda _, rejects: rejects)
    (key, report), = rejects.items()
    assert key == b"cluster\0bad"
    assert report.message == "no such thing as this cluster"
    assert report.version.decode() == response.versions["bad"]
    # The verdict on this version stays when another follows.
    server.commit(cluster("bad", timeout=4))
    stream.next()
    server.translator.remove("cluster", "bad")
    server.commit()
    server.translator.wait_reports(lambda _, rejects: not rejects)
