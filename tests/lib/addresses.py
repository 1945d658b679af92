"""A loopback address of one's own: tests that run at the same time can all use port 8080, and nobody takes a port that is
free for a moment."""

import itertools
import os
import socket

_counter = itertools.count()
_worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")


def _next(of_a_worker):
    """A number that no other worker of this run gets, if none takes more than of_a_worker; other runs begin elsewhere."""
    run = os.getppid() if _worker else os.getpid()
    return (run * 16 + int(_worker or 0)) * of_a_worker + next(_counter)


def loopback():
    """An address in 127.0.0.0/8 that no other process uses."""
    while True:
        n = 0x10000 + _next(16384) % 0xFE0000
        if n & 255 in (0, 255):
            continue
        address = f"127.{n >> 16}.{n >> 8 & 255}.{n & 255}"
        try:
            for port in (8080, 8443):
                with socket.socket() as probe:
                    probe.bind((address, port))
        except OSError:
            continue
        return address


def free_port(kind=socket.SOCK_STREAM):
    """A port that is free at all addresses, for a listener of Envoy's. It is below those that the system chooses, which
    connections and backends of other tests get at any moment, at addresses that 0.0.0.0 would take from them."""
    while True:
        port = 20000 + _next(500) % 10000
        try:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("0.0.0.0", port))
        except OSError:
            continue
        return port
