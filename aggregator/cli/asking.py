"""Asking providers for their lists of services and our balance, all at once."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from aggregator.core.messages import Balance, Refused, Unreadable
from aggregator.core.model import Offer
from aggregator.core.plaintext import plain_text

if TYPE_CHECKING:
    from aggregator.config import Loaded

LIST_S = 60.0
BALANCE_S = 30.0

Listed = dict[str, Offer] | Refused | Unreadable


@dataclass(frozen=True, slots=True)
class Told:
    """What one provider answered; ``listed`` is by his service IDs."""

    listed: Listed
    balance: Balance | Refused | Unreadable


def ask(loaded: "Loaded", providers: Iterable[str]) -> dict[str, Told]:
    """The list and the balance of each. A silent one keeps no other waiting for nothing."""
    return asyncio.run(_ask(loaded, list(providers)))


async def _ask(loaded: "Loaded", providers: list[str]) -> dict[str, Told]:
    from aggregator import bootstrap
    from aggregator.core import drift
    from aggregator.ports import Upstream

    async def of(upstream: Upstream, name: str) -> Told:
        rows, balance = await asyncio.gather(
            upstream.services(name, timeout_s=LIST_S),
            upstream.balance(name, timeout_s=BALANCE_S),
        )
        if isinstance(rows, Refused | Unreadable):
            return Told(rows, balance)
        return Told({row.service: drift.offer(row) for row in rows}, balance)

    async with bootstrap.asking(loaded) as upstream:
        told = await asyncio.gather(*(of(upstream, name) for name in providers))
    return dict(zip(providers, told, strict=True))


def listed(loaded: "Loaded", provider: str) -> dict[str, Offer]:
    """The provider's list; a ClickException says why there is none."""
    with waiting(f"Asking {provider} for its services …"):
        answer = ask(loaded, [provider])[provider].listed
    if isinstance(answer, Unreadable):
        raise click.ClickException(f"{provider} does not answer: {answer.cause}.")
    if isinstance(answer, Refused):
        raise click.ClickException(
            f"{provider} refuses to tell its services: {answer.error_class}."
        )
    return answer


def waiting(text: str) -> AbstractContextManager[object]:
    """A spinner beside ``text``, where somebody looks at a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.status(text) if console.is_terminal else nullcontext()


def known(loaded: "Loaded", provider: str) -> None:
    """BadParameter where the configuration has no such provider."""
    from aggregator.config.mistakes import unknown

    if provider not in loaded.setup.providers:
        message = unknown("provider", provider, loaded.setup.providers)
        raise click.BadParameter(message, param_hint="PROVIDER")


def in_category(offers: Iterable[Offer], category: str | None) -> Iterator[Offer]:
    """Those whose category contains ``category``, whatever its case."""
    said = (category or "").casefold()
    return (one for one in offers if said in plain_text(one.category).casefold())


def served_by(loaded: "Loaded", provider: str) -> dict[str, list[int]]:
    """The provider's service ID -> the services of ours with a route to it."""
    found: dict[str, list[int]] = {}
    for service in loaded.setup.services.values():
        for route in service.routes:
            if route.provider == provider:
                found.setdefault(route.service, []).append(service.id)
    return found
