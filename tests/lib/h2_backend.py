"""An application that speaks HTTP/2 only, in plain text with prior knowledge or over TLS by ALPN."""

import socketserver
import ssl
import threading

import h2.config
import h2.connection
import h2.events


class H2Backend:
    """Answers with its name and the path, or to a gRPC call with success and no message; context:
    an ssl.SSLContext of a server, for TLS."""

    def __init__(self, name, address="127.0.0.1", context=None, grpc=False):
        backend = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                sock = self.request
                try:
                    if context:
                        sock = context.wrap_socket(sock, server_side=True)
                        if sock.selected_alpn_protocol() != "h2":
                            return
                    backend.serve(sock)
                except (OSError, ssl.SSLError):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.name = name
        self.grpc = grpc
        self.asked = []  # the headers of each request
        self.server = Server((address, 0), Handler)
        self.address, self.port = self.server.server_address
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def serve(self, sock):
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        sock.sendall(http.data_to_send())
        while data := sock.recv(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    headers = {k.decode(): v.decode() for k, v in event.headers}
                    self.asked.append(headers)
                    path = headers[":path"]
                    answer = [(":status", "200"), ("x-backend", self.name), ("x-protocol", "h2")]
                    if self.grpc:
                        http.send_headers(event.stream_id, [
                            *answer, ("content-type", "application/grpc"), ("grpc-status", "0")], end_stream=True)
                        continue
                    http.send_headers(event.stream_id, answer)
                    http.send_data(event.stream_id, f"{self.name} {path}\n".encode(), end_stream=True)
            sock.sendall(http.data_to_send())

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
