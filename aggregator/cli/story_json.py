"""The story of one order for programs: ``aggregator orders show --json``.

Times are ISO 8601 text, money is text, IDs of theirs are text; null is "not known".
"""

from typing import TYPE_CHECKING

from aggregator.cli import output
from aggregator.cli.advice import awaited
from aggregator.cli.story import considered, priced
from aggregator.core.model import Attempt, Order, Refill

if TYPE_CHECKING:
    from aggregator.store.lists import Moved, Story


def described(story: "Story") -> dict[str, object]:
    order = story.order
    return {
        "order": order.id,
        "parent": order.parent_id,
        "state": order.state.value,
        "needs_person": order.needs_person,
        "awaited": awaited(story),
        "reseller": story.reseller,
        "service": order.service_id,
        "type": order.service_type,
        "kind": order.kind.value,
        "params": dict(order.params),
        "quantity": order.quantity,
        "units": order.units,
        "runs": order.runs,
        "interval": order.interval,
        "rate": output.money(order.rate_micros),
        "rate_why": priced(story),
        "charge": output.money(order.net_charge_micros),
        "sold_for": output.money(order.charge_micros),
        "refunded": output.money(order.refunded_micros),
        "config_revision": order.config_revision,
        "config_read_at": _time(story.revision_since_ms),
        "error": order.error,
        "routes_considered": considered(story),
        **_described_provider(order),
        **_described_times(order),
        "attempts": [_described_attempt(one) for one in story.attempts],
        "transfers": [_described_transfer(one) for one in story.transfers],
        "children": [_described_child(one) for one in story.children],
        "refills": [_described_refill(one) for one in story.refills],
        "events": [
            {"at": output.moment(one.at_ms), "kind": one.kind, "detail": one.detail}
            for one in story.events
        ],
    }


def _described_provider(order: Order) -> dict[str, object]:
    return {
        "provider": order.provider,
        "upstream_service": order.upstream_service,
        "upstream_order_id": order.upstream_order_id,
        "upstream_cost": _text(order.upstream_cost_micros),
        "upstream_charge": _text(order.upstream_charge_micros),
        "word": order.word,
        "start_count": order.start_count,
        "remains": order.remains,
        "runs_done": order.runs_done,
        "posts_done": order.posts_done,
    }


def _described_times(order: Order) -> dict[str, object]:
    return {
        "created_at": output.moment(order.created_at_ms),
        "asked_at": _time(order.asked_at_ms),
        "next_check_at": _time(order.next_check_at_ms),
        "queued_until": _time(order.queued_until_ms),
        "failed_since": _time(order.failed_since_ms),
        "unreadable_since": _time(order.unreadable_since_ms),
        "ended_at": _time(order.ended_at_ms),
    }


def _described_attempt(one: Attempt) -> dict[str, object]:
    return {
        "number": one.number,
        "provider": one.provider,
        "upstream_service": one.upstream_service,
        "state": one.state.value,
        "upstream_order_id": one.upstream_order_id,
        "cost": _text(one.cost_micros),
        "cause": one.cause,
        "created_at": output.moment(one.created_at_ms),
        "ended_at": _time(one.ended_at_ms),
    }


def _described_transfer(one: "Moved") -> dict[str, object]:
    return {
        "at": output.moment(one.at_ms),
        "kind": one.kind,
        "version": one.version,
        "micros": one.micros,
        "amount": output.money(one.micros),
        "note": one.note,
    }


def _described_child(one: Order) -> dict[str, object]:
    return {
        "order": one.id,
        "state": one.state.value,
        "upstream_order_id": one.upstream_order_id,
        "word": one.word,
        "remains": one.remains,
        "share": output.money(one.share_micros),
    }


def _described_refill(one: Refill) -> dict[str, object]:
    return {
        "refill": one.id,
        "status": one.status,
        "upstream_refill_id": one.upstream_refill_id,
        "created_at": output.moment(one.created_at_ms),
        "asked_at": _time(one.asked_at_ms),
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else output.moment(at_ms)


def _text(micros: int | None) -> str | None:
    return None if micros is None else output.money(micros)
