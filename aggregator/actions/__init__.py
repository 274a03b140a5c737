"""One file per action of the API; the desk picks it.

===================  =========================================================
``desk``             authenticates, checks the scope, picks the action
``world``            what every action works with
``sales``            services as they are sold now, kept while nothing changes
``add``              check, price, route, hold: transaction 1
``placing``          attempts and outcomes: transaction 2
``answering``        the one answer of an ``add``, however many wait for it
``status``           what a reseller sees of his orders
``refresh``          asking providers after orders, settling what they say
``refill``           and ``refill_status``, ``cancel``: forwarded (``forward``)
``services``         what we sell; ``balance``: what he can spend
===================  =========================================================
"""

from aggregator.actions.desk import Answer, Desk
from aggregator.actions.world import World

__all__ = ["Answer", "Desk", "World"]
