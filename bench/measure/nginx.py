"""A server process for benchmarks: nginx, plain or with TLS, or any other command."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    sendfile on;
    tcp_nopush on;
    access_log off;
    keepalive_requests 100000;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{ listen 127.0.0.1:{port} {tls}; {locations} }}
}}
"""


@contextmanager
def nginx(
    folder: str, root: str, certificate: str = "", *, upstream: int = 0
) -> Iterator[tuple[int, int]]:
    """Serve the files of `root`; yield the process and its port.

    With the port of an `upstream` everything is asked there, and the files are below `/files/`.

    `certificate` is a PEM file that holds the key too; with it nginx speaks TLS. What nginx needs
    is written to `folder`.
    """
    port = free_port()
    tls = f"ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate}"
    configuration = os.path.join(folder, f"nginx-{port}.conf")
    os.chmod(folder, 0o755)  # Its worker is another user where the bench runs as root.
    with open(configuration, "w") as file:
        proxied = (
            f"proxy_pass http://127.0.0.1:{upstream}; proxy_set_header Host $host:$server_port;"
        )
        below = f"location /files/ {{ alias {root}/; }} location / {{ {proxied} }}"
        locations = below if upstream else f"root {root};"
        words = {"folder": folder, "port": port, "root": root, "tls": tls if certificate else ""}
        words["locations"] = locations
        file.write(CONFIGURATION.format(**words))
    with process(["nginx", "-p", folder, "-c", configuration], port) as pid:
        yield pid, port


def self_signed(folder: str) -> str:
    """Write a certificate for 127.0.0.1 and its key into one PEM file, and return its path."""
    path = os.path.join(folder, "certificate.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", path + ".key", "-out", path]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    with open(path, "a") as pem, open(path + ".key") as key:
        pem.write(key.read())
    return path


@contextmanager
def process(command: list[str], port: int) -> Iterator[int]:
    """Run a server until the block ends, once it accepts connections."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, **quiet)
    try:
        deadline = time.monotonic() + 20
        while not accepts(port):
            if server.poll() is not None or time.monotonic() > deadline:
                message = f"{command[0]} did not start"
                raise RuntimeError(message)
            time.sleep(0.02)
        yield server.pid
    finally:
        server.terminate()
        server.wait(20)


def accepts(port: int) -> bool:
    """Tell whether anybody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
