"""What stands between a site and its server: TLS with a certificate of one's own, and a proxy that may want a login."""

import base64
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading

import pytest


class _Listening:
    """A socket on 127.0.0.1, a thread for each connection; a context manager."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):  # without it the thread would still accept one
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                one, _ = self.socket.accept()
                threading.Thread(target=self._guarded, args=(one,), daemon=True).start()

    def _guarded(self, one):
        with one, contextlib.suppress(OSError):
            self.serve(one)


def joined(one, other):
    """Pass on what each of two connections sends, until one of them ends."""

    def pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=pass_on, args=(other, one), daemon=True)
    back.start()
    pass_on(one, other)
    back.join(10)


class Tls(_Listening):
    """`https://` in front of a server that speaks `http://` on a port."""

    def __init__(self, port, certificate, key):
        self.behind, self.context = port, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    def serve(self, one):
        with (
            self.context.wrap_socket(one, server_side=True) as inside,
            socket.create_connection(("127.0.0.1", self.behind)) as server,
        ):
            joined(inside, server)


class Proxy(_Listening):
    """A proxy for both `CONNECT host:port` and `GET http://host:port/...`; `asked`: the first lines that came.

    login: name:password that it wants. closed: it lets nobody through. What it refuses it says with all it was sent.
    """

    def __init__(self, login=None, closed=False):
        self.login, self.closed, self.asked = login, closed, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def serve(self, one):
        head = b""
        while b"\r\n\r\n" not in head:
            head += (data := one.recv(65536))
            if not data:
                return
        first = head.split(b"\r\n", 1)[0].decode()
        self.asked.append(first)
        method, target, _ = first.split(" ")
        basic = base64.b64encode((self.login or "").encode())
        if self.login and b"Proxy-Authorization: Basic " + basic not in head:
            self.refuse(one, "407 Proxy Authentication Required", head)
        elif self.closed:
            self.refuse(one, "403 Forbidden", head)
        else:
            host, port = target.removeprefix("http://").split("/")[0].split(":")
            with socket.create_connection((host, int(port))) as server:
                if method == "CONNECT":
                    one.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(head)
                joined(one, server)

    def refuse(self, one, status, head):
        body = b"<html>" + head + b"</html>"
        words = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        one.sendall(words.encode() + body)
        with contextlib.suppress(OSError):  # what is still coming must not become a reset
            one.shutdown(socket.SHUT_WR)
            while one.recv(65536):
                pass


def certificates(folder):
    """An authority of one's own, and what it signed for 127.0.0.1: (its certificate, that of the server, its key)."""
    if not shutil.which("openssl"):
        if os.environ.get("CI"):
            pytest.fail("no openssl here, which makes the certificates")
        pytest.skip("no openssl here, which makes the certificates")
    new = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    sign = ("openssl", "x509", "-req", "-days", "2", "-in", "server.csr")
    steps = (
        (*new, "-x509", "-days", "2", "-subj", "/CN=Field authority", "-keyout", "ca.key", "-out", "ca.pem"),
        (*new, "-subj", "/CN=tower", "-keyout", "server.key", "-out", "server.csr"),
        (*sign, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-out", "server.pem"),
        ("openssl", "x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der"),
    )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1", encoding="utf-8")
    for words in steps:
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder / "ca.pem", folder / "server.pem", folder / "server.key"
