"""Every way in which a provider may say that an order has ended, and what it then costs.

A case is a purchase and the rows that the provider says of it, one stage after the
other; the last is said for ever after. ``@`` stands for the order's ID there, so that
"@c1" is a child of it. What must come of it is written beside: how much was delivered,
and the state. The price of that is reckoned here a second time, in fractions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from aggregator.core.model import State

UNITS = {"normal": 997, "package": 1, "dripfeed": 993, "subscription": 303}
RUN, POST = 331, 101  # units of one of 3
COMPLETED, PARTIAL, CANCELED = State.COMPLETED, State.PARTIAL, State.CANCELED
PLACED = State.PLACED


@dataclass(frozen=True, slots=True)
class Case:
    """``delivered``: units, or the fraction of a package that it costs."""

    name: str
    says: Sequence[str]
    delivered: int | Fraction
    state: State
    purchase: str = "normal"
    children: Mapping[str, str] = field(default_factory=dict)

    def cost(self, charge_micros: int) -> int:
        """To the fifth decimal, rounded up, as a reseller may reckon it himself."""
        exact = Fraction(charge_micros) * self.delivered / UNITS[self.purchase]
        return math.ceil(exact / 10) * 10

    @property
    def at_once(self) -> bool:
        """Whether all that is to be given back is given back by one transfer."""
        return len(self.says) == 1 and not self.children


def row(status: str, remains: str | None = '"0"', **more: str) -> str:
    """As JSON text: ``1e9`` and ``"1e9"`` are different things."""
    given = {"status": f'"{status}"', "remains": remains, "start_count": '"12"', **more}
    pairs = [f'"{name}":{value}' for name, value in given.items() if value is not None]
    return "{" + ",".join(pairs) + "}"


def _readable() -> list[Case]:
    """Figures that a Partial can be priced by, clamped to what was bought."""
    figures = {
        **dict.fromkeys(('"157"', "157", '"157.00"', '" 157 "'), 840),
        **dict.fromkeys(('"0"', '"+157"', '"-5"', "-5", '"-99999999999999999999"'), 997),
        **dict.fromkeys(('"997"', '"998"', '"99999999999999999999"', "9" * 40), 0),
        '"1,234"': 0,
    }
    return [
        Case(f"partial, remains {text[:24]}", [row("Partial", text)], delivered, PARTIAL)
        for text, delivered in figures.items()
    ]


def _unreadable() -> list[Case]:
    """Figures that say nothing: no refund, and the order is asked after for ever."""
    figures = ['"Unknown"', "null", '""', '"1e9"', "1e9", '"157.5"', "true", "[157]", '{"a":157}']
    figures += ['"٣"', '"0x10"', '"' + "9" * 61 + '"', '"NaN"']
    absent = Case("partial, no remains", [row("Partial", None)], 997, PLACED)
    return [absent] + [
        Case(f"partial, remains {text[:24]}", [row("Partial", text)], 997, PLACED)
        for text in figures
    ]


def _ends() -> list[Case]:
    """Ends that ``remains`` has no say in."""
    completed = [
        Case(f"completed, remains {text}", [row("Completed", text)], 997, COMPLETED)
        for text in ('"0"', '"157"', '"+157"', '"-5"', '"Unknown"', "null", "1e9")
    ]
    canceled = [
        Case(f"{word}, remains {text}", [row(word, text)], 0, CANCELED)
        for word in ("Canceled", "CANCELLED")
        for text in ('"0"', '"997"', '"-3"', "null", '"1e9"')
    ]
    failed = [
        Case(f"{word} and stayed so", [row(word, '"997"')], 0, CANCELED)
        for word in ("Fail", "failed", "Error", "Refunded", "refund")
    ]
    others = [
        Case(f"still {word}", [row(word, '"0"')], 997, PLACED)
        for word in ("Pending", "In progress", "Wartet", "Paused", "7")
    ]
    return completed + canceled + failed + others


def _stories() -> list[Case]:
    """A provider that changes his mind. Nothing is ever debited again."""

    def story(name: str, *says: str, delivered: int, state: State) -> Case:
        return Case(name, says, delivered, state)

    fail, going = row("Fail"), row("In progress", '"500"')
    done, gone = row("Completed"), row("Canceled")
    part, more = row("Partial", '"100"'), row("Partial", '"300"')
    return [
        story("failed, then in progress", fail, going, delivered=997, state=PLACED),
        story("failed, then completed", fail, done, delivered=997, state=COMPLETED),
        story("completed, then partial", done, part, delivered=897, state=PARTIAL),
        story("partial, then more of it", part, more, delivered=697, state=PARTIAL),
        story("partial, then less of it", more, part, delivered=697, state=PARTIAL),
        story("partial, then completed", more, done, delivered=697, state=PARTIAL),
        story("partial, then canceled", part, gone, delivered=0, state=CANCELED),
        story("canceled, then completed", gone, done, delivered=0, state=CANCELED),
        story("completed, then failed", done, fail, delivered=0, state=CANCELED),
        story("unreadable, then readable", row("Partial", "null"), part, delivered=897,
              state=PARTIAL),
    ]  # fmt: skip


def _packages() -> list[Case]:
    """Priced per order: a Partial costs the share that the provider's charge shows."""

    def package(charge: str, delivered: int | Fraction, state: State) -> Case:
        says = [row("Partial", '"1"', charge=charge)]
        return Case(f"package, partial, charge {charge}", says, delivered, state, "package")

    third = Fraction(136667, 410000)
    return [
        package('"0.205"', Fraction(1, 2), PARTIAL),
        package('"0.136667"', third, PARTIAL),
        package('"0"', 0, PARTIAL),
        package('"999"', 1, PARTIAL),
        *(package(charge, 1, PLACED) for charge in ("null", '"-0.2"', '"free"', "1e99", '"1,2"')),
        Case("package, canceled", [row("Canceled")], 0, CANCELED, "package"),
        Case("package, completed", [row("Completed", '"1"')], 1, COMPLETED, "package"),
    ]


def _dripfeeds() -> list[Case]:
    done = row("Completed")
    part, gone = row("Partial", '"31"'), row("Canceled", '"331"')

    def dripfeed(name: str, says: str, delivered: int, state: State, *runs: str) -> Case:
        children = {f"c{number}": run for number, run in enumerate(runs, 1)}
        return Case(f"dripfeed, {name}", [says], delivered, state, "dripfeed", children)

    all_three = row("Completed", orders='["@c1","@c2","@c3"]')
    two = '["@c1","@c2"]'
    return [
        dripfeed("all runs", all_three, 993, COMPLETED, done, done, done),
        dripfeed("a run partial", all_three, 962, COMPLETED, done, part, done),
        dripfeed("a run canceled", all_three, 662, COMPLETED, gone, done, done),
        dripfeed("canceled after two", row("Canceled", orders=two), 662, CANCELED, done, done),
        dripfeed("canceled, one partial", row("Canceled", orders=two), 631, CANCELED, done, part),
        dripfeed("partial after two", row("Partial", '"?"', orders=two), 662, PARTIAL, done, done),
        dripfeed("failed after two", row("Fail", orders=two), 662, CANCELED, done, done),
        dripfeed("runs named twice, and too many",
                 row("Completed", orders='["@c1","@c1","@c2","@c3","@c4"]'),
                 962, COMPLETED, done, done, part, part),
        dripfeed("runs that are none", row("Partial", '"?"', orders='["@c1",null]'), 993, PLACED),
        dripfeed("runs unnamed, completed", row("Completed"), 993, COMPLETED),
        dripfeed("runs unnamed, partial", row("Partial", '"331"'), 662, PARTIAL),
        dripfeed("runs unnamed, canceled", row("Canceled"), 0, CANCELED),
    ]  # fmt: skip


def _subscriptions() -> list[Case]:
    done, part = row("Completed"), row("Partial", '"31"')

    def posts(name: str, says: str, delivered: int, state: State, *made: str) -> Case:
        children = {f"c{number}": post for number, post in enumerate(made, 1)}
        return Case(f"subscription, {name}", [says], delivered, state, "subscription", children)

    all_three, one = '["@c1","@c2","@c3"]', row("Expired", posts='"1"')
    return [
        posts("all posts", row("Completed", posts='"3"', orders=all_three), 303, COMPLETED,
              done, done, done),
        posts("a post partial", row("Completed", posts='"3"', orders=all_three), 272, COMPLETED,
              done, part, done),
        posts("two of three", row("Completed", posts='"2"', orders='["@c1","@c2"]'), 202, COMPLETED,
              done, done),
        posts("expired after one", one, 101, COMPLETED),
        posts("expired, posts absurd", row("Expired", posts='"99999"'), 303, COMPLETED),
        posts("expired, posts unreadable", row("Expired", posts='"1e9"'), 303, PLACED),
        posts("canceled before any", row("Canceled", posts='"0"'), 0, CANCELED),
        posts("failed before any", row("Failed", posts='"0"'), 0, CANCELED),
        posts("paused for good", row("Paused", posts='"1"'), 303, PLACED),
    ]  # fmt: skip


CASES = (
    *_readable(),
    *_unreadable(),
    *_ends(),
    *_stories(),
    *_packages(),
    *_dripfeeds(),
    *_subscriptions(),
)
