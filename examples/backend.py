#!/usr/bin/env python3
"""A tiny backend for the examples: answers every request with its own name and what was asked.

usage: backend.py NAME [PORT]   on 127.0.0.1; port 0 (or none) is any free one. Prints the port.
"""

import http.server
import sys


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        scheme = self.headers.get("x-forwarded-proto", "http")
        text = f"backend {sys.argv[1]}: {scheme}://{self.headers.get('host')}{self.path}\n"
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) == 3 else 0), Answer)
    print(server.server_address[1], flush=True)
    server.serve_forever()


try:
    main()
except KeyboardInterrupt:
    pass
