"""Work with no request behind it.

==============  ==============================================================
``clockwork``   runs each of the jobs below at its interval, whatever happens
``queue``       orders that wait for a route: oldest first, until ``queue_for``
``polling``     asks after open orders, and sparsely after ended ones
``catalogues``  providers' lists of services, at start and hourly
``losses``      routes that would sell below cost, told once
``balances``    what is left on our accounts at providers
``bell``        the operator's ``alert_command``
``doubts``      settles orders in doubt: carries out ``core.doubt.plan``
``incidents``   what ``plan`` looks at, from the database and from memory
``verdicts``    what ``plan`` decided, written down; and what is there after all
``restores``    after a restore: what was bought since the backup, before sales reopen
``cures``       paused providers: is the money there, does the key work again
``numbers``     how many orders wait, are in doubt, are overdue: for the metrics
``audit``       verifies the ledger once a day
``watchdog``    tells systemd that the loop turns and the writer answers
==============  ==============================================================
"""

from aggregator.background import numbers
from aggregator.background.audit import Audit
from aggregator.background.bell import Bell
from aggregator.background.clockwork import Clockwork, Job
from aggregator.background.doubts import Doubts
from aggregator.background.jobs import jobs
from aggregator.background.restores import Restores
from aggregator.background.watchdog import watchdog

__all__ = [
    "Audit",
    "Bell",
    "Clockwork",
    "Doubts",
    "Job",
    "Restores",
    "jobs",
    "numbers",
    "watchdog",
]
