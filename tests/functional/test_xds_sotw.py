"""The state-of-the-world protocol, for clients that have no other."""

import pytest

from resources import assignment, cluster, listener, route
from xds_client import Stream, World, addresses


@pytest.fixture
def stream(server):
    with Stream(server.address, delta=False) as stream:
        yield stream


def nothing_more(server, stream):
    """No response until a listener that was never requested has been requested and has come."""
    server.commit(listener("question", "r"))
    stream.subscribe("LDS")
    response = stream.next()
    assert response.type == "LDS", response
    server.translator.remove("listener", "question")


def test_all_clusters_at_first_and_all_of_them_at_each_change(server, stream):
    server.commit(cluster("a"), cluster("b"))
    stream.subscribe("CDS")
    assert stream.next().names == ["a", "b"]
    server.commit(cluster("b", timeout=9))
    assert stream.next().names == ["a", "b"]
    server.translator.remove("cluster", "a")
    server.commit()
    assert stream.next().names == ["b"]


def test_an_acknowledgement_is_not_answered(server, stream):
    server.commit(cluster("a"))
    stream.subscribe("CDS")
    stream.next()
    nothing_more(server, stream)


def test_a_refusal_is_not_answered_with_the_same_again(server, stream):
    server.commit(cluster("a"))
    stream.subscribe("CDS")
    response = stream.next(ack=False)
    stream.nack(response)
    nothing_more(server, stream)
    server.commit(cluster("a", timeout=9))
    assert stream.next().names == ["a"]


def test_a_stale_nonce_is_ignored(server, stream):
    server.commit(cluster("a"))
    stream.subscribe("CDS")
    first = stream.next()
    server.commit(cluster("a", timeout=9))
    stream.next()
    # As from a client that had not yet seen the second: names in it must not count either.
    stream.send("CDS", response_nonce=first.nonce, version_info=first.version,
                resource_names=["nothing"])
    nothing_more(server, stream)
    server.commit(cluster("a", timeout=10))
    assert stream.next().names == ["a"]


def test_endpoints_by_name_and_again_when_they_change(server, stream):
    server.commit(assignment("a", ("10.0.0.1", 80)), assignment("b", ("10.0.0.2", 80)))
    stream.subscribe("EDS", "a")
    assert stream.next().names == ["a"]
    server.commit(assignment("a", ("10.0.0.3", 80)), assignment("b", ("10.0.0.4", 80)))
    assert addresses(stream.next().resources["a"]) == ["10.0.0.3:80"]


def test_a_name_added_later_is_answered(server, stream):
    server.commit(assignment("a", ("10.0.0.1", 80)), assignment("b", ("10.0.0.2", 80)))
    stream.subscribe("EDS", "a")
    stream.next()
    stream.subscribe("EDS", "a", "b")
    assert "b" in stream.next().names


def test_the_same_world_has_the_same_version_on_every_stream(server):
    server.commit(cluster("a"), route("r", "a"))
    versions = set()
    for _ in range(2):
        with Stream(server.address, delta=False) as stream:
            stream.subscribe("CDS")
            versions.add(stream.next().version)
    assert len(versions) == 1 and "" not in versions


@pytest.mark.parametrize("type, message", [
    ("CDS", cluster("a")), ("EDS", assignment("a")), ("LDS", listener("a", "r")),
    ("RDS", route("a", "c"))])
def test_each_type_has_a_service_of_its_own(server, type, message):
    server.commit(message)
    with Stream(server.address, type=type, delta=False) as stream:
        stream.subscribe(type, "a")
        assert stream.next().names == ["a"]


def test_both_protocols_tell_the_same(server):
    server.commit(cluster("a"), cluster("b"), assignment("a"))
    with Stream(server.address, delta=False) as stream, World(server.address) as world:
        stream.subscribe("CDS")
        told = stream.next().resources
        world.quiet()
        assert told == world.resources["CDS"]
