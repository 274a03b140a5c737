"""Placing an order: attempt after attempt, each on disk before its bytes leave.

How it works. ``place`` is the life of an order between the two transactions. Its
attempt row has been written (``sending``) when it starts. It sends once, reads
the outcome, lets ``core.outcome.following`` say what follows, and closes the
attempt in transaction 2, which in the same commit writes the next attempt, or
queues the order, or ends it. Nothing is ever sent for a row that was not just
written by this process, and no row is sent twice.

It runs in a task that the app owns. The reseller waits on ``Answering``, not on
this task; an order that has left is carried to its outcome whoever hangs up.

A transaction 2 that the disk refuses is repeated until it is taken: what was
bought stays known in memory meanwhile, and if the process dies first, its
``sending`` row becomes a doubt. What must change together: the steps here,
``Closing`` in ports, and the store's ``close_attempt``.
"""

import asyncio
from dataclasses import dataclass, replace

from aggregator.actions.answering import Answering
from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.model import Kind, Purchase, State
from aggregator.core.outcome import (
    Following,
    InDoubt,
    NotSent,
    Outcome,
    Placed,
    Rejected,
    Step,
    following,
)
from aggregator.core.routing import Weighed
from aggregator.ports import AttemptDraft, Closed, Closing, StoreUnavailable

# A provider's web server gives up at about 100 s, so nothing is worth waiting for longer.
READ_FOR_S = 110.0
DISK_RETRY_S = 1.0
_DECIDED = (Step.PLACED, Step.DOUBT)  # nothing else is to be done about the order now


@dataclass(slots=True)
class Job:
    """An order being placed. ``ahead`` are the routes still to try after ``at``."""

    order_id: int
    purchase: Purchase
    attempt_id: int
    at: Weighed
    ahead: list[Weighed]
    answering: Answering
    tries: int = 1
    queueable: bool = False
    idempotency_key: str | None = None
    charge_micros: int = 0


def draft(world: World, purchase: Purchase, choice: Weighed) -> AttemptDraft:
    """The attempt row for a try at ``choice``."""
    route, provider = choice.facts.route, choice.facts.provider
    sequence = world.sequence(route.provider, purchase.kind)
    return AttemptDraft(
        provider=route.provider,
        upstream_service=route.service,
        kind=sequence,
        boot_id=world.boot_id,
        cost_micros=choice.cost_micros,
        low_anchor=world.doubtful.anchor(route.provider, sequence),
        idempotency_key=world.doubtful.token(provider, world.boot_id),
    )


def keyed(purchase: Purchase, idempotency_key: str | None) -> Purchase:
    """The purchase as it is sent: with the attempt's idempotency parameter, if it has one."""
    if idempotency_key is None:
        return purchase
    name, _, value = idempotency_key.partition("=")
    return replace(purchase, params={**purchase.params, name: value})


async def place(world: World, job: Job) -> None:
    """Carries the order to an outcome, or to the queue. Never raises."""
    try:
        while await _attempted(world, job):
            pass
    except Exception:
        # A bug of ours must not leave the reseller waiting. The row stays as it
        # is: at the next start it becomes a doubt, and is never sent again.
        world.log.exception("placing_failed", order=job.order_id)
        job.answering.release_id(job.order_id, job.purchase.kind)


async def _attempted(world: World, job: Job) -> bool:
    """One try with its transaction 2; whether there is another to make."""
    route = job.at.facts.route
    outcome = _believed(await _sent(world, job), job.purchase)
    if isinstance(outcome, Placed):
        sequence = world.sequence(route.provider, job.purchase.kind)
        world.doubtful.placed(route.provider, sequence, outcome.upstream_order_id)
    then = following(outcome, job.tries)
    job.queueable = job.queueable or then.queueable
    if then.step is Step.PLACED:
        # It is bought and known by its attempt row: the answer need not wait for the disk.
        job.answering.give_id(job.order_id, job.purchase.kind)
    # What has not left when we stop goes to the queue, and leaves at the next start.
    next_choice = None if world.stopping else _next(world, job, then.step)
    closing = _closing(world, job, outcome, then, next_choice)
    closed = await _close(world, job, closing)
    if isinstance(outcome, Placed) and closed.state is State.IN_DOUBT:
        outcome = InDoubt("they named an order that is already ours")
    _told(world, job, outcome, then)
    if next_choice is None or closed.attempt_id is None:
        _answer(job, closed, closing)
        return False
    job.tries = job.tries + 1 if next_choice is job.at else 1
    job.at, job.attempt_id = next_choice, closed.attempt_id
    job.idempotency_key = closing.next.idempotency_key if closing.next else None
    return True


async def _sent(world: World, job: Job) -> Outcome:
    """What came of the one send of an attempt's row. Between the question whether the
    provider is still the one that was chosen and the send nothing waits."""
    route, provider = job.at.facts.route, job.at.facts.provider
    if not world.is_current(provider):
        return NotSent("the provider was changed meanwhile", ours=True)
    purchase = keyed(job.purchase, job.idempotency_key)
    with world.doubtful.flight(route.provider):
        return await world.upstream.add(
            route.provider, route.service, purchase, timeout_s=READ_FOR_S
        )


def _believed(outcome: Outcome, purchase: Purchase) -> Outcome:
    """A provider that says it made something else of the order has to be looked at."""
    told = outcome.kind if isinstance(outcome, Placed) else None
    if not isinstance(outcome, Placed) or told is None:
        return outcome
    if (told is Kind.DRIPFEED) is (purchase.kind is Kind.DRIPFEED):
        return outcome
    return InDoubt(f"they made a {told} order of it: {outcome.upstream_order_id}")


def _next(world: World, job: Job, step: Step) -> Weighed | None:
    """The next try. A route whose provider fell ill meanwhile is one to wait for."""
    if step is Step.SAME_ROUTE:
        return job.at
    while step is Step.NEXT_ROUTE and job.ahead:
        choice = job.ahead.pop(0)
        if world.takes_orders(choice.facts.provider.name):
            return choice
        job.queueable = True
    return None


def _closing(
    world: World, job: Job, outcome: Outcome, then: Following, next_choice: Weighed | None
) -> Closing:
    """Transaction 2 for ``outcome``. An end with an error claims the answer first."""
    now_ms = world.clock.now_ms()
    closing = Closing(job.order_id, job.attempt_id, outcome, now_ms)
    if then.step in _DECIDED:
        return closing
    if next_choice is not None:
        return replace(closing, next=draft(world, job.purchase, next_choice))
    queue_for_ms = int(world.setup.policy.queue_for_s * 1000)
    if then.step is not Step.END and job.queueable and queue_for_ms:
        return replace(closing, queued_until_ms=now_ms + queue_for_ms)
    error = then.error if then.step is Step.END else errors.UNAVAILABLE
    return replace(closing, error=error, answered=not job.answering.claim_error())


async def _close(world: World, job: Job, closing: Closing) -> Closed:
    """Transaction 2, repeated while the disk refuses it.

    Nobody waits that long for an error: the reseller gets his ID, and the order
    will end as one that was answered.
    """
    while True:
        try:
            return await world.store.close_attempt(closing)
        except StoreUnavailable:
            world.log.exception("transaction_refused", order=closing.order_id)
            world.alert("transaction_refused", order=closing.order_id)
            job.answering.release_id(job.order_id, job.purchase.kind)
            closing = replace(closing, answered=True)
            await asyncio.sleep(DISK_RETRY_S)


def _answer(job: Job, closed: Closed, closing: Closing) -> None:
    if closed.state is State.REJECTED:
        job.answering.give_error(closing.error)
    else:
        job.answering.release_id(job.order_id, job.purchase.kind)


def _told(world: World, job: Job, outcome: Outcome, then: Following) -> None:
    """Each outcome is counted and logged. A provider's words may quote a link: they
    are for the order's events, where an operator asks for them, not for the log."""
    provider = job.at.facts.route.provider
    kind, detail = _named(outcome)
    world.metrics.attempt(provider, kind)
    if kind == "placed":
        world.metrics.sold(provider, job.charge_micros, job.at.our_cost_micros)
    tell = world.alert if then.alert else world.log.info
    tell(kind, order=job.order_id, provider=provider, attempt=job.attempt_id, **detail)


def _named(outcome: Outcome) -> tuple[str, dict[str, str]]:
    match outcome:
        case Placed(upstream_order_id):
            return "placed", {"upstream_order": upstream_order_id}
        case Rejected(error_class):
            return "rejected", {"means": error_class.value}
        case NotSent(cause):
            return "not_sent", {"cause": cause}
        case InDoubt(cause):
            return "in_doubt", {"cause": cause}
