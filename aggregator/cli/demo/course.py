"""The demo's course: buy, follow to the end, and hold what came of it against the books."""

import asyncio
import signal
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click
from rich.console import Console

from aggregator.cli.demo.client import Client
from aggregator.cli.demo.errands import Errand, errands
from aggregator.cli.demo.house import CHEAP_FACE, MONEY, RESELLER, Failed, House, opened
from aggregator.cli.demo.screen import Screen
from aggregator.cli.ledger import verified
from aggregator.cli.opening import load
from aggregator.cli.statement import print_statement

FOLLOW_S = 45.0
_ASK_EVERY_S = 0.4


async def run(keep: bool) -> None:
    """All of it. Raises Failed where something is not as it should be.

    SIGTERM ends it like Ctrl-C does, by cancelling: the server is always stopped.
    """
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    console = Console(highlight=False)
    bought = errands()
    async with opened(bought) as house, Client(house) as client:
        with Screen(console, bought) as screen:
            _introduce(screen, house)
            await _buy(client, screen, bought)
            await _follow(client, screen, bought)
        await _settle_up(client, house, bought)
        if keep:
            await _keep(house, bought)


def _introduce(screen: Screen, house: House) -> None:
    screen.say("Five pretend panels, each in a dialect of its own:")
    for name, panel in house.panels.items():
        screen.say(f"  {name:<17}  {panel.url}")
    screen.say(f"The server sells their services at {house.url}/api/v2, and at {CHEAP_FACE}")
    screen.say("to clients that were written for a panel like cheapsmmpanel.")
    screen.say(f'Its reseller "{RESELLER}" has {MONEY} USD, and orders:\n')


async def _buy(client: Client, screen: Screen, bought: Sequence[Errand]) -> None:
    for errand in bought:
        await client.place(errand)
        screen.show()
    for errand in bought:
        if errand.cancel:
            await client.ask("cancel", order=errand.order)
            screen.say(f"  order {errand.order}: a cancel is asked for")


async def _follow(client: Client, screen: Screen, bought: Sequence[Errand]) -> None:
    """Asks for all of them at once until none is left to wait for."""
    refills: dict[str, Errand] = {}
    try:
        async with asyncio.timeout(FOLLOW_S):
            while not all(errand.done for errand in bought):
                await _ask(client, bought, refills)
                await _refill(client, screen, bought, refills)
                screen.show()
                await asyncio.sleep(_ASK_EVERY_S)
    except TimeoutError:
        left = [f"order {one.order} is {one.status!r}" for one in bought if not one.done]
        raise Failed(f"after {FOLLOW_S:g} s, {', '.join(left)}") from None


async def _ask(client: Client, bought: Sequence[Errand], refills: dict[str, Errand]) -> None:
    answers = await _statuses(client, [errand.order for errand in bought])
    for errand in bought:
        errand.answer = answers[errand.order]
        made = [str(one) for one in errand.answer.get("orders") or ()]
        if made:
            told = await _statuses(client, made)
            errand.made = {one: told[one]["status"] for one in made}
    if refills:
        words = await client.ask("refill_status", refills=",".join(refills))
        for row in words:
            refills[str(row["refill"])].refilled = str(row["status"])


async def _statuses(client: Client, orders: Sequence[str]) -> Any:
    return await client.ask("status", orders=",".join(orders))


async def _refill(
    client: Client, screen: Screen, bought: Sequence[Errand], refills: dict[str, Errand]
) -> None:
    for errand in bought:
        if errand.refill and errand.ended and not errand.refilled:
            answer = await client.ask("refill", order=errand.order)
            refills[str(answer["refill"])] = errand
            errand.refilled = "Pending"
            screen.say(f"  order {errand.order}: some of it dropped, a refill is asked for")


async def _settle_up(client: Client, house: House, bought: Sequence[Errand]) -> None:
    """What was promised against what is so: the ends, the panels' logs, every cent."""
    await _ask(client, bought, {})  # a charge as it is now that all the parts have ended
    wrong = [
        f"order {one.order} ended {one.status}, not {' or '.join(one.ends)}"
        for one in bought
        if one.status not in one.ends
    ]
    wrong += [f"the refill was {one.refilled}" for one in bought if one.refilled == "Rejected"]
    accepted = sum(len(panel.log()) for panel in house.panels.values())
    if accepted != len(bought):
        wrong.append(f"{len(bought)} orders were placed, the panels accepted {accepted}")
    wrong += await _money(client, bought)
    loaded = load(house.config_path)
    print_statement(loaded, RESELLER)
    if not verified(loaded):
        wrong.append("the ledger does not verify")
    if wrong:
        raise Failed("; ".join(wrong))


async def _money(client: Client, bought: Sequence[Errand]) -> list[str]:
    """His balance must be what he brought, less what each order says it cost."""
    balance = Decimal((await client.ask("balance"))["balance"])
    spent = sum((Decimal(str(errand.answer["charge"])) for errand in bought), Decimal(0))
    if balance == Decimal(MONEY) - spent:
        return []
    return [f"{MONEY} less charges of {spent} is not the balance, {balance}"]


async def _keep(house: House, bought: Sequence[Errand]) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    post = f"curl -d key={house.key} {house.url}/api/v2"
    click.echo(
        f"\nStill running, until Ctrl-C. To try:\n"
        f"  {post} -d action=services\n"
        f"  {post} -d action=add -d service=1 -d link=https://social.example/p/9 -d quantity=100\n"
        f"  {post} -d action=status -d order={bought[0].order}\n"
        f"  {post} -d action=balance\n"
        f"  aggregator orders list -c {house.config_path}\n"
        f"  aggregator orders show {bought[1].order} -c {house.config_path}\n"
        f"  aggregator ledger verify -c {house.config_path}\n"
        f"The server's log: {house.folder / 'server.log'}"
    )
    await stop.wait()
