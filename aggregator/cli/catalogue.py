"""``aggregator catalogue …``: what providers sell, and bringing it in.

``catalogue_import`` has the command that writes services, ``catalogue_diff`` the one that
tells what changed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import catalogue_diff, catalogue_import, output
from aggregator.cli.opening import load, now_ms, reading
from aggregator.cli.options import config_option, json_option
from aggregator.core import pricing
from aggregator.core.model import Offer
from aggregator.core.plaintext import plain_text

if TYPE_CHECKING:
    from aggregator.config import Loaded


@click.group()
def catalogue() -> None:
    """What providers sell: their lists, and services of ours made of them."""


catalogue.add_command(catalogue_import.import_)
catalogue.add_command(catalogue_diff.diff)

LIST_EXAMPLES = """
\b
Examples:
  aggregator catalogue list gulf --category instagram
  aggregator catalogue list gulf --search "followers refill" --json
"""


@catalogue.command("list", epilog=LIST_EXAMPLES)
@click.argument("provider")
@click.option("--category", help="Only categories that contain this.")
@click.option("--search", default="", help="Only services whose names contain these words.")
@click.option("--stored", is_flag=True, help="As last read by the server; ask nobody.")
@config_option
@json_option
def list_(
    provider: str,
    category: str | None,
    search: str,
    stored: bool,
    config_path: Path,
    as_json: bool,
) -> None:
    """List what a provider sells, as it answers now.

    Prices are the provider's, in its currency, per 1000 (packages: per order). CAN says
    what it can: refill, cancel, drip-feed. OURS are the services of ours that it serves.
    Where the provider does not answer, the list
    that the server read last is shown, with its age.
    """
    from aggregator.cli import asking

    loaded = load(config_path, secrets=not stored)
    asking.known(loaded, provider)
    offers, read_at_ms = _offers(loaded, provider, stored)
    ours = asking.served_by(loaded, provider)
    found = [one for one in asking.in_category(offers.values(), category) if _named(one, search)]
    if as_json:
        output.as_json(
            {
                "provider": provider,
                "read_at": None if read_at_ms is None else output.moment(read_at_ms),
                "services": [_described(one, ours) for one in found],
            }
        )
        return
    headings = ("SERVICE", "TYPE", "RATE", "MIN", "MAX", "CAN", "OURS", "NAME", "CATEGORY")
    rows = (_line(one, ours) for one in found)
    output.table(headings, rows, right="SERVICE,RATE,MIN,MAX", free="NAME,CATEGORY")
    currency = loaded.setup.providers[provider].currency
    said = f"{len(found)} of {output.count(len(offers), 'service')} of {provider}"
    click.echo(f"\n{said}; rates in {currency}; r: refill, c: cancel, d: drip-feed.")


def _offers(
    loaded: "Loaded", provider: str, stored: bool
) -> tuple[Mapping[str, Offer], int | None]:
    """The list, and when it was read where it is not of this moment."""
    from aggregator.cli import asking

    if stored:
        return _stored(loaded, provider)
    try:
        return asking.listed(loaded, provider), None
    except click.ClickException as silent:
        why = silent
    try:
        offers, read_at_ms = _stored(loaded, provider)
    except click.ClickException:
        raise why from None
    click.echo(f"{why.message} This is its list of {_age(read_at_ms)} ago.", err=True)
    return offers, read_at_ms


def _stored(loaded: "Loaded", provider: str) -> tuple[Mapping[str, Offer], int]:
    from aggregator.store import catalogue
    from aggregator.store.exceptions import NoDatabase

    try:
        with reading(loaded) as tx:
            read_at_ms = catalogue.read_at_ms(tx, provider)
            known = catalogue.of_provider(tx, provider)
    except NoDatabase:
        read_at_ms, known = None, {}
    if read_at_ms is None:
        raise click.ClickException(f"No list of {provider} was read yet.")
    return {key: one for key, one in known.items() if not one.gone}, read_at_ms


def _age(at_ms: int) -> str:
    minutes = max(now_ms() - at_ms, 0) // 60_000
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _named(offer: Offer, search: str) -> bool:
    name = plain_text(offer.name).casefold()
    return all(word in name for word in search.casefold().split())


_CAN = ("refill", "cancel", "dripfeed")


def _line(offer: Offer, ours: Mapping[str, list[int]]) -> tuple[str, ...]:
    return (
        offer.service,
        offer.type or "–",
        output.money(offer.rate_micros),
        output.maybe(offer.min),
        output.maybe(offer.max),
        "".join(key[0] if getattr(offer, key) else "-" for key in _CAN),
        ", ".join(map(str, ours.get(offer.service, ()))),
        plain_text(offer.name),
        plain_text(offer.category),
    )


def _described(offer: Offer, ours: Mapping[str, list[int]]) -> dict[str, object]:
    rate = offer.rate_micros
    return {
        "service": offer.service,
        "name": plain_text(offer.name),
        "category": plain_text(offer.category),
        "type": offer.type,
        "rate": None if rate is None else pricing.exact(rate),
        "min": offer.min,
        "max": offer.max,
        **{key: getattr(offer, key) for key in _CAN},
        "ours": ours.get(offer.service, []),
    }
