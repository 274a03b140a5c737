"""No bytes of a provider's raise an exception, and none are taken for what they are not.

``python -m benchmarks.hostile_replies --answers 100000 --seed 1``

For every action, so many answers out of ``hostile_grammar`` are read by the decoders in
every dialect, and each reading is set against the oracle's. What the panels'
own documents show must be read in full, too: a decoder that understood nothing would
make no mistake otherwise.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from aggregator.core.messages import Command, Refused, Unreadable
from aggregator.core.model import Kind
from aggregator.core.outcome import Placed
from aggregator.dialects import (
    BUILTIN,
    Dialect,
    WireReply,
    build_all,
    decode_added,
    decode_balance,
    decode_cancel,
    decode_refill,
    decode_refill_status,
    decode_services,
    decode_status,
)
from aggregator.dialects.form import FIELDS
from aggregator.sandbox import builtin_dialect
from benchmarks.evidence import Findings, conclude, parser, watched
from benchmarks.hostile_grammar import STATUSES, Grammar, Recorded, recorded
from benchmarks.hostile_oracle import judge_add
from benchmarks.hostile_reads import judge_balance, judge_read, judge_services

BY_ID = {
    "status": decode_status,
    "refill": decode_refill,
    "refill_status": decode_refill_status,
    "cancel": decode_cancel,
}
MAIN = {
    "add": "order",
    "status": "status",
    "refill": "refill",
    "refill_status": "status",
    "cancel": "cancel",
    "services": "service",
    "balance": "balance",
}
ASKED = ("1", "2", "1,2", "10,2,1", "x-7,1", "1,10,100")
# Beside the dialects that come with the program, one that renames all it can.
STRANGE = {
    "fields": {"order": "oid", "status": {"status": "state", "remains": "left"}, "rate": "price"},
    "omit": {"add": []},
}


def dialects() -> list[Dialect]:
    built, _ = build_all({"strange": STRANGE})
    return [*map(builtin_dialect, BUILTIN), built["strange"]]


def run(answers: int, seed: int) -> Findings:
    """``answers`` for each action."""
    findings, rng = Findings("hostile_replies", seed), Random(seed)
    told: Counter[str] = Counter()
    samples = recorded()
    with watched(findings):
        for sample in samples:
            _judge_recorded(findings, sample)
        for action, main in MAIN.items():
            own = [sample.body for sample in samples if sample.command.action == action]
            grammar = Grammar(rng, own, FIELDS[action], main)
            for _ in range(answers):
                _one(findings, rng, grammar, action, told)
    findings.figures = {
        "answers": answers * len(MAIN),
        "recorded": len(samples),
        "dialects": len(dialects()),
        "exceptions": told.pop("exceptions", 0),
        "wrong": told.pop("wrong", 0),
        "read_as": dict(sorted(told.items())),
    }
    return findings


EVERY = dialects()


def _one(
    findings: Findings, rng: Random, grammar: Grammar, action: str, told: Counter[str]
) -> None:
    dialect, status = rng.choice(EVERY), rng.choice(STATUSES)
    ids = rng.choice(ASKED).split(",") if action in BY_ID else []
    body = grammar.answer(ids)
    try:
        answer = read(dialect, question(action, ids, Kind.NORMAL), WireReply(status, body))
        wrong = judged(dialect, action, ids, status, body, answer)
    except Exception as error:
        told["exceptions"] += 1
        answer, wrong = None, f"{type(error).__name__}: {error}"
    for each in answer.values() if isinstance(answer, dict) else [answer]:
        told[f"{action} {type(each).__name__}"] += 1
    if wrong:
        told["wrong"] += 1
        findings.violations.append(f"{action}, {dialect.name}, {status}, {body[:300]!r}: {wrong}")


def question(action: str, ids: Sequence[str], kind: Kind) -> Command:
    if not ids:
        return Command(action)
    name = "refill" if action == "refill_status" else "order"
    return Command(action, {name if len(ids) == 1 else f"{name}s": ",".join(ids)}, kind)


def read(dialect: Dialect, command: Command, reply: WireReply) -> Any:
    if command.action in BY_ID:
        return BY_ID[command.action](dialect, command, reply)
    if command.action == "add":
        return decode_added(dialect, reply)
    return (decode_services if command.action == "services" else decode_balance)(dialect, reply)


def judged(
    dialect: Dialect, action: str, ids: Sequence[str], status: int, body: bytes, answer: Any
) -> str:
    """What is wrong with the reading; empty where nothing is."""
    names: Mapping[str, str] = {ours: dialect.their_field(action, ours) for ours in FIELDS[action]}
    if action == "add":
        return judge_add(names["order"], status, body, answer)
    if action == "services":
        return judge_services(status, body, names, answer)
    if action == "balance":
        return judge_balance(status, body, names, answer)
    return judge_read(action, names, ids, (status, body), answer)


def _judge_recorded(findings: Findings, sample: Recorded) -> None:
    answer = read(builtin_dialect(sample.seed), sample.command, WireReply(200, sample.body))
    if sample.command.action in BY_ID:
        lost = [
            asked
            for asked in sample.answered
            if isinstance(answer.get(asked, Unreadable("")), Refused | Unreadable)
        ]
        understood = not lost
    else:
        understood = isinstance(answer, Placed) or not isinstance(answer, Refused | Unreadable)
    findings.check(understood, f"{sample.seed}: the recorded {sample.command.action} is not read")


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--answers", type=int, default=100_000)
    asked = options.parse_args()
    return conclude(run(asked.answers, asked.seed))


if __name__ == "__main__":
    sys.exit(main())
