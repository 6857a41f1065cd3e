"""The release maker's command line: `python -m central.releases …`, on a machine of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from central.adapters import SystemClock
from central.errors import CannotServeError
from central.releases import maker
from central.releases.maker import About, Trusted

DEMO_KEYS: Final = ("root1", "root2", "root3", "targets")
_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
_KEY = click.option(
    "--key", required=True, type=click.Path(path_type=Path, exists=True), help="The file of a key."
)
_PASSPHRASE = click.option(
    "--passphrase", envvar="RELEASE_PASSPHRASE", prompt=True, hide_input=True, default=""
)


@click.group()
def cli() -> None:
    """Say which files are genuine releases. Keys and this machine stay off every network."""


@cli.command("key")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--passphrase",
    envvar="RELEASE_PASSPHRASE",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    default="",
)
def key_command(file: Path, passphrase: str) -> None:
    """Make a key in FILE; prints its public part, by which a root names it."""
    click.echo(maker.make_key(file, passphrase))


@cli.command("root")
@_FOLDER
@click.option("--root", "roots", multiple=True, required=True, help="A key of the root; several.")
@click.option("--targets", multiple=True, required=True, help="A key that signs lists of files.")
@click.option("--online", multiple=True, required=True, help="A server's key (release key).")
@click.option("--threshold", default=maker.THRESHOLD, help="So many keys sign a root.")
@click.option("--days", default=maker.ROOT_DAYS, help="So long the root counts.")
def root_command(
    folder: Path,
    roots: tuple[str, ...],
    targets: tuple[str, ...],
    online: tuple[str, ...],
    threshold: int,
    days: int,
) -> None:
    """Write the next root into FOLDER: whose keys count from now on. It has to be signed then."""
    trusted = Trusted(roots, targets, online, threshold)
    click.echo(maker.draft_root(folder, trusted, SystemClock().now_ms(), days))


@cli.command("sign-root")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@_KEY
@_PASSPHRASE
def sign_root_command(file: Path, key: Path, passphrase: str) -> None:
    """Sign the root in FILE by one key; again by the next key, until enough have signed. A root
    that follows another is signed by enough keys of both."""
    count = maker.sign_root(file, maker.open_key(key, passphrase))
    click.echo(f"{file}: signed by {count} of its keys")


@cli.command("add")
@_FOLDER
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_KEY
@_PASSPHRASE
@click.option("--notes", default="", help="What is new, for operators.")
@click.option("--support-days", default=maker.SUPPORT_DAYS, help="So long it is supported.")
@click.option("--deltas", default=3, help="From so many earlier releases a delta is made.")
def add_command(
    folder: Path,
    files: tuple[Path, ...],
    key: Path,
    passphrase: str,
    notes: str,
    support_days: int,
    deltas: int,
) -> None:
    """Sign that FILES are genuine, besides those that were signed before. With no FILES: sign the
    list again, for a signature counts for a year."""
    signer, about = maker.open_key(key, passphrase), About(notes, support_days, deltas)
    click.echo(maker.add_files(folder, files, signer, SystemClock().now_ms(), about))


@cli.command("remove")
@_FOLDER
@click.argument("version")
@_KEY
@_PASSPHRASE
def remove_command(folder: Path, version: str, key: Path, passphrase: str) -> None:
    """Sign a list without release VERSION: no kiosk fetches it any more."""
    signer = maker.open_key(key, passphrase)
    click.echo(maker.remove_release(folder, version, signer, SystemClock().now_ms()))


@cli.command("demo")
@_FOLDER
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--online", required=True, help="A server's key (release key).")
def demo_command(folder: Path, files: tuple[Path, ...], online: str) -> None:
    """Sign FILES by throw-away keys without a passphrase, which lie in FOLDER, too: to try all of
    it on one machine, and for nothing else."""
    keys, now_ms = folder / "throw-away-keys", SystemClock().now_ms()
    keys.mkdir(parents=True, exist_ok=True)
    if not (keys / "targets").exists():
        public = {name: maker.make_key(keys / name, "") for name in DEMO_KEYS}
        trusted = Trusted([public[name] for name in DEMO_KEYS[:3]], [public["targets"]], [online])
        root = maker.draft_root(folder / "public", trusted, now_ms)
        for name in DEMO_KEYS[: maker.THRESHOLD]:
            maker.sign_root(root, maker.open_key(keys / name, ""))
    signer = maker.open_key(keys / "targets", "")
    click.echo(maker.add_files(folder / "public", files, signer, now_ms, About()))


def entry() -> None:
    """The command line, with refusals as one sentence and exit code 2."""
    try:
        cli(prog_name="central.releases")
    except CannotServeError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        click.echo(f"{place}{error.strerror or error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    entry()
