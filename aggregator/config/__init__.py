"""The operator's YAML, checked whole: every mistake at once, each with its line.

===============  ==============================================================
``loader``       the way from a path to ``Loaded``; start reading there
``sources``      the files: main and included, and where each part stands
``yaml_tree``    YAML as a tree that knows its lines
``environment``  ``${NAME}``
``schema``       every key, its kind and its default
``values``       the kinds of values: times, rates, money, names
``network``      more of them: addresses and URLs
``keys``         secrets in files of their own
``forms``        the whole configuration, part by part
``rules``        what must hold between keys
``build``        from forms to ``Setup`` and ``ServerSettings``
``settings``     what the configuration says about the server itself
``memory``       what the database remembers, held against a new configuration
``keeping``      what a running server keeps of the configuration that it began with
``mistakes``     what a mistake is and how it reads
===============  ==============================================================
"""

from aggregator.config.keeping import keeping
from aggregator.config.loader import Loaded, load, summary
from aggregator.config.memory import (
    Account,
    Memory,
    ProviderMemory,
    check_against_memory,
    fingerprint,
    is_another,
)
from aggregator.config.mistakes import ConfigErrors, Mistake, render
from aggregator.config.settings import (
    Address,
    Limit,
    Limits,
    Network,
    ServerSettings,
    Tcp,
    Unix,
)

__all__ = [
    "Account",
    "Address",
    "ConfigErrors",
    "Limit",
    "Limits",
    "Loaded",
    "Memory",
    "Mistake",
    "Network",
    "ProviderMemory",
    "ServerSettings",
    "Tcp",
    "Unix",
    "check_against_memory",
    "fingerprint",
    "is_another",
    "keeping",
    "load",
    "render",
    "summary",
]
