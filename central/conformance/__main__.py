"""`python -m central.conformance URL KEY`: with a sandbox key; says what was sent and answered."""

from __future__ import annotations

import sys

import click
import httpx

from central.conformance.client import Client
from central.conformance.steps import STEPS, run


@click.command()
@click.argument("url")
@click.argument("key")
@click.option("--quiet", is_flag=True, help="One line for each step, and what failed.")
@click.option("--ca", type=click.Path(exists=True), help="Who issued the server's certificate.")
def main(url: str, key: str, quiet: bool, ca: str | None) -> None:
    """Drive a sandbox at URL through every state and every fault, once.

    Exit code 0: the server did all of it as it is documented. 1: it did something otherwise. 2: it
    could not be asked, or KEY is no sandbox's.
    """
    with httpx.Client(base_url=url.rstrip("/"), verify=ca or True, timeout=30) as line:
        client = Client(line, key, say=(lambda _text: None) if quiet else click.echo)
        try:
            failed = run(client, STEPS, click.echo)
        except httpx.HTTPError as error:
            click.echo(f"{url}: {type(error).__name__}: {error}", err=True)
            sys.exit(2)
        except PermissionError as error:
            click.echo(str(error), err=True)
            sys.exit(2)
    click.echo(f"{len(STEPS) - failed} of {len(STEPS)} steps are as documented")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
