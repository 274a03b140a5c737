"""Lists of services, kept: thousands of rows, asked for all day, hardly ever another."""

from collections import OrderedDict
from collections.abc import Callable, Mapping

from aggregator.core.messages import ServiceList
from aggregator.core.model import Offer, PriceTerms
from aggregator.ports import Setup

LISTS_KEPT = 32  # one of 5,000 services takes about 2 MB, and 1 MB more for each face

Catalogue = Mapping[str, Mapping[str, Offer]]


class Lists:
    """Of one configuration and one catalogue, by terms; those asked for last.

    Either is replaced whole when it changes, so whether it has is whether it is the
    same object.
    """

    def __init__(self) -> None:
        self._of: tuple[Setup, Catalogue] | None = None
        self._kept: OrderedDict[PriceTerms, ServiceList] = OrderedDict()

    def get(
        self, setup: Setup, catalogue: Catalogue, his: PriceTerms, make: Callable[[], ServiceList]
    ) -> ServiceList:
        """The list for these terms; ``make`` is called where there is none."""
        if self._of is None or self._of[0] is not setup or self._of[1] is not catalogue:
            self._of = setup, catalogue
            self._kept.clear()
        if his not in self._kept:
            self._kept[his] = make()
            if len(self._kept) > LISTS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(his)
        return self._kept[his]
