"""The bench: how fast the server is, beside what its ground allows.

``python -m benchmarks.bench`` (or ``make bench``) starts everything on loopback, each in
a process of its own: the server under test, a panel (``panel``), a load (``load``).
Ours is the real ``aggregator serve``. Its baselines (``baselines``) are written plainly
on aiohttp, with uvloop as ours has. Both are measured in turn in the same run, so that
whatever else the machine does meets them alike.

The server has a core to itself and all else shares the others (``processes``). CPU time
per request is read from the kernel, for the time of the load alone; of all figures it is
the one that other work on the machine disturbs least.

=============  ===============================================================
``panel``      the upstream: answers from memory, and counts what it was asked
``load``       sends requests and times the answers
``baselines``  what ours is held against
``ground``     a configuration and a database with a reseller
``grown``      databases with millions of orders
``processes``  starting, pinning, CPU time, memory
``figures``    which there are
``placing``    the figures of ``add``
``reading``    those of ``status`` and ``services``
``asking``     calls to providers
``growth``     large databases, memory, starting
``effort``     how many rounds, how long
``scores``     medians, ratios and their spread; what the goals are
``report``     the table, the JSON
``plot``       the curves of growth
``profile``    where the time goes, layer by layer
=============  ===============================================================
"""
