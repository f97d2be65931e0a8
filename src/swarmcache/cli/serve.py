"""`swarmcache serve`: give the cache to other machines over the Hub's protocol."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.errors import AccessDenied, CacheNotFound, ServeError, SettingsError
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.report.terminal import Terminal
    from swarmcache.serve.listening import Access, Address

TOKEN_VARIABLE = "SWARMCACHE_SERVE_TOKEN"  # noqa: S105 - the name of a variable


@click.command(
    help="\n\n".join(
        [
            t("Serve cache folders read-only, as a Hub that HF_ENDPOINT can name."),
            t(
                "Without DIR it serves the cache that this project uses. Of several folders, the"
                " first that holds a revision decides. Files go out unchanged; nothing is ever"
                " downloaded. What clients are fetching is leased, so that clean leaves it alone."
            ),
        ]
    ),
    epilog=t(
        "Example: {command}", command="swarmcache serve --host 0.0.0.0 --token-file token.txt"
    ),
)
@click.argument("folders", metavar="[DIR]...", nargs=-1, type=PLACE)
@click.option("--host", default="127.0.0.1", show_default=True, help=t("Listen on this address."))
@click.option(
    "--port",
    default=8090,
    show_default=True,
    type=click.IntRange(0, 65535),
    help=t("Listen on this port; 0 takes any free one."),
)
@click.option(
    "--token-file",
    metavar="PATH",
    help=t("Ask every client for the bearer token in this file, else SWARMCACHE_SERVE_TOKEN."),
)
@common_options
def command(
    invocation: Invocation,
    *,
    folders: tuple[str, ...],
    host: str,
    port: int,
    token_file: str | None,
) -> int:
    """Serve the folders until a signal ends it."""
    caches = [_folder(invocation, name) for name in folders] or [_own_cache(invocation)]
    token = _token(invocation, token_file)
    if token is None and not _is_loopback(host):
        warning = t(
            "Everybody who reaches {host} can read this cache; --token-file asks for a token.",
            host=host,
        )
        invocation.terminal.alert(f"{invocation.terminal.warn} {warning}")
    return _serve(invocation, caches, (host, port), token)


def _serve(
    invocation: Invocation, caches: Sequence[str], where: tuple[str, int], token: str | None
) -> int:
    try:
        from swarmcache.serve.app import create_app  # noqa: PLC0415 - aiohttp is an extra
        from swarmcache.serve.foreground import serve_until_signalled  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        message = t("serve needs aiohttp, which is not installed.")
        raise ServeError(message, hint="pip install 'swarmcache[serve]'") from None
    terminal = invocation.terminal

    def announce(address: Address) -> None:
        if invocation.json:
            terminal.raw(_document(address, caches, token) + "\n")
        else:
            _announce(terminal, address, caches)

    def hear(access: Access) -> None:
        terminal.say(f"{access.status} {access.method} {access.path} {access.bytes}")

    app = create_app(
        caches,
        tiers=invocation.settings.tiers,
        token=token,
        environment=invocation.environment,
    )
    return serve_until_signalled(app, *where, announce, hear)


def _announce(terminal: Terminal, address: Address, caches: Sequence[str]) -> None:
    for cache in caches:
        terminal.out(t("Serving {path} at {url}", path=cache, url=address.url))
    terminal.out(f"export HF_ENDPOINT={address.reachable_url}")


def _document(address: Address, caches: Sequence[str], token: str | None) -> str:
    from swarmcache.report.json import document  # noqa: PLC0415

    return document(
        "serve",
        url=address.reachable_url,
        host=address.host,
        port=address.port,
        caches=list(caches),
        token_required=token is not None,
    )


def _own_cache(invocation: Invocation) -> str:
    return _checked(invocation.location.path)


def _folder(invocation: Invocation, name: str) -> str:
    if not name:
        raise click.BadParameter(t("The path is empty."))
    return _checked(invocation.environment.absolute(name))


def _checked(path: str) -> str:
    """Return a folder that can be listed; raises CacheNotFound or AccessDenied for any other."""
    hint = "swarmcache env --explain"
    try:
        with os.scandir(path):
            return path
    except FileNotFoundError:
        message = t("The cache folder {path} does not exist.", path=path)
    except NotADirectoryError:
        message = t("{path} is a file; the cache must be a folder.", path=path)
    except PermissionError:
        message = t("The cache folder {path} cannot be read: permission denied.", path=path)
        raise AccessDenied(message) from None
    raise CacheNotFound(message, hint=hint)


def _token(invocation: Invocation, token_file: str | None) -> str | None:
    """Return the token to ask for: the file's first line, else the variable; None for none."""
    if token_file is None:
        return invocation.environment.get(TOKEN_VARIABLE) or None
    with open(invocation.environment.absolute(token_file), encoding="utf-8") as file:
        token = file.readline().strip()
    if not token:
        # An empty token would open the server to everybody.
        raise SettingsError(t("The token file {path} is empty.", path=token_file))
    return token


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
