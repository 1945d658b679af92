"""Neighbours that lie, on each side of each link: the stage keeps its state, logs the fault, and
accepts the truth as soon as it comes."""

import os
import socket
import struct
import subprocess

import pytest

import frames
import offline
from events import Growing
from objects import app
from programs import SANITIZED, program
from resources import ServerAlone, cluster
from stage import Manifests, Pipeline, Stage
from xds_client import World


def objects(folder, *objects):
    """The watcher's state that holds these objects."""
    manifests = Manifests(folder / "objects")
    manifests.write("objects.yaml", *objects)
    done = subprocess.run([program("portolan-watcher"), "--once", "--write-stream", "-", "--manifests",
                           manifests.path], stdout=subprocess.PIPE, check=True)
    return offline.read_state(done.stdout)


class Neighbour:
    """A stage, and the test in the place of the one before it."""

    def __init__(self, folder, stage, path, role, good):
        self.stage = stage
        self.producer = frames.Producer(folder / path, role)
        self.producer.state.update(good)
        self.producer.commit(1)

    def settle(self):
        self.producer.wait_in_sync()
        self.stage.wait_source(self.producer.state.source)

    def held(self):
        return self.stage.status()["source"]

    def lie(self, data):
        """Says it on the connection that is there; returns the BYE, or "" if it only hung up."""
        connection = self.producer.peer
        try:
            connection.write(data)
        except BrokenPipeError:
            pass
        said = connection.wait_closed()
        connection.close()
        self.producer.peer = None
        return said


@pytest.fixture(params=["translator", "xds-server"])
def neighbour(request, folder):
    run = folder / "run"
    if request.param == "translator":
        run.mkdir(mode=0o700)
        stage = Stage("translator", run)
        good = objects(folder, *app("a", "10.0.0.1", 8080))
        neighbour = Neighbour(run, stage, "objects.sock", "watcher", good)
        stage.start(ready=False)
        neighbour.settle()
        yield neighbour
        neighbour.producer.close()
        stage.close()
        return
    with ServerAlone(run) as server:
        server.start(cluster("a"))
        found = Neighbour.__new__(Neighbour)
        found.stage, found.producer = server.stage, server.translator.link
        yield found


def lies():
    item = frames.message("SnapshotItems", items=[frames.message("Item", kind=1, key=b"a", value=b"b")])
    begin = frames.encode(frames.SNAPSHOT_BEGIN, 9, frames.message("SnapshotBegin", source=9, count=1))
    return {
        "garbage": os.urandom(4096),
        "other-magic": frames.encode(frames.BYE, magic=0x12345678),
        "length-of-4-gib": frames.encode(frames.DELTA, length=0xFFFFFFFF),
        "length-beyond-the-type": frames.encode(frames.ACK, length=1 << 20),
        "length-beyond-any-type": frames.encode(200, length=1 << 30),
        "other-major": frames.encode(frames.DELTA, major=2),
        "not-a-message": frames.encode(frames.SNAPSHOT_BEGIN, 9, b"\xff" * 40),
        "second-hello": frames.encode(frames.HELLO, 0, frames.message(
            "Hello", product="portolan", role="watcher", major=1, minor=0)),
        "ack-of-nothing": frames.encode(frames.ACK, 12345),
        "items-without-begin": frames.encode(frames.SNAPSHOT_ITEMS, 9, item),
        "kind-out-of-range": begin + frames.encode(frames.SNAPSHOT_ITEMS, 9, frames.message(
            "SnapshotItems", items=[frames.message("Item", kind=1 << 20, key=b"a")])),
    }


@pytest.mark.parametrize("name", lies())
def test_a_lie_changes_nothing_and_the_truth_is_taken_after_it(neighbour, name):
    held = neighbour.held()
    connection = neighbour.producer.peer
    connection.write(lies()[name])
    before = neighbour.producer.connections

    # It either asks for a snapshot or throws us out and comes again.
    neighbour.producer.wait(lambda p: p.connections > before or (p.peer and p.peer.resyncs))
    assert neighbour.held() == held
    assert neighbour.stage.running
    neighbour.producer.commit(held + 1)
    neighbour.settle()
    assert neighbour.held() == held + 1
    with open(f"/proc/{neighbour.stage.process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 200 << 10 or SANITIZED


def test_a_snapshot_with_a_wrong_digest_is_asked_for_again(neighbour):
    held = neighbour.held()
    producer = neighbour.producer
    state = frames.State()
    state.generation, state.source = producer.state.generation + 1, held + 1
    state.put(1, "x", b"y")
    data = bytearray(frames.snapshot(state))
    data[-1] ^= 1  # the digest's last byte
    producer.peer.write(bytes(data))
    producer.wait(lambda p: p.peer and p.peer.resyncs)
    assert neighbour.held() == held
    producer.commit(held + 2)
    neighbour.settle()
    assert neighbour.held() == held + 2


def test_a_frame_of_a_newer_minor_version_is_passed_over(neighbour):
    held = neighbour.held()
    neighbour.producer.peer.write(frames.encode(77, 1, b"from the future", minor=9))
    neighbour.producer.commit(held + 1)
    neighbour.settle()
    assert neighbour.producer.connections == 1


def test_an_interrupted_snapshot_is_never_half_used(neighbour):
    held = neighbour.held()
    producer = neighbour.producer
    state = frames.State()
    state.generation, state.source = 50, held + 1
    for n in range(100):
        state.put(1, f"x{n}", b"y" * 5000)
    producer.peer.write(frames.snapshot(state)[:300000])
    producer.peer.close()
    producer.peer = None
    producer.wait(lambda p: p.connections == 2)
    assert neighbour.held() == held
    producer.commit(held + 1)
    neighbour.settle()


@pytest.mark.parametrize("path, holder", [("objects.sock", "watcher"), ("resources.sock", "translator")])
@pytest.mark.parametrize("name", ["garbage", "length-of-4-gib", "other-major", "ack-of-nothing"])
def test_a_stranger_on_a_socket_harms_nobody(pipeline, path, holder, name):
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(pipeline.dir / path))
        stranger.sendall(lies()[name])
        stranger.settimeout(60)
        while True:
            try:
                if not stranger.recv(65536):
                    break
            except ConnectionResetError:
                break
    with frames.connect(pipeline.dir / path, "nobody") as wrong:
        assert "nobody" in wrong.wait_closed()
    assert pipeline.stages[holder].running
    pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))
    with World(pipeline.xds_address) as world:
        world.quiet()
        assert world.endpoints("default/a") == ["10.0.0.1:8080"]


def test_a_translator_waits_for_the_state_of_a_connected_xds_server(folder):
    """However busy the machine is: that state holds what Envoys have refused."""
    with Pipeline(folder) as pipeline:
        pipeline.translator.start(ready=False)
        pipeline.translator.status()  # who answers listens at its links, too
        with frames.connect(pipeline.dir / "resources.sock", "xds-server", frames.State()) as xds, \
                Growing(pipeline.translator.log) as log:
            xds.wait(lambda c: c.hello)
            pipeline.watcher.start()
            log.wait_for("xds-server is connected: waiting for the state that it keeps")
            assert pipeline.translator.status()["generation"] == 0
            xds.send.generation, xds.send.complete = 1, True
            xds.wait(lambda c: c.mirror.state.complete)


def test_a_second_peer_is_told_that_the_place_is_taken(pipeline):
    with frames.connect(pipeline.dir / "objects.sock", "translator") as second:
        assert "connected already" in second.wait_closed()
    pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))


def test_readers_see_the_same_state_and_their_number_is_bounded(pipeline):
    source = pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080))
    readers = [frames.connect(pipeline.dir / "resources.sock", "reader") for _ in range(8)]
    try:
        states = [r.wait_source(source) for r in readers]
        assert all(s == states[0] for s in states) and len(states[0]) > 3
        with frames.connect(pipeline.dir / "resources.sock", "reader") as ninth:
            assert "readers" in ninth.wait_closed()
    finally:
        for r in readers:
            r.close()


def test_only_the_header_of_a_lying_frame_is_needed_to_refuse_it(neighbour):
    header = struct.pack("<IIHBBIQ", frames.MAGIC, 0xFFFFFFF0, frames.SNAPSHOT_ITEMS, 1, 0, 0, 1)
    assert "longer" in neighbour.lie(header)
