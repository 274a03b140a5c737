"""What the operator's console shows, gathered from the world and the database."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata

from aggregator.actions import World
from aggregator.api import Ready
from aggregator.api.console import AlertRow, OrderRow, ProviderRow, View
from aggregator.background import audit, numbers
from aggregator.background.queue import considered
from aggregator.core.health import Health
from aggregator.core.model import Order, Provider, State
from aggregator.ports import Clock, Setup
from aggregator.store import ScriptedStore, lists, orders
from aggregator.store.lists import Numbers, OrderFilter, Overdue
from aggregator.store.tx import Row, Tx

SHOWN = 50


class Alerts:
    """The last alerts of this process, on their way to the bell."""

    def __init__(self, clock: Clock, ring: Callable[[Mapping[str, object]], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._last: deque[AlertRow] = deque(maxlen=SHOWN)

    def ring(self, event: Mapping[str, object]) -> None:
        detail = {name: value for name, value in event.items() if name != "event"}
        said = json.dumps(detail, default=str, ensure_ascii=False)
        self._last.appendleft(AlertRow(self._clock.now_ms(), str(event.get("event")), said))
        self._ring(event)

    @property
    def last(self) -> list[AlertRow]:
        return list(self._last)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the database says, of one moment."""

    numbers: Numbers
    overdue: dict[str, Overdue]
    verified: tuple[int, int] | None
    doubts: Sequence[OrderRow]
    queue: Sequence[tuple[OrderRow, Order]]


async def view(world: World, database: ScriptedStore, ready: Ready, alerts: Alerts) -> View:
    """Nothing here walks through ended orders, however many there are."""
    now_ms = world.clock.now_ms()
    setup = world.setup
    kept = await database.read(partial(_kept, setup=setup, now_ms=now_ms))
    is_ready, detail = ready()
    return View(
        now_ms=now_ms,
        since_ms=world.up_since_ms,
        version=metadata.version("aggregator"),
        ready=is_ready,
        detail=detail,
        by_state={state.value: orders for state, orders in kept.numbers.by_state.items()},
        needs_person=kept.numbers.needs_person,
        overdue=sum(one.count for one in kept.overdue.values()),
        verified=kept.verified,
        providers=[
            _provider(world, one, kept.overdue[name], now_ms)
            for name, one in setup.providers.items()
        ],
        doubts=kept.doubts,
        queue=[_in_line(world, row, order) for row, order in kept.queue],
        alerts=alerts.last,
    )


def _kept(tx: Tx, setup: Setup, now_ms: int) -> _Kept:
    return _Kept(
        lists.numbers(tx),
        numbers.overdue_by_provider(tx, setup, now_ms),
        audit.last(tx),
        _waiting(tx, State.IN_DOUBT),
        [(row, orders.get(tx, row.id)) for row in _waiting(tx, State.QUEUED)],
    )


def _waiting(tx: Tx, state: State) -> list[OrderRow]:
    return [_order(row) for row in lists.listed(tx, OrderFilter(state=state, limit=SHOWN))]


def _order(row: Row) -> OrderRow:
    awaited = json.loads(row["awaited"]) if row["awaited"] else {}
    why = str(awaited.get("why", ""))
    if row["needs_person"]:
        why = f"needs a person: {why}" if why else "needs a person"
    return OrderRow(
        id=row["id"],
        reseller=row["reseller"],
        service_id=row["service_id"],
        charge_micros=row["charge_micros"],
        provider=row["provider"],
        since_ms=row["created_at_ms"],
        why=why,
    )


def _in_line(world: World, row: OrderRow, order: Order) -> OrderRow:
    """With the routes it could take, and why none takes it now."""
    routes = considered(world, order)
    names = dict.fromkeys(one.facts.provider.name for one in routes)
    why = "; ".join(one.explained() for one in routes) or "its service is not configured any more"
    return replace(row, provider=", ".join(names), why=why)


def _provider(world: World, provider: Provider, late: Overdue, now_ms: int) -> ProviderRow:
    health = world.upstream.health(provider.name)
    balance, least = health.balance_micros, provider.low_balance_micros
    return ProviderRow(
        name=provider.name,
        dialect=provider.dialect,
        state=_state(provider, health, now_ms),
        balance_micros=balance,
        currency=provider.currency,
        low=balance is not None and least is not None and balance < least,
        flying=world.doubtful.flying[provider.name],
        overdue=late.count,
        overdue_mean_ms=late.mean_ms,
    )


def _state(provider: Provider, health: Health, now_ms: int) -> str:
    if provider.retired:
        return "retired"
    if provider.paused:
        return "paused by you"
    return "ok" if health.usable(now_ms) else f"backing off: {health.why}"
