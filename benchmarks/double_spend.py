"""Money for exactly N orders buys exactly N, however many ask at once.

``python -m benchmarks.double_spend --clients 256 --rounds 5 --seed 1``

Each round pays in the price of N orders, then lets every client order at the same
moment, several times each, over its own connection. N of them must be accepted and
all others told "Insufficient balance"; nothing is left, nothing stays held, the panel
has accepted those N and no other, and the ledger verifies.
"""

import asyncio
import json
import sys
from random import Random

import aiohttp

from aggregator.core.errors import INSUFFICIENT_BALANCE
from benchmarks.evidence import Findings, conclude, parser, watched
from benchmarks.house import CHARGE, QUANTITY, House, idle, opened, session

POOR = json.dumps({"error": INSUFFICIENT_BALANCE}, separators=(",", ":")).encode()


async def run(clients: int, each: int, rounds: int, seed: int) -> Findings:
    """``rounds`` rounds of ``clients`` clients that send ``each`` orders."""
    findings, rng = Findings("double_spend", seed), Random(seed)
    accepted = 0
    with watched(findings):
        async with opened() as house, house.serving() as world, session() as http:
            for number in range(rounds):
                affordable = rng.randint(1, clients * each - 1)
                house.credit(affordable * CHARGE)
                answers = await _rush(house, http, clients, each, number)
                await idle(world)
                accepted += affordable
                _judge(findings, answers, affordable)
                await _judge_money(findings, house, http)
                _judge_panel(findings, house, accepted)
            findings.violations += house.verified()
    findings.figures = {
        "clients": clients,
        "requests": clients * each * rounds,
        "rounds": rounds,
        "accepted": accepted,
    }
    return findings


async def _rush(
    house: House, http: aiohttp.ClientSession, clients: int, each: int, number: int
) -> list[bytes]:
    """Everybody connects first, and orders at one signal."""
    begin = asyncio.Event()
    ready = asyncio.Barrier(clients + 1)

    async def client(who: int) -> list[bytes]:
        await house.ask(http, "balance")
        await ready.wait()
        await begin.wait()
        return [
            await house.ask(
                http,
                "add",
                service="1",
                quantity=str(QUANTITY),
                link=f"https://example.org/{number}/{who}/{turn}",
            )
            for turn in range(each)
        ]

    rush = [asyncio.create_task(client(who)) for who in range(clients)]
    await ready.wait()
    begin.set()
    return [answer for answers in await asyncio.gather(*rush) for answer in answers]


def _judge(findings: Findings, answers: list[bytes], affordable: int) -> None:
    placed = [answer for answer in answers if answer != POOR]
    numbers = {json.loads(answer).get("order") for answer in placed}
    findings.equal("accepted in a round", len(placed), affordable)
    findings.equal("different orders", len(numbers - {None}), affordable)


async def _judge_money(findings: Findings, house: House, http: aiohttp.ClientSession) -> None:
    balance = json.loads(await house.ask(http, "balance"))
    findings.equal("available", balance, {"balance": "0.00000", "currency": "USD"})
    held = house.look("SELECT held_micros FROM accounts")[0]["held_micros"]
    findings.equal("held", held, 0)


def _judge_panel(findings: Findings, house: House, accepted: int) -> None:
    bought = sorted(record["params"]["link"] for record in house.panel.log())
    ours = sorted(row["link"] for row in house.look("SELECT link FROM orders"))
    findings.equal("orders that the panel accepted", len(bought), accepted)
    findings.check(bought == ours, "the panel's orders are not ours, one for one")


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--clients", type=int, default=256)
    options.add_argument("--each", type=int, default=8)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    return conclude(asyncio.run(run(asked.clients, asked.each, asked.rounds, asked.seed)))


if __name__ == "__main__":
    sys.exit(main())
