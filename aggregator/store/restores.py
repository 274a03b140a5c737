"""A database that was put back from a backup: what is done to it before it is used again,
and what is written down while the orders bought since are looked for.

Whatever happened after the backup is unknown here, and most of it for ever. So

* order and refill IDs jump, for those of the lost time are in resellers' hands;
* what was being sent, or in doubt, is left to a person: since then it may have been
  bought, settled, canceled or all of that;
* what was queued is canceled and given back: it may have been sent since, and sending
  it now would buy it twice.

``restored`` in ``meta`` says that the database was restored, ``restored/{provider}`` how
far the search there has come (``core.restoring.Stage``).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from aggregator.core import pricing
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind
from aggregator.core.restoring import ENDED, Progress, Stage
from aggregator.store import attempts, events, meta, orders
from aggregator.store.tx import Row, Tx

JUMP = 1_000_000
NUMBERED = ("orders", "refills")  # their IDs are in resellers' hands
RESTORED = "restored"
_UNSEARCHED = frozenset({Stage.WAIVED, Stage.IMPOSSIBLE})
_WHY = "the database was restored: what became of it since the backup is not known"


@dataclass(frozen=True, slots=True)
class Marked:
    """What became of the orders that were open. ``doubts`` are left to a person.
    ``ended``: every provider that was configured then has been searched since, or never
    will be."""

    at_ms: int
    next_order_id: int
    doubts: Sequence[int]
    canceled: Sequence[int]
    ended: bool = False


def mark(
    tx: Tx, reserve: Callable[[Tx, str, int], None], last: Mapping[str, int], now_ms: int
) -> Marked:
    """``last``: the highest ID that each table may have given out, in any life of the
    database; ``reserve(tx, table, first)`` makes the next one at least ``first``."""
    for table in NUMBERED:
        reserve(tx, table, last[table] + JUMP + 1)
    attempts.recover(tx, "", now_ms)
    doubts = sorted(int(row["id"]) for row in tx.all("doubts_to_a_person"))
    for order_id in doubts:
        events.add(tx, order_id, "doubt_needs_person", {"why": _WHY, "may_be": []}, now_ms)
    canceled = [int(row["id"]) for row in tx.all("all_queued")]
    for order_id in canceled:
        orders.cancel_queued(tx, order_id, _WHY, now_ms)
    marked = Marked(now_ms, last["orders"] + JUMP + 1, doubts, canceled)
    tx.run("forget_restore")
    meta.put(tx, RESTORED, json.dumps(asdict(marked)))
    return marked


def marked(tx: Tx) -> Marked | None:
    """None: this database was never restored."""
    text = meta.get(tx, RESTORED)
    return None if text is None else Marked(**json.loads(text))


def end(tx: Tx) -> None:
    known = marked(tx)
    if known is not None:
        meta.put(tx, RESTORED, json.dumps(asdict(replace(known, ended=True))))


def progress(tx: Tx) -> dict[str, Progress]:
    """By provider, where the search has come to anything."""
    found = {}
    for row in tx.all("restore_stages"):
        told = json.loads(row["value"])
        reached = {Kind(kind): number for kind, number in told["reached"].items()}
        name = row["key"].partition("/")[2]
        found[name] = Progress(Stage(told["stage"]), told["why"], told["since_ms"], reached)
    return found


def pending(tx: Tx, providers: Sequence[str]) -> dict[str, Progress] | None:
    """The searches that have not ended, of these providers; None: there is nothing to look
    for. One that was not configured while the others were searched still is to be."""
    made = marked(tx)
    if made is None:
        return None
    known = progress(tx)
    named = [one for one in providers if not made.ended or one in known or _older(tx, one, made)]
    searches = {name: known.get(name, Progress(Stage.SCANNING)) for name in named}
    found = {name: one for name, one in searches.items() if one.stage not in ENDED}
    return None if made.ended and not found else found


def _older(tx: Tx, provider: str, made: Marked) -> bool:
    """Whether anything was bought there before the database was put back."""
    first = tx.one("first_attempts", provider=provider, limit=1)
    return first is not None and first["created_at_ms"] < made.at_ms


def put_progress(tx: Tx, provider: str, made: Progress) -> None:
    reached = {kind.value: number for kind, number in made.reached.items()}
    told = {**asdict(made), "stage": made.stage.value, "reached": reached}
    meta.put(tx, f"{RESTORED}/{provider}", json.dumps(told))
    if made.stage in _UNSEARCHED:
        last = tx.one("last_attempt")
        meta.put(tx, _gap_key(provider), str(last["id"] if last else 0))


def _gap_key(provider: str) -> str:
    return f"provider/{provider}/unsearched"


def gap(tx: Tx, provider: str) -> int:
    """The last attempt before sales reopened at a provider that was not searched: below
    our first order after it stand some that we do not know. 0: there are none."""
    return int(meta.get(tx, _gap_key(provider)) or 0)


def waive(tx: Tx, provider: str, now_ms: int) -> bool:
    """Sells there again, whatever was or was not found. False where that was so already."""
    known = progress(tx).get(provider)
    if known is not None and known.stage is not Stage.SCANNING:
        return False
    why = "opened by hand before the search had ended"
    put_progress(tx, provider, Progress(Stage.WAIVED, why, now_ms))
    return True


def found(
    tx: Tx, provider: str, sequence: Kind, unknown: Mapping[int, OrderStatus], now_ms: int
) -> int:
    """Writes down orders that nobody here knows; how many of them are new."""
    return sum(
        tx.run(
            "insert_foundling",
            provider=provider,
            kind=sequence.value,
            upstream_order_id=str(number),
            word=said.word,
            charge_micros=pricing.nearest_micros(said.charge),
            start_count=said.start_count,
            remains=said.remains,
            now_ms=now_ms,
        )
        for number, said in sorted(unknown.items())
    )


def foundlings(tx: Tx) -> Sequence[Row]:
    """Those that are still nobody's. Rows as in the table."""
    return tx.all("foundlings")


def low_anchors(tx: Tx, provider: str) -> list[tuple[Kind, int]]:
    """Of each open doubt there: its sequence, and below which ID it cannot be."""
    return [
        (Kind(row["kind"]), int(row["low_anchor"]))
        for row in tx.all("found_first", provider=provider)
        if row["low_anchor"] is not None
    ]
