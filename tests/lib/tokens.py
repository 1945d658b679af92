"""JSON Web Tokens and the keys that they are verified by (RFC 7515, 7517, 7519)."""

import base64
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from backends import server_context
from events import PATIENCE


def _text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value, size=None):
    return _text(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Signer:
    """A key that signs tokens, by RS256 or ES256."""

    def __init__(self, name="key", algorithm="ES256"):
        self.name = name
        self.algorithm = algorithm
        self.key = (ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256"
                    else rsa.generate_private_key(65537, 2048))
        numbers = self.key.public_key().public_numbers()
        common = {"kid": name, "alg": algorithm, "use": "sig"}
        if algorithm == "ES256":
            self.public = {"kty": "EC", "crv": "P-256", "x": _number(numbers.x, 32),
                           "y": _number(numbers.y, 32), **common}
        else:
            self.public = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **common}

    def _sign(self, data):
        if self.algorithm == "RS256":
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, issuer="issuer", audience="web", lives=3600):
        head = {"alg": self.algorithm, "kid": self.name, "typ": "JWT"}
        claims = {"iss": issuer, "aud": audience, "exp": int(time.time()) + lives}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{_text(self._sign(signed.encode()))}"

    def header(self, **claims):
        return {"Authorization": f"Bearer {self.token(**claims)}"}


def key_set(*signers):
    return json.dumps({"keys": [s.public for s in signers]})


class KeyServer:
    """Serves a key set over HTTP, or with a certificate over HTTPS; None makes it answer 500."""

    def __init__(self, address, *signers, certificate=None):
        keys = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with keys.changed:
                    text, path = keys.text, self.path
                    body = (text or "").encode()
                    keys.asked.append((path, bool(text)))
                    keys.changed.notify_all()
                self.send_response(200 if text else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that does not like the certificate

        self.changed = threading.Condition()
        self.asked = []
        self.text = key_set(*signers)
        self.server = Server((address, 0), Handler)
        if certificate:
            self.server.socket = server_context(certificate).wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def serve(self, *signers):
        """These from now on, or with none a failure."""
        with self.changed:
            self.text = key_set(*signers) if signers else None
            self.asked.clear()

    def wait_asked(self, times, good=True, timeout=PATIENCE):
        """Until it was asked so often since it serves this, and has answered with keys or without."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: sum(answered == good for _, answered in self.asked) >= times, timeout), self.asked

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
