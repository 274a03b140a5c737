"""``aggregator catalogue import``: services of ours out of a provider's list."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.kinds import MAX_ID, Markup
from aggregator.cli.opening import load
from aggregator.cli.options import config_option, json_option
from aggregator.core import importing, pricing
from aggregator.core.importing import Draft, Terms
from aggregator.core.model import Offer

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.config.fragments import Entry, Fragment, Value

EXAMPLES = """
\b
Examples:
  aggregator catalogue import gulf --category instagram --markup 20% --id-from 5000
  aggregator catalogue import gulf --service 4021 --service 4022 --markup 35% --dry-run
  aggregator catalogue import gulf --markup 20% --force
"""

# What --force takes over again; names and categories stay the operator's.
_TAKEN_OVER = ("type", "markup", "rate", "min", "max", "refill", "cancel", "dripfeed")


@click.command("import", epilog=EXAMPLES)
@click.argument("provider")
@click.option("--category", help="Only categories that contain this.")
@click.option("--service", "services", multiple=True, help="Only this ID of theirs; repeatable.")
@click.option("--markup", type=Markup(), required=True, help="On their price, such as 20%.")
@click.option("--fixed", is_flag=True, help="Write the rate of today, not one that follows theirs.")
@click.option(
    "--id-from",
    type=click.IntRange(1, MAX_ID),
    help="Where our IDs begin; without it, behind the highest one in use.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write to; services/PROVIDER.yaml beside the configuration.",
)
@click.option("--force", is_flag=True, help="Take prices, limits and abilities over again.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be written.")
@config_option
@json_option
def import_(
    provider: str,
    category: str | None,
    services: tuple[str, ...],
    markup: tuple[str, Decimal],
    fixed: bool,
    id_from: int | None,
    out: Path | None,
    force: bool,
    dry_run: bool,
    config_path: Path,
    as_json: bool,
) -> None:
    """Write a provider's services as services of ours, ready to be sold.

    What was imported before keeps its ID, and everything that was written or changed
    by hand: another import only adds what is new. What cannot be sold (a placeholder
    price, an unknown type, limits that contradict each other) is written as a comment
    with the reason.
    """
    from aggregator.cli import asking
    from aggregator.config import fragments

    loaded = load(config_path, secrets=True)
    asking.known(loaded, provider)
    path = out or config_path.parent / "services" / f"{provider}.yaml"
    try:
        before = fragments.read(path)
        offers = asking.listed(loaded, provider)
        chosen = _chosen(offers, category, services)
        terms = _terms(loaded, provider, markup, fixed)
        drafts = [importing.draft(offer, terms) for offer in chosen]
        plan = _Plan(loaded, provider, before, force, id_from)
        for draft in drafts:
            plan.take(draft)
        with asking.waiting(f"Writing {path} …"):
            text = plan.text()
            if not dry_run and text != before.text:
                fragments.put(path, text)
    except fragments.Unusable as unusable:
        raise click.ClickException(f"{unusable}.") from None
    _tell(plan, offers, dry_run, as_json, text)
    if not dry_run and text != before.text:
        _look_again(loaded, config_path, path, plan)


def _chosen(
    offers: Mapping[str, Offer], category: str | None, services: Collection[str]
) -> list[Offer]:
    from aggregator.cli import asking

    if missing := [one for one in services if one not in offers]:
        raise click.ClickException(f"Not in their list: {', '.join(missing)}.")
    found = asking.in_category(offers.values(), category)
    chosen = [one for one in found if not services or one.service in services]
    if not chosen:
        raise click.ClickException(
            f"None of their {len(offers)} services is in such a category; "
            "`aggregator catalogue list` shows them all."
        )
    return chosen


def _terms(loaded: "Loaded", provider: str, markup: tuple[str, Decimal], fixed: bool) -> Terms:
    written, fraction = markup
    exchange_rate = loaded.setup.providers[provider].exchange_rate
    promises = loaded.setup.dialect_of(provider).promises
    return Terms(fraction, written, promises, exchange_rate, fixed)


@dataclass
class _Plan:
    """What becomes of each draft; filled in by ``take``."""

    loaded: "Loaded"
    provider: str
    before: "Fragment"
    force: bool
    id_from: int | None
    entries: "list[Entry]" = field(default_factory=list)
    changes: "dict[int, Mapping[str, Value | None]]" = field(default_factory=dict)
    kept: list[tuple[int, Draft]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._elsewhere = {
            (route.provider, route.service): service.id
            for service in self.loaded.setup.services.values()
            for route in service.routes
        }
        self._free = self._ids()

    def _ids(self) -> Iterator[int]:
        taken = {*self.loaded.setup.services, *self.before.ids}
        first = self.id_from or max(taken, default=0) + 1
        return (key for key in count(first) if key not in taken)

    def take(self, draft: Draft) -> None:
        route = (self.provider, draft.offer.service)
        before = self.before
        found = before.live.get(route, before.hidden.get(route, self._elsewhere.get(route)))
        parked = before.parked.get(route)
        if found is not None:
            self._keep(found, draft)
        elif parked is None:
            self.entries.append(self._entry(next(self._free), draft))
        elif draft.reason and not self.force:
            self.kept.append((parked, draft))
        else:
            self.entries.append(self._entry(parked, draft))

    def _keep(self, key: int, draft: Draft) -> None:
        """A service that there is. Only --force changes it, if it is ours to change."""
        now = self.before.services.get(key)
        changes = {} if now is None or draft.reason or not self.force else _changes(now, draft)
        if changes:
            self.changes[key] = changes
        else:
            self.kept.append((key, draft))

    def _entry(self, key: int, draft: Draft) -> "Entry":
        from aggregator.config.fragments import LEFT_OUT, Entry

        parked = bool(draft.reason)
        remark = f"{LEFT_OUT}: {draft.reason}" if parked else _remark(draft)
        return Entry(key, (self.provider, draft.offer.service), draft.values, remark, parked)

    def text(self) -> str:
        from aggregator.config import fragments

        before = fragments.changed(self.before, self.changes) if self.changes else self.before
        return (
            fragments.written(before, self.provider, self.entries) if self.entries else before.text
        )


def _changes(now: Mapping[str, object], draft: Draft) -> "Mapping[str, Value | None]":
    """What --force sets and (None) takes out."""
    wanted = {key: draft.values.get(key) for key in _TAKEN_OVER}
    if wanted["type"] == "Default" and "type" not in now:
        del wanted["type"]
    return {key: value for key, value in wanted.items() if now.get(key) != value}


def _remark(draft: Draft) -> str:
    theirs = pricing.exact(draft.offer.rate_micros or 0)
    return "; ".join((f"{theirs} there", *draft.notes))


# -- telling


def _tell(
    plan: _Plan, offers: Mapping[str, Offer], dry_run: bool, as_json: bool, text: str
) -> None:
    vanished = {
        service: key
        for (provider, service), key in plan.before.live.items()
        if provider == plan.provider and service not in offers
    }
    if as_json:
        output.as_json(_described(plan, vanished, dry_run))
        return
    if dry_run:
        click.echo(text, nl=False)
    for line in _lines(plan, vanished, len(offers)):
        click.echo(output.safe(line), err=dry_run)


def _lines(plan: _Plan, vanished: Mapping[str, int], count: int) -> Iterator[str]:
    new = [one.id for one in plan.entries if not one.parked]
    yield f"{plan.provider} lists {output.count(count, 'service')}."
    if new:
        yield f"  {len(new)} imported as {_span(new)}"
    if plan.changes:
        yield f"  {len(plan.changes)} taken over again"
    if plan.kept:
        yield f"  {len(plan.kept)} left as they were"
    reasons = Counter(one.remark for one in plan.entries if one.parked)
    for reason, times in reasons.most_common():
        yield f"  {times} {reason}"
    if vanished:
        yield f"  {len(vanished)} no longer in their list: {_span(sorted(vanished.values()))}"


def _span(ids: Sequence[int]) -> str:
    if len(ids) > 10:
        return f"{min(ids)} to {max(ids)}"
    return ", ".join(map(str, ids))


def _described(plan: _Plan, vanished: Mapping[str, int], dry_run: bool) -> dict[str, object]:
    def one(key: int, upstream_service: str, **more: object) -> dict[str, object]:
        return {"service": key, "upstream_service": upstream_service, **more}

    return {
        "file": str(plan.before.path),
        "written": not dry_run,
        "imported": [one(e.id, e.route[1]) for e in plan.entries if not e.parked],
        "left_out": [one(e.id, e.route[1], reason=e.remark) for e in plan.entries if e.parked],
        "updated": sorted(plan.changes),
        "kept": [one(key, draft.offer.service) for key, draft in plan.kept],
        "vanished": [one(key, service) for service, key in vanished.items()],
    }


def _look_again(loaded: "Loaded", config_path: Path, path: Path, plan: _Plan) -> None:
    """The configuration must still be sound; ConfigErrors where it is not."""
    after = load(config_path, secrets=True)
    new = {one.id for one in plan.entries if not one.parked}
    if not new <= after.setup.services.keys():
        click.echo(
            f"{path} is not part of {loaded.file} yet: name it there under `include:`.", err=True
        )
