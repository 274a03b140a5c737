"""The command line: one file per group of commands.

==================  ==========================================================
``serve``           the server
``check``           what is wrong with a configuration; ``live`` asks the providers,
                    ``replaying`` takes the orders of the last days
``probe``           how does a panel speak?
``catalogue``       what providers sell; ``catalogue_import`` makes services of it,
                    ``catalogue_diff`` tells what changed
``resellers``       ``reseller …``: who may order, his keys and his money;
                    ``reseller_prices`` what he pays, ``reseller_keys`` how he gets
                    in, ``reseller_import`` many at once, ``accounts`` how
                    he is shown
``orders``          ``orders list`` and ``orders show``; ``story`` tells the latter
``orders_by_hand``  the other commands of ``orders``
``backup``          a sound copy of the database, beside a server that runs;
                    ``restore`` puts one back
``ledger``          does every cent add up; who paid what when
``sandbox``         a pretend panel
``demo``            all of it at work, with five pretend panels
``completion``      of commands, options and names by a shell
``reference``       makes docs/cli.md of all these
``options``         options that several of them take, ``kinds`` of values;
                    ``output``, ``failures``
==================  ==========================================================

Modules that cost time to import (pydantic, aiohttp, rich) are imported by the
functions that need them, so that ``--help`` and a mistyped command answer at once.
"""

import click

from aggregator.cli.backup import backup
from aggregator.cli.catalogue import catalogue
from aggregator.cli.check import check
from aggregator.cli.completion import completion
from aggregator.cli.demo import demo
from aggregator.cli.failures import Commands
from aggregator.cli.ledger import ledger
from aggregator.cli.orders import orders
from aggregator.cli.probe import probe
from aggregator.cli.resellers import reseller
from aggregator.cli.restore import restore
from aggregator.cli.sandbox import sandbox
from aggregator.cli.serve import serve

EXIT_STATUS = """
\b
Exit status:
  0  done
  1  not done: no such order, not enough money, a ledger that does not verify, …
  2  a mistake in the configuration (all are listed) or on the command line

Commands work beside a running server, which notices within a second.
"""


@click.group(
    cls=Commands,
    epilog=EXIT_STATUS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="aggregator")
def main() -> None:
    """Resells SMM panels' services: forwards orders, and keeps resellers' prepaid money."""


COMMANDS = (
    *(serve, check, probe, catalogue, reseller, orders, ledger),
    *(backup, restore, sandbox, demo, completion),
)
for command in COMMANDS:
    main.add_command(command)

__all__ = ["main"]
