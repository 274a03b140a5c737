"""aggregator: resells SMM panels' services through one API v2, and never buys twice.

The rooms, in the order in which an order walks through them:

===============  ==============================================================
``cli``          the commands; ``serve`` is one of them
``bootstrap``    composition root: builds the real things and hands them over
``api``          HTTP in: faces, limits, pages
``background``   work with no request behind it: polling, the queue, catalogues
``sandbox``      a pretend panel in any dialect, for the demo and the tests
``actions``      one file per action of the API: what happens, step by step
``upstream``     HTTP out: what left this machine, and what came back
``store``        the database: transactions, the ledger, what is remembered
``config``       the operator's YAML: every mistake at once, each with its line
``telemetry``    logs without secrets, metrics, readiness
``ports``        what the actions need from the world, as Protocols
``dialects``     pure: how panels speak, one YAML file each, one codec both ways
``core``         pure: every rule about orders and money
===============  ==============================================================

Imports run one way, top to bottom of that list (docs/architecture.md draws it;
tests/test_architecture.py holds us to it).
"""
