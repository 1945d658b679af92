"""Requests at an even rate through Envoy, and the application behind it, in a process of their own."""

import asyncio
import json
import multiprocessing
import random
import re
import time

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Application(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


class Counts:
    def __init__(self):
        self.good = 0
        self.failed = []
        self.last = self.gap = self.slowest = 0.0

    def add(self, began, failure):
        now = time.monotonic()
        self.slowest = max(self.slowest, now - began)
        if failure:
            self.failed.append(f"{time.strftime('%X')} {failure}")
            return
        self.good += 1
        self.gap = max(self.gap, now - self.last if self.last else 0)
        self.last = now


async def _one(streams, host):
    reader, writer = streams
    writer.write(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    body = await reader.readexactly(int(length[1]) if length else 0)
    return head, body


async def _client(counts, address, hosts, period, end, rng):
    """One request a period; every fiftieth on a new connection."""
    streams = None
    at = time.monotonic() + rng.random() * period
    while at < end:
        await asyncio.sleep(max(0, at - time.monotonic()))
        began, failure, head = time.monotonic(), None, b""
        host = rng.choice(hosts)
        try:
            streams = streams or await asyncio.open_connection(address, 8080)
            head, body = await asyncio.wait_for(_one(streams, host), 15)
            if b" 200 " not in head[:20]:
                failure = f"{host}: {head[:30]!r} {body[:80]!r}"
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            failure = f"{host}: {type(error).__name__} {error}"
        counts.add(began, failure)
        if streams and (failure or b"connection: close" in head or rng.randrange(50) == 0):
            streams[1].close()
            streams = None
        at = max(at + period, time.monotonic() - 1)


async def _run(pipe, address, hosts, rate, seconds):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Application, address, 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, pipe.recv)  # until the hosts are served
    counts, clients = Counts(), 50
    end = time.monotonic() + seconds
    await asyncio.gather(*[
        _client(counts, address, hosts, clients / rate, end, random.Random(n)) for n in range(clients)])
    pipe.send(json.dumps({"good": counts.good, "failed": counts.failed, "longest_gap_seconds": counts.gap,
                          "slowest_request_seconds": counts.slowest}))
    pipe.recv()


def _process(pipe, *args):
    asyncio.run(_run(pipe, *args))


class Traffic:
    def __init__(self, address, hosts, rate, seconds):
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(
            target=_process, args=(other, address, hosts, rate, seconds), daemon=True)
        self.process.start()
        self.port = self.pipe.recv()
        self.address = address

    def begin(self):
        self.pipe.send("begin")

    def running(self):
        return not self.pipe.poll()

    def result(self):
        found = json.loads(self.pipe.recv())
        self.pipe.send("end")
        self.process.join(10)
        return found
