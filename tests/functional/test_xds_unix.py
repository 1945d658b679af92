"""xDS by a Unix socket: the default, and its permitted clients."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from addresses import loopback
from objects import app
from run import Run
from stage import Pipeline, Stage
from xds_client import World

OURS, GROUP, OTHER = 41001, 41002, 41003

# The server's first bytes are HTTP/2's SETTINGS frame; to an unknown peer it sends nothing.
HELLO = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    s.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + b"\\0\\0\\0\\4\\0\\0\\0\\0\\0")
    print("heard" if s.recv(9) else "closed")
except ConnectionError:
    print("closed")
except PermissionError:
    print("no permission")
"""


@pytest.fixture
def by_socket(folder):
    """A pipeline without options."""
    with Pipeline(folder) as pipeline:
        pipeline.xds.args = []
        yield pipeline.start()


def test_it_is_a_socket_in_the_runtime_directory_by_default(by_socket):
    path = by_socket.dir / "xds.sock"
    assert by_socket.xds_address == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    by_socket.write("a.yaml", *app("a", "10.0.0.1", 80))
    with World(by_socket.xds_address) as world:
        world.until(lambda w: "ingress_http" in w.resources["RDS"])
    [*_, row] = [line for line in by_socket.xds.logged().splitlines() if "has opened a stream" in line]
    assert f'peer="unix:uid {os.getuid()}, pid ' in row


def test_an_envoy_of_portolan_run_connects_by_it(folder):
    r = Run(folder, address=loopback())
    at = r.options.index("--xds-address")
    del r.options[at:at + 3]
    with r:
        r.write("a.yaml", *app("a", "127.0.0.1", 1))
        [row] = r.ask("xds-server", "/debug/envoys")
        assert row["node_id"] == "portolan-run" and row["peer"].startswith("unix:uid ")


def as_user(uid, gid, *groups):
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}",
            f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
def test_only_our_user_root_and_the_group_may_connect():
    root = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    try:
        root.chmod(0o755)
        for name, mode in (("run", 0o700), ("open", 0o2750)):
            (root / name).mkdir()
            os.chown(root / name, OURS, GROUP)
            (root / name).chmod(mode)
        path = root / "open/xds.sock"
        server = Stage("xds-server", root / "run", "--xds-address", f"unix:{path}", "--xds-group", GROUP)
        server.prefix = as_user(OURS, OURS)
        server.log.touch()
        os.chown(server.log, OURS, OURS)
        server.start(ready=False)
        assert server.status()["xds_address"] == f"unix:{path}"
        try:
            def hears(*who):
                # The socket's mode is not all that keeps others out.
                path.chmod(0o666)
                (root / "open").chmod(0o777)
                done = subprocess.run([*who, sys.executable, "-c", HELLO, path], text=True,
                                      capture_output=True, check=True)
                return done.stdout.strip()

            assert path.stat().st_gid == GROUP and path.stat().st_mode & 0o777 == 0o660
            assert hears(*as_user(OURS, OURS)) == "heard"
            assert hears() == "heard"  # root
            assert hears(*as_user(OTHER, OTHER, GROUP)) == "heard"
            assert hears(*as_user(OTHER, GROUP)) == "heard"
            assert hears(*as_user(OTHER, OTHER)) == "closed"
            assert hears(*as_user(OTHER, OTHER, OURS)) == "closed"
            assert f"of user {OTHER} may not connect" in server.logged()
        finally:
            server.close()
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("words, sentence", [
    (["--xds-address", "unix:relative"], "an absolute path"),
    (["--xds-group", "no-such-group"], "no such group"),
    (["--insecure-plaintext"], "for --xds-address HOST:PORT"),
    (["--xds-address", "127.0.0.1:0", "--insecure-plaintext", "--xds-group", "0"], "for Unix sockets"),
    (["--xds-address", "unix:/nowhere/xds.sock"], "/nowhere/xds.sock"),
])
def test_options_that_do_not_go_together_are_told(folder, words, sentence):
    with Pipeline(folder) as pipeline:
        pipeline.xds.args = words
        with pytest.raises(AssertionError, match=sentence):
            pipeline.xds.start()
        pipeline.xds.process = None
