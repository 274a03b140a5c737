"""``aggregator check --replay``: what a configuration would have done with past orders."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.opening import now_ms, reading
from aggregator.core.model import PriceTerms
from aggregator.core.replay import Replayed, replay

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.core.model import Offer
    from aggregator.ports import Setup
    from aggregator.store.tx import Tx

Offers = dict[str, dict[str, "Offer"]]


@dataclass(slots=True)
class _Sums:
    """Of the orders that would be taken, in micros; costs of those known then and now.
    ``refused``: what was charged for the others."""

    was_charge: int = 0
    charge: int = 0
    was_cost: int = 0
    cost: int = 0
    refused: int = 0

    def add(self, one: Replayed) -> None:
        if one.refused:
            self.refused += one.order.charge_micros
        if one.charge_micros is not None:
            self.was_charge += one.order.charge_micros
            self.charge += one.charge_micros
        if one.cost_micros is not None and one.was_cost_micros is not None:
            self.was_cost += one.was_cost_micros
            self.cost += one.cost_micros

    def described(self) -> dict[str, object]:
        return {
            "charge": {"was": output.money(self.was_charge), "would": output.money(self.charge)},
            "cost": {"was": output.money(self.was_cost), "would": output.money(self.cost)},
            "refused_charge": output.money(self.refused),
        }


@dataclass(slots=True)
class _Group:
    """Orders of one service that would fare alike."""

    service: int
    was: str
    would: str
    orders: int = 0
    sums: _Sums = field(default_factory=_Sums)

    def add(self, one: Replayed) -> None:
        self.orders += 1
        self.sums.add(one)


class _Tally:
    """What is told of all orders: there may be millions, of which most are as they were.

    ``orders``: those that differ, described, where somebody wants to read each.
    """

    def __init__(self, *, each: bool) -> None:
        self.counts = Counter[str]()
        self.sums = _Sums()
        self.orders: list[dict[str, object]] = []
        self._each = each
        self._groups: dict[tuple[int, str, str], _Group] = {}

    def add(self, one: Replayed) -> None:
        self.sums.add(one)
        self.counts["orders"] += 1
        self.counts["same"] += not one.differs
        self.counts["elsewhere"] += one.elsewhere
        self.counts["cost_more"] += one.costs_more
        self.counts["charged_otherwise"] += one.charged_otherwise
        self.counts["refused"] += bool(one.refused)
        if one.differs:
            key = (one.order.service_id, _was(one), _would(one))
            self._groups.setdefault(key, _Group(*key)).add(one)
            if self._each:
                self.orders.append(_order_json(one))

    @property
    def groups(self) -> list[_Group]:
        """The largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.orders)


def replayed(loaded: "Loaded", since_s: float, as_json: bool) -> None:
    """Prints what would be different."""
    from aggregator.cli.asking import waiting

    since_ms = now_ms() - int(since_s * 1000)
    tally = _Tally(each=as_json)
    with waiting("Going through the orders …"), reading(loaded) as tx:
        for one in _each(tx, loaded.setup, since_ms):
            tally.add(one)
    if not as_json:
        _show(loaded, tally)
        return
    output.as_json(
        {
            "since": output.moment(since_ms),
            "summary": dict[str, object](tally.counts) | tally.sums.described(),
            "groups": [_group_json(one) for one in tally.groups],
            "orders": tally.orders,
        }
    )


def _each(tx: "Tx", setup: "Setup", since_ms: int) -> Iterator[Replayed]:
    from aggregator.store import catalogue, lists, resellers

    agreed = {account.id: account.terms for account in resellers.listed(tx)}
    offers = catalogue.offers(tx, setup.routed())
    facts = {key: setup.facts(one, offers) for key, one in setup.services.items()}
    for order in lists.sold_since(tx, since_ms):
        service = setup.services.get(order.service_id)
        known = facts.get(order.service_id, [])
        terms = agreed.get(order.reseller_id, PriceTerms())
        yield replay(order, service, known, terms, setup.providers)


def _was(one: Replayed) -> str:
    order = one.order
    return "–" if order.provider is None else f"{order.provider}/{order.upstream_service}"


def _would(one: Replayed) -> str:
    return f"refused: {one.refused}" if one.refused else f"{one.provider}/{one.upstream_service}"


# -- showing


def _show(loaded: "Loaded", tally: _Tally) -> None:
    groups, counts, sums = tally.groups, tally.counts, tally.sums
    if groups:
        headings = ("ORDERS", "SERVICE", "WAS", "WOULD BE", "CHARGED", "COST")
        rows = (
            (
                str(one.orders),
                str(one.service),
                one.was,
                one.would,
                _change(one.sums.was_charge, one.sums.charge),
                _change(one.sums.was_cost, one.sums.cost),
            )
            for one in groups
        )
        output.table(headings, rows, right="ORDERS,SERVICE,CHARGED,COST", free="WOULD BE")
        click.echo()
    said = (
        f"{counts['same']} as they were",
        f"{counts['elsewhere']} elsewhere",
        f"{counts['cost_more']} at a higher cost",
        f"{counts['charged_otherwise']} charged otherwise",
        f"{counts['refused']} refused",
    )
    click.echo(f"{output.count(counts['orders'], 'order')}: {', '.join(said)}.")
    currency = loaded.setup.policy.currency
    click.echo(
        f"Charged {_change(sums.was_charge, sums.charge)} {currency}, "
        f"at a cost of {_change(sums.was_cost, sums.cost)} {currency} as far as it is known."
    )
    if sums.refused:
        click.echo(
            f"Not earned with what would be refused: {output.money(sums.refused)} {currency}."
        )


def _change(was: int, would: int) -> str:
    if was == would:
        return output.money(was)
    return f"{output.money(was)} → {output.money(would)}"


def _group_json(one: _Group) -> dict[str, object]:
    return {
        "service": one.service,
        "orders": one.orders,
        "was": one.was,
        "would": one.would,
        **one.sums.described(),
    }


def _order_json(one: Replayed) -> dict[str, object]:
    order = one.order
    return {
        "order": order.id,
        "service": order.service_id,
        "was": {
            "provider": order.provider,
            "upstream_service": order.upstream_service,
            "charge": output.money(order.charge_micros),
            "cost": _money(one.was_cost_micros),
        },
        "would": {
            "provider": one.provider,
            "upstream_service": one.upstream_service,
            "charge": _money(one.charge_micros),
            "cost": _money(one.cost_micros),
        },
        "refused": one.refused or None,
    }


def _money(micros: int | None) -> str | None:
    return None if micros is None else output.money(micros)
