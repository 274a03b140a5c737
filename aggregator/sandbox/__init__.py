"""A pretend panel in any dialect, over real sockets, with faults on demand.

For the demo and the tests. ``Panel`` is the panel itself; ``SandboxServer`` puts it
behind a port, keeps the log of what it accepted, and lets it fail as told.
"""

from aggregator.sandbox.catalogue import CATALOGUE, Ending, Item, item
from aggregator.sandbox.faults import Fault, Rule
from aggregator.sandbox.panel import KEY, Panel, PanelSettings
from aggregator.sandbox.running import builtin_dialect, run_sandbox
from aggregator.sandbox.server import SandboxServer

__all__ = [
    "CATALOGUE",
    "KEY",
    "Ending",
    "Fault",
    "Item",
    "Panel",
    "PanelSettings",
    "Rule",
    "SandboxServer",
    "builtin_dialect",
    "item",
    "run_sandbox",
]
