"""Certificates of an authority that nobody knows, made by the openssl command."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass

import pytest

EXTENSIONS = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n"
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files."""

    authority: str
    """What SSL_CERT_FILE must name for a client to trust the server."""
    server: str
    """The server's certificate and key."""

    def server_context(self) -> ssl.SSLContext:
        """Return what a server on 127.0.0.1 speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        return context


def certificates(folder: str | os.PathLike[str]) -> Certificates:
    """Write an authority and a server's certificate into a folder; skip the test if none can be."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command, which makes the certificates")
    at = os.fspath(folder)
    _write(f"{at}/extensions", EXTENSIONS)
    _openssl(at, "req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=Authority of the tests",
             "-keyout", "authority.key", "-out", "authority.pem")  # fmt: skip
    _openssl(at, "req", *NEW_KEY, "-subj", "/CN=127.0.0.1", "-keyout", "key", "-out", "request")
    _openssl(at, "x509", "-req", "-in", "request", "-CA", "authority.pem", "-CAkey",
             "authority.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions",
             "-out", "certificate")  # fmt: skip
    _write(f"{at}/server.pem", _read(f"{at}/certificate") + _read(f"{at}/key"))
    return Certificates(f"{at}/authority.pem", f"{at}/server.pem")


def _openssl(folder: str, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=30)


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
