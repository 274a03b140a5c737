"""One revision of the operator's configuration, whole and checked."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aggregator.core.health import Health
from aggregator.core.model import (
    Offer,
    Policy,
    Provider,
    Service,
)
from aggregator.core.routing import Facts
from aggregator.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Setup:
    """One revision of the operator's configuration, whole and checked."""

    revision: str
    policy: Policy
    providers: Mapping[str, Provider]
    dialects: Mapping[str, Dialect]
    services: Mapping[int, Service]

    def dialect_of(self, provider: str) -> Dialect:
        return self.dialects[self.providers[provider].dialect]

    def facts(
        self,
        service: Service,
        offers: Mapping[str, Mapping[str, Offer]],
        health: Callable[[str], Health] = lambda _provider: Health(),
    ) -> list[Facts]:
        """What is known of each of the service's routes, in the operator's order.

        ``offers``: provider -> its service ID -> what it offers. ``health`` of a provider;
        all are well, if nothing else is said.
        """
        return [
            Facts(
                route=route,
                provider=self.providers[route.provider],
                health=health(route.provider),
                offer=offers.get(route.provider, {}).get(route.service),
                offers_dripfeed=self.dialect_of(route.provider).offers_dripfeed,
            )
            for route in service.routes
        ]

    def routed(self) -> dict[str, set[str]]:
        """provider -> those of its services that some route leads to."""
        found: dict[str, set[str]] = defaultdict(set)
        for service in self.services.values():
            for route in service.routes:
                found[route.provider].add(route.service)
        return found
