"""A request ID buys once and is answered with the same bytes, across a restart of the server.

``python -m benchmarks.idempotency --keys 1000 --repeats 20 --seed 1``

Every key is sent ``repeats`` times at once. In the middle of it all the server is
stopped, as SIGTERM would stop it, and started again: a request that finds nobody is
repeated, as a client may who has a request ID. At the end each key is sent once more,
to a server that was started anew and has nothing but its database to remember from.
The panel refuses every tenth link, and takes its time over some of the others.
"""

import asyncio
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

import aiohttp

from aggregator.core.errors import INCORRECT_LINK
from aggregator.sandbox import Fault, Rule
from benchmarks.evidence import Findings, conclude, parser, watched
from benchmarks.house import BAD_LINK, CHARGE, QUANTITY, House, idle, opened, session

AT_ONCE = 400
REFUSED_EVERY = 10
REFUSED = json.dumps({"error": INCORRECT_LINK}, separators=(",", ":")).encode()


@dataclass(slots=True)
class Crowd:
    """The clients; ``answers`` are the bodies that each key was answered with."""

    house: House
    http: aiohttp.ClientSession
    keys: int
    answers: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    answered: int = 0
    halfway: asyncio.Event = field(default_factory=asyncio.Event)

    def link(self, key: int) -> str:
        name = BAD_LINK if key % REFUSED_EVERY == 0 else "link"
        return f"https://example.org/{name}/{key}"

    async def send(self, key: int, half: int) -> None:
        answer = await self.house.ask(
            self.http,
            "add",
            stubborn=True,
            service="1",
            quantity=str(QUANTITY),
            link=self.link(key),
            request_id=f"key-{key}",
        )
        self.answers[key].append(answer)
        self.answered += 1
        if self.answered >= half:
            self.halfway.set()


async def run(keys: int, repeats: int, seed: int) -> Findings:
    findings = Findings("idempotency", seed)
    with watched(findings):
        async with opened() as house, session() as http:
            house.credit(keys * CHARGE)
            house.panel.set_fault(
                Rule(Fault.REFUSE, action="add", marker=BAD_LINK, text="Incorrect link"),
                Rule(Fault.SLOW, action="add", probability=0.2, seconds=0.1),
            )
            crowd = Crowd(house, http, keys)
            await _storm(crowd, repeats, Random(seed))
            await _once_more(crowd)
            _judge(findings, crowd, repeats + 1)
            findings.violations += house.verified()
    findings.figures = {
        "keys": keys,
        "answers": crowd.answered,
        "restarts": 2,
        "retried_by_clients": house.retries,
        "refused_keys": sum(answers[0] == REFUSED for answers in crowd.answers.values()),
    }
    return findings


async def _storm(crowd: Crowd, repeats: int, rng: Random) -> None:
    """All repeats of all keys, with a restart once half of them have been answered."""
    places = asyncio.Semaphore(AT_ONCE)
    half = crowd.keys * repeats // 2

    async def one(key: int) -> None:
        async with places:
            await crowd.send(key, half)

    async with crowd.house.serving():
        storm = [asyncio.create_task(one(key)) for key in _in_waves(crowd.keys, repeats, rng)]
        await crowd.halfway.wait()
    async with crowd.house.serving() as world:
        await asyncio.gather(*storm)
        await idle(world)


def _in_waves(keys: int, repeats: int, rng: Random) -> list[int]:
    """The repeats of a key close together, so that they meet in flight, but not in order."""
    numbered = [(key + rng.uniform(0, 10), key) for key in range(keys) for _ in range(repeats)]
    return [key for _, key in sorted(numbered)]


async def _once_more(crowd: Crowd) -> None:
    async with crowd.house.serving() as world:
        await asyncio.gather(*(crowd.send(key, 0) for key in range(crowd.keys)))
        await idle(world)


def _judge(findings: Findings, crowd: Crowd, times: int) -> None:
    for key in range(crowd.keys):
        different = set(crowd.answers[key])
        findings.equal(f"answers to key {key}", len(crowd.answers[key]), times)
        findings.check(len(different) == 1, f"key {key} was answered {sorted(different)}")
        refused = BAD_LINK in crowd.link(key)
        findings.check((REFUSED in different) == refused, f"key {key}: {sorted(different)}")
    orders = {json.loads(answers[0]).get("order") for answers in crowd.answers.values()} - {None}
    placed = [key for key in range(crowd.keys) if BAD_LINK not in crowd.link(key)]
    findings.equal("different orders", len(orders), len(placed))
    bought = Counter(record["params"]["link"] for record in crowd.house.panel.log())
    findings.check(
        bought == Counter(map(crowd.link, placed)), "the panel did not accept each link once"
    )
    sent = crowd.house.look("SELECT count(*) AS sent FROM attempts")[0]["sent"]
    findings.equal("adds sent upstream", sent, crowd.keys)


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--keys", type=int, default=1000)
    options.add_argument("--repeats", type=int, default=20)
    asked = options.parse_args()
    return conclude(asyncio.run(run(asked.keys, asked.repeats, asked.seed)))


if __name__ == "__main__":
    sys.exit(main())
