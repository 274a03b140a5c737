"""What a running server keeps of the configuration that it began with.

A socket that listens, a database that is open: a reload that says otherwise takes all the
rest, and warns that this takes a restart.
"""

from dataclasses import replace

from aggregator.config.loader import Loaded
from aggregator.config.mistakes import Mistake

NEEDS_RESTART = ("listen", "admin_listen", "database")


def keeping(new: Loaded, running: Loaded) -> Loaded:
    """``new`` as it can be put into use at once."""
    kept = {name: getattr(running.server, name) for name in NEEDS_RESTART}
    keys = [name for name, value in kept.items() if getattr(new.server, name) != value]
    policy, first = new.setup.policy, running.setup.policy.first_order_id
    if policy.first_order_id != first:
        keys.append("first_order_id")
    warnings = (
        Mistake(
            "", None, (key,), "has changed, which takes a restart; until then it stays as it was"
        )
        for key in keys
    )
    return replace(
        new,
        server=replace(new.server, **kept),
        setup=replace(new.setup, policy=replace(policy, first_order_id=first)),
        warnings=(*new.warnings, *new.locate(warnings)),
    )
