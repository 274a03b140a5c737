"""The story of one order, for an operator woken at night: first ``advice``, then why.

``story_json`` is the same for programs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.advice import advice
from aggregator.core.model import Attempt, AttemptState, Order, Refill
from aggregator.core.order_types import TYPES

if TYPE_CHECKING:
    from aggregator.ports import Setup
    from aggregator.store.lists import Happened, Moved, Story

OPENED = "opened"  # the event that keeps which routes were considered
_LONGEST = 200  # of a parameter or an event's detail; --json has them whole
_INDENT = 15  # of a fact behind its name
_FREE = "CAUSE,NOTE,DETAIL"


def priced(story: "Story") -> str | None:
    """Why he paid another rate than the list's; None where he did not."""
    told = [one.detail.get("price") for one in story.events if one.kind == OPENED]
    return str(told[0]) if told and told[0] else None


def considered(story: "Story") -> list[str]:
    """Which routes were looked at when it was sold, and what spoke against each."""
    opened = [one.detail.get("why", "") for one in story.events if one.kind == OPENED]
    return [route for why in opened for route in str(why).split("; ") if route]


def tell(story: "Story", setup: "Setup", now_ms: int) -> None:
    order = story.order
    click.echo(f"Order {order.id} is {order.state.value.replace('_', ' ')}.")
    for line in advice(story, setup).splitlines():
        click.echo(output.wrapped(line))
    _facts("What was sold", _sold(story, setup.policy.currency))
    if order.provider is not None:
        _facts("Where it is", _placed(order, now_ms))
    _lines("Routes considered when it was sold", considered(story))
    _section("Attempts", _ATTEMPT, [_attempt(one) for one in story.attempts])
    _section("Money", _MOVED, [_moved(one) for one in story.transfers])
    _section("Orders that the provider made of it", _CHILD, [_child(o) for o in story.children])
    _section("Refills", _REFILL, [_refill(one) for one in story.refills])
    told = [one for one in story.events if one.kind != OPENED]
    numbers = {one.id: one.number for one in story.attempts}
    _section("Events", _EVENT, [_event(one, numbers) for one in told])


def _heading(text: str) -> None:
    click.echo("\n" + click.style(text, bold=True))


def _facts(heading: str, facts: Iterator[tuple[str, str]]) -> None:
    _heading(heading)
    for name, value in facts:
        click.echo(f"  {name:<12} {_cut(output.safe(value), output.room(_INDENT, _LONGEST))}")


def _lines(heading: str, lines: Sequence[str]) -> None:
    if lines:
        _heading(heading)
    for line in lines:
        click.echo(output.wrapped(line, indent="  "))


def _section(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        _heading(heading)
        output.table(columns, rows, free=_FREE)


def _cut(text: str, longest: int = _LONGEST) -> str:
    """``longest`` of it, with what is said of the rest."""
    if len(text) <= longest:
        return text
    told = f"… ({len(text)} characters)"
    return f"{text[: longest - len(told)]}{told}"


def _sold(story: "Story", currency: str) -> Iterator[tuple[str, str]]:
    order = story.order
    yield "reseller", story.reseller
    yield "service", f"{order.service_id} ({order.service_type})"
    if order.parent_id is not None:
        yield "part of", f"order {order.parent_id}, which paid for it"
    yield from order.params.items()
    yield "units", _units(order)
    per = "per order" if TYPES[order.service_type].per_order else "per 1000"
    why = f" ({reason})" if (reason := priced(story)) else ""
    yield "rate", f"{output.money(order.rate_micros)} {currency} {per}{why}"
    yield "charge", f"{output.money(order.charge_micros)} {currency}"
    yield "paid by now", f"{output.money(order.net_charge_micros)} {currency}"
    yield "sold", f"{output.shown(order.created_at_ms)} UTC"
    since = story.revision_since_ms
    read = "" if since is None else f", read {output.shown(since)} UTC"
    yield "revision", f"{order.config_revision} of the configuration{read}"


def _units(order: Order) -> str:
    if order.runs is None:
        return str(order.units)
    return f"{order.units}: {order.runs} times {order.quantity}"


def _placed(order: Order, now_ms: int) -> Iterator[tuple[str, str]]:
    yield "provider", f"{order.provider}, their service {order.upstream_service}"
    yield "their order", output.maybe(order.upstream_order_id)
    yield "their word", output.maybe(order.word)
    yield "start", output.maybe(order.start_count)
    yield "remains", output.maybe(order.remains)
    cost, charged = order.upstream_cost_micros, order.upstream_charge_micros
    yield "cost", f"{output.money(cost)} expected, {output.money(charged)} by their word"
    yield "asked", _ago(order.asked_at_ms, now_ms)
    yield "ask next", output.shown(order.next_check_at_ms)
    if order.failed_since_ms is not None:
        yield "failed", f"since {output.shown(order.failed_since_ms)} UTC, by their word"
    if order.unreadable_since_ms is not None:
        yield "unreadable", f"since {output.shown(order.unreadable_since_ms)} UTC"
    if order.ended_at_ms is not None:
        yield "ended", f"{output.shown(order.ended_at_ms)} UTC"


def _ago(at_ms: int | None, now_ms: int) -> str:
    if at_ms is None:
        return "never"
    return f"{output.shown(at_ms)} UTC, {max(now_ms - at_ms, 0) // 1000} s ago"


_ATTEMPT = ("  #", "PROVIDER", "SERVICE", "STATE", "THEIR ORDER", "COST", "SENT", "ENDED", "CAUSE")


def _attempt(one: Attempt) -> tuple[str, ...]:
    return (
        f"  {one.number}",
        one.provider,
        one.upstream_service,
        one.state.value,
        output.maybe(one.upstream_order_id),
        output.money(one.cost_micros),
        "–" if one.state is AttemptState.NOT_SENT else output.shown(one.created_at_ms),
        output.shown(one.ended_at_ms),
        _cut(one.cause or ""),
    )


_MOVED = ("  WHEN", "WHAT", "HOW MUCH", "NOTE")


def _moved(one: "Moved") -> tuple[str, ...]:
    at, micros = output.shown(one.at_ms), output.money(one.micros)
    return f"  {at}", one.kind, micros, one.note or ""


_CHILD = ("  ORDER", "STATE", "THEIR ORDER", "THEIR WORD", "REMAINS", "SHARE")


def _child(one: Order) -> tuple[str, ...]:
    return (
        f"  {one.id}",
        one.state.value,
        output.maybe(one.upstream_order_id),
        output.maybe(one.word),
        output.maybe(one.remains),
        output.money(one.share_micros),
    )


_REFILL = ("  REFILL", "STATUS", "THEIR REFILL", "ASKED FOR")


def _refill(one: Refill) -> tuple[str, ...]:
    at = output.shown(one.created_at_ms)
    return f"  {one.id}", one.status, one.upstream_refill_id, at


_EVENT = ("  WHEN", "WHAT", "DETAIL")


def _event(one: "Happened", numbers: Mapping[int, int]) -> tuple[str, ...]:
    """``numbers``: of the attempts, by ID."""
    told = (_told(name, value, numbers) for name, value in one.detail.items())
    return f"  {output.shown(one.at_ms)}", one.kind, _cut(", ".join(told))


def _told(name: str, value: object, numbers: Mapping[int, int]) -> str:
    """A detail in the words of the tables above it: attempts by number, money as money."""
    if name == "attempt" and isinstance(value, int):
        return f"attempt: {numbers.get(value, value)}"
    if name.endswith("micros") and isinstance(value, int):
        what = name.removesuffix("micros").rstrip("_") or "amount"
        return f"{what}: {output.money(value)}"
    return f"{name}: {value}"
