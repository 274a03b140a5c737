"""HTTP in: the resellers' faces and the operator's pages.

=============  ===============================================================
``faces``      ``Api``: from a reseller's request to our answer
``body``       a request's parameters, whatever way they were sent
``refusals``   what is refused for how it was sent
``limits``     how often somebody may ask
``addresses``  who is calling, behind which proxies
``admin``      ``Admin``: health, readiness, metrics
``console``    one page for a browser: how it is doing, read only
``listener``   start and drain
``connection`` one connection: one request after the other, and how long we wait
``incoming``   from bytes to requests
``request``    a request, as a connection hands it on
``answers``    answers, and how they are written
``sockets``    addresses, and sockets that were opened for us
=============  ===============================================================
"""

from aggregator.api.admin import Admin, Look, Ready
from aggregator.api.faces import Api, Desk, Settings
from aggregator.api.limits import Limit, Limits
from aggregator.api.sockets import Inherited

__all__ = ["Admin", "Api", "Desk", "Inherited", "Limit", "Limits", "Look", "Ready", "Settings"]
