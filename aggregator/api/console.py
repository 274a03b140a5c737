"""``/console``: how the server is doing, on one page that only looks.

It holds no key, no link and no comment, loads nothing from elsewhere, runs no script, and
escapes every word, for names come from configurations and IDs from providers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from aggregator.core import pricing

CSP = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_PAGES = files("aggregator.api").joinpath("pages")
STYLE = _PAGES.joinpath("console.css").read_bytes()


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """``state`` is "ok" or what keeps orders away; ``balance_micros`` in its own currency,
    ``low`` where it is below what the operator wants. ``flying``: adds under way;
    ``overdue``: orders that it should have been asked after, for how long on average."""

    name: str
    dialect: str
    state: str
    balance_micros: int | None
    currency: str
    low: bool
    flying: int
    overdue: int
    overdue_mean_ms: int


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order that waits, and for what."""

    id: int
    reseller: str
    service_id: int
    charge_micros: int
    provider: str | None
    since_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    at_ms: int
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class View:
    """Everything the page shows, of one moment.

    ``ready`` and ``detail`` are those of ``/readyz``; ``verified``: when the books were
    last, and how many violations that found.
    """

    now_ms: int
    since_ms: int
    version: str
    ready: bool
    detail: Mapping[str, object]
    by_state: Mapping[str, int]
    needs_person: int
    overdue: int
    verified: tuple[int, int] | None
    providers: Sequence[ProviderRow] = ()
    doubts: Sequence[OrderRow] = ()
    queue: Sequence[OrderRow] = ()
    alerts: Sequence[AlertRow] = ()


def _age(ms: int) -> str:
    """The two greatest units of a duration: 3 d 4 h."""
    seconds, parts = max(ms, 0) // 1000, list[str]()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _source(name: str) -> str:
    return _PAGES.joinpath(name).read_text("utf-8")


def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(_source),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(age=_age, moment=_moment, money=pricing.exact)
    return made


_PAGE = _environment().get_template("console.html")


def render(view: View) -> bytes:
    return _PAGE.render(view=view).encode()
