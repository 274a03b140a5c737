"""``aggregator demo``: the whole program at work, with nothing real behind it.

============  ================================================================
``course``    what happens, one thing after the other
``errands``   what is bought, and how each purchase should end
``house``     the pretend panels, the configuration, the server
``client``    the reseller's side
``screen``    the progress display
============  ================================================================
"""

import click


@click.command(epilog="Example: aggregator demo --keep")
@click.option("--keep", is_flag=True, help="Leave it running, to try things out, until Ctrl-C.")
def demo(keep: bool) -> None:
    """Show all of it at work, against five pretend panels.

    Places orders over HTTP, follows them to their end, asks for a refill and a
    cancel, and ends with the books. Needs no configuration and leaves nothing
    behind.
    """
    import asyncio

    from aggregator.cli.demo.course import run
    from aggregator.cli.demo.house import Failed

    try:
        asyncio.run(run(keep))
    except Failed as failed:
        raise click.ClickException(f"The demo failed: {failed}") from failed
    except asyncio.CancelledError:
        raise click.Abort from None
