"""`python -m drivers …`: tools for the installer at the machine.

Exit codes: 0 done, 1 done with a problem (a door that did not open, nothing found), 2 for what has
to be put right first; that is said in one line.
"""

from __future__ import annotations

import logging
import sys

import click

from config import ConfigError
from drivers.door import DriverError
from drivers.tools.board_commands import doors, unlock
from drivers.tools.commissioning_command import commission
from drivers.tools.discovery_command import find
from drivers.tools.monitor_command import monitor
from drivers.tools.scanner_command import scan
from drivers.tools.supported_boards import families
from drivers.tools.terminal import EXIT_INTERRUPTED, EXIT_MISTAKE


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Tools for lock boards and scanners, for the installer at the machine."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        sys.exit(EXIT_MISTAKE)
    # What a driver would log the commands say themselves.
    logging.getLogger("drivers").setLevel(logging.CRITICAL)


for command in (doors, unlock, find, scan, commission, monitor, families):
    main.add_command(command)


def entry() -> None:
    """Run a command; every mistake is one line."""
    try:
        main(prog_name="python -m drivers", standalone_mode=False)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
    except (DriverError, ConfigError, OSError) as error:
        message = str(error)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    else:
        return
    click.echo(f"drivers: {message}", err=True)
    sys.exit(EXIT_MISTAKE)


if __name__ == "__main__":
    entry()
