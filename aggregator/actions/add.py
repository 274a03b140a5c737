"""``add``: check, price, route, hold the money, then place (``actions.placing``).

Everything before transaction 1 refuses without a trace: nothing is written and
nothing is sent. From transaction 1 on the order exists, and so does the memory of
its request ID.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from aggregator.actions.answering import Answering
from aggregator.actions.ids import one_id
from aggregator.actions.placing import Job, draft, place
from aggregator.actions.sales import Sale
from aggregator.actions.world import World
from aggregator.core import errors, order_types, pricing, routing
from aggregator.core.errors import ClientError
from aggregator.core.messages import Added, Command
from aggregator.core.model import Purchase, Reseller, Service, State
from aggregator.core.routing import Verdict, Weighed
from aggregator.ports import OrderDraft, Remembered, RequestId

REQUEST_ID_MAX = 128


async def add(world: World, reseller: Reseller, command: Command, request_id: str | None) -> Added:
    """The ID of the order, or the ClientError for the reseller."""
    if request_id is None:
        answering = Answering()
        world.spawn(_buy(world, reseller, command.params, None, answering))
        return await answering.wait()
    request = RequestId(_bounded(request_id), fingerprint(command.params))
    answering = _joined(world, reseller, command.params, request)
    if answering.fingerprint != request.fingerprint:
        raise ClientError(errors.REQUEST_ID_REUSED)
    return await answering.wait()


def fingerprint(params: Mapping[str, str]) -> str:
    """Of the decoded parameters: how they were spelled on the wire does not matter."""
    said = {name: value for name, value in params.items() if name != "request_id"}
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _bounded(request_id: str) -> str:
    if len(request_id) <= REQUEST_ID_MAX and request_id.isprintable():
        return request_id
    return hashlib.sha256(request_id.encode("utf-8", "surrogatepass")).hexdigest()


def _joined(
    world: World, reseller: Reseller, params: Mapping[str, str], request: RequestId
) -> Answering:
    """The answer under way for this request ID; begun here if there is none."""
    slot = (reseller.id, request.text)
    answering = world.answering.get(slot)
    if answering is None:
        answering = world.answering[slot] = Answering(request.fingerprint)
        world.spawn(_buy_once(world, reseller, params, request, answering))
    return answering


async def _buy_once(
    world: World,
    reseller: Reseller,
    params: Mapping[str, str],
    request: RequestId,
    answering: Answering,
) -> None:
    try:
        remembered = await world.store.remembered(reseller.id, request.text)
        if remembered is None:
            await _buy(world, reseller, params, request, answering)
        else:
            _repeat(remembered, request, answering)
    except Exception as error:
        answering.fail(error)
    finally:
        # From here on the store answers for it.
        del world.answering[reseller.id, request.text]


def _repeat(remembered: Remembered, request: RequestId, answering: Answering) -> None:
    if remembered.fingerprint != request.fingerprint:
        answering.give_error(errors.REQUEST_ID_REUSED)
    elif remembered.error is not None and remembered.state is State.REJECTED:
        answering.give_error(remembered.error)
    else:
        answering.give_id(remembered.order_id, remembered.kind)


async def _buy(
    world: World,
    reseller: Reseller,
    params: Mapping[str, str],
    request: RequestId | None,
    answering: Answering,
) -> None:
    """Places an order in the task that it runs in, and gives its answer."""
    try:
        job = await _opened(world, reseller, params, request, answering)
    except ClientError as error:
        answering.give_error(str(error))
        return
    except Exception as error:
        answering.fail(error)
        return
    if job is not None:
        within_s = world.setup.policy.answer_within_s
        world.unanswered.begin(job.order_id, job.purchase.kind, answering, within_s)
        try:
            await place(world, job)
        finally:
            world.unanswered.end(job.order_id)


async def _opened(
    world: World,
    reseller: Reseller,
    params: Mapping[str, str],
    request: RequestId | None,
    answering: Answering,
) -> Job | None:
    """Transaction 1. None where there is nothing to send: a repeat, or the queue."""
    sale, now_ms = _on_sale(world, reseller, params), world.clock.now_ms()
    purchase = order_types.check(sale.service, params)
    weighed = world.weigh(sale.prospects, purchase, now_ms)
    ranked = world.ranked(sale.service, weighed)
    order_draft = _draft(world, reseller, sale, purchase, request, weighed, ranked, now_ms)
    with world.doubtful.flight(order_draft.first.provider if order_draft.first else ""):
        opened = await world.store.open_order(order_draft)
    if isinstance(opened, Remembered):
        _repeat(opened, request or RequestId("", ""), answering)
        return None
    if opened.attempt_id is None:
        answering.give_id(opened.order_id, purchase.kind)
        return None
    job = Job(opened.order_id, purchase, opened.attempt_id, ranked[0], ranked[1:], answering)
    job.charge_micros = order_draft.charge_micros
    job.queueable = len(ranked) < len(weighed) and _waits(weighed)
    job.idempotency_key = order_draft.first.idempotency_key if order_draft.first else None
    return job


def _on_sale(world: World, reseller: Reseller, params: Mapping[str, str]) -> Sale:
    text = params.get("service")
    if text is None:
        raise ClientError(errors.is_required("service"))
    service_id = one_id(text)
    service = None if service_id is None else world.setup.services.get(service_id)
    if service is None or not service.enabled:
        raise ClientError(errors.SERVICE_NOT_FOUND)
    sale = world.sale(service, reseller.terms)
    if sale is None:
        unpriced = routing.unpriced(world.facts(service))
        why = f"no route sets the price that its markup is for: {unpriced}"
        raise _unavailable(world, service, why)
    return sale


def _draft(
    world: World,
    reseller: Reseller,
    sale: Sale,
    purchase: Purchase,
    request: RequestId | None,
    weighed: Sequence[Weighed],
    ranked: Sequence[Weighed],
    now_ms: int,
) -> OrderDraft:
    service = sale.service
    return OrderDraft(
        reseller_id=reseller.id,
        service_id=service.id,
        service_type=service.type,
        purchase=purchase,
        rate_micros=service.rate_micros,
        charge_micros=pricing.charge(
            service.rate_micros, purchase.units, per_order=sale.order_type.per_order
        ),
        config_revision=world.setup.revision,
        now_ms=now_ms,
        first=draft(world, purchase, ranked[0]) if ranked else None,
        queued_until_ms=None if ranked else _queued_until(world, service, weighed, now_ms),
        request=request,
        explanation="; ".join([one.explained() for one in weighed]),
        price=sale.price,
    )


def _queued_until(world: World, service: Service, weighed: Sequence[Weighed], now_ms: int) -> int:
    """How long an order may wait for a route; ClientError where it is not worth it."""
    queue_for_ms = int(world.setup.policy.queue_for_s * 1000)
    if not _waits(weighed):
        raise _unavailable(world, service, "; ".join(one.explained() for one in weighed))
    if not queue_for_ms:
        raise ClientError(errors.UNAVAILABLE)
    return now_ms + queue_for_ms


def _waits(weighed: Sequence[Weighed]) -> bool:
    """Whether a route could serve the order, were its provider well."""
    return Verdict.WAITING in [one.verdict for one in weighed]


def _unavailable(world: World, service: Service, why: str) -> ClientError:
    """An order that is refused leaves no row: its trace is an alert, one for each reason."""
    about = ("service_unavailable", service.id, why)
    world.alert_once(about, "service_unavailable", service=service.id, why=why)
    return ClientError(errors.UNAVAILABLE)
