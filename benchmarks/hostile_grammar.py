"""Answers of providers as no provider should give them, and some as they do.

Text is put together, not documents: so there are duplicate keys, numbers that no
program can hold, and JSON that is not quite. ``Grammar.answer`` draws one of many
ways; each yields the bytes of a body that answers one question.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

from aggregator.core.messages import Command
from aggregator.core.model import Kind

SAMPLES = Path(__file__).parents[1] / "tests" / "samples"

STATUSES = (
    *(200,) * 40,
    *(201, 204, 100, 0, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 409),
    *(422, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 530, 599, 999),
)

# Refusals as panels spell them, texts that leave the outcome open, and texts nobody knows.
REFUSALS = (
    *("Not enough funds on balance", "neworder.error.not_enough_funds", "Incorrect service ID"),
    *("Quantity less than minimal 10", "Quantity less than maximum 10", "Incorrect link"),
    *("You have active order with this link.", "Incorrect order ID", "Refill not available"),
    *("Invalid API key", "Too many requests", "Ordering is disabled", "Unknown action"),
    *("Cannot cancel", "Refill not found", "Incorrect request", "LINK IS REQUIRED"),
)
OPEN_ENDED = (
    "Something went wrong",
    "something  went\\nwrong, try again",
    "There was an error while creating your order",
    "Internal Server Error",
    "Failed to create order &#33;",
    "Order " * 60 + "- internal server error",
)
UNKNOWN = (
    "Ugh",
    "4",
    "No",
    "\\u2603",
    "Fehler 17",
    "&lt;b&gt;",
    "x" * 400,
    " ",
    "105",
    f"&#{'9' * 5000};",
)

SCALARS = (
    *("23501", '"23501"', "1", "0", "-1", "-0", "5.0", "1.5", "1e9", "1E400", "-1e-400", "01"),
    *("true", "false", "null", '""', '" "', '"0"', '"000"', '"-"', "NaN", "Infinity", "'x'"),
    *('"null"', '"success"', '"error"', '"fail"', '"ok"', '"Completed"', '"Partial"', '"canceled"'),
    *('"In progress"', '"requested"', '"65f1c0ffee65f1c0ffee65f1"', '"T-1_a"', '"+157"', '"-5"'),
    *('"Unknown"', '"1,234"', '"1e9"', '"0.27819"', '"NaN"', '"0x10"', '"12.50"', '"999999999999"'),
    *('"²"', '"٣"', '"5\\n"', '" 5"', '"5\\u0000"', '"\\ud800"', '"\\u202e"', '"５"', '"a,b"'),
    *("[23501]", "[]", "{}", '{"id":5}', '{"status":1}', '{"status":"fail"}', "[[[[]]]]", '"<b>"'),
    *("9" * 19, "9" * 64, "9" * 65, f'"{"9" * 64}"', f'"{"x" * 65}"', f'"{"7" * 30}"', "1" * 5000),
)
KEYS = (
    *("error", "error", "error", "errors", "order", "orders", "status", "message", "msg"),
    *(
        "success",
        "data",
        "refill",
        "cancel",
        "balance",
        "currency",
        "charge",
        "remains",
        "start_count",
        "runs",
    ),
    *("posts", "expiry", "service", "name", "rate", "min", "max", "type", "category", "id"),
    *("order_id", "start_counter", "oid", "state", "left", "1", "2", "10", "", "Order", "ORDER"),
)
# What a sound answer would have there, so that some of it is sound.
PLAUSIBLE: Mapping[str, tuple[str, ...]] = {
    "order": ("23501", '"23501"', '"65f1c0ffee65f1c0ffee65f1"', "1", '"2"'),
    "status": ('"Completed"', '"In progress"', '"Partial"', '"Canceled"', '"Pending"', '""', "1"),
    "remains": ('"157"', "157", '"+157"', '"-5"', '"0"', '"1,234"', '"157.00"'),
    "charge": ('"0.27819"', "0.27819", "0", '"1e-3"', '"12.50"'),
    "refill": ("1", '"1"', '"77"', "true", '{"error":"Incorrect order ID"}'),
    "cancel": ("1", '"1"', "true", '{"status":1}', '"requested"', '{"error":"Cannot cancel"}'),
    "orders": ('["5","6"]', "[5,6,6]", '"5,6"', '{"1":5}', "[5,null]", "[]"),
    "balance": ('"100.84292"', "100", '"-1.5"', '"1,234.56"', "0"),
    "service": ("1", '"2"', '"3"', "1"),
    "name": ('"Followers"', '"Likes"'),
    "rate": ('"0.90"', "0.9", '"8"'),
    "error": (
        *(f'"{text}"' for text in REFUSALS + OPEN_ENDED + UNKNOWN),
        *('""', "null", "false", "0", "[]", "true", '["Ugh"]', '{"code":5,"message":"Bad link"}'),
    ),
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A documented answer; ``answered``: IDs that it answers with something definite."""

    seed: str
    command: Command
    body: bytes
    answered: frozenset[str]


def recorded() -> list[Recorded]:
    found = []
    for index in sorted(SAMPLES.glob("*/index.yaml")):
        for entry in yaml.safe_load(index.read_text()):
            kind = Kind(entry.get("kind", "normal"))
            command = Command(entry["action"], entry.get("params", {}), kind)
            file = entry.get("response") or f"{entry['name']}.json"
            body = (index.parent / file).read_bytes()
            found.append(Recorded(index.parent.name, command, body, _answered(entry["answer"])))
    return found


def _answered(answer: object) -> frozenset[str]:
    if not isinstance(answer, dict):
        return frozenset()
    return frozenset(
        str(asked)
        for asked, told in answer.items()
        if not (isinstance(told, dict) and "error" in told)
    )


class Grammar:
    """Answers to one action, drawn from ``rng``. ``bodies`` are recorded ones; ``names``
    the fields that matter in it, and ``main`` the one without which it says nothing."""

    def __init__(
        self, rng: Random, bodies: Sequence[bytes], names: Sequence[str], main: str
    ) -> None:
        self._rng = rng
        self._bodies = bodies
        self._main = main
        self._names = (*names, *names, *names, *KEYS)
        self._ways: tuple[Callable[[Sequence[str]], bytes], ...] = (
            *(self._document,) * 6,
            *(self._about,) * 6,
            *(self._mutated,) * 4,
            self._swapped,
            self._wrapped,
            self._bytes,
            self._rare,
        )

    def answer(self, ids: Sequence[str]) -> bytes:
        return self._rng.choice(self._ways)(ids)

    # -- texts

    def _scalar(self) -> str:
        drawn = self._rng.random()
        if drawn < 0.12:
            return f'"{self._rng.choice(REFUSALS + OPEN_ENDED + UNKNOWN)}"'
        if drawn < 0.2:
            return str(self._rng.randint(-10, 10**6))
        return self._rng.choice(SCALARS)

    def _value(self, depth: int) -> str:
        drawn = self._rng.random()
        if depth and drawn < 0.12:
            return self._object((), depth - 1)
        if depth and drawn < 0.2:
            items = [self._value(depth - 1) for _ in range(self._rng.randrange(4))]
            return "[" + ",".join(items) + "]"
        return self._scalar()

    def _object(self, ids: Sequence[str], depth: int) -> str:
        """Mostly with different keys, for twins make all else pointless."""
        names = [self._rng.choice(self._names) for _ in range(self._rng.randrange(6))]
        if self._rng.random() < 0.6:
            names.append(self._main)
        if self._rng.random() < 0.9:
            names = list(dict.fromkeys(names))
        pairs = [f'"{name}":{self._named_value(name, depth)}' for name in names]
        return "{" + ",".join(pairs) + "}"

    def _named_value(self, name: str, depth: int) -> str:
        if name in PLAUSIBLE and self._rng.random() < 0.6:
            return self._rng.choice(PLAUSIBLE[name])
        return self._value(depth)

    def _document(self, ids: Sequence[str]) -> bytes:
        return _encoded(self._object(ids, 3))

    def _about(self, ids: Sequence[str]) -> bytes:
        """In the right shape: a map by ID, or a list of rows, with rows of any sort."""
        asked = [*ids, str(self._rng.randint(1, 12))]
        self._rng.shuffle(asked)
        asked = asked[: self._rng.randint(1, len(asked))]
        if self._rng.random() < 0.5:
            return _encoded("{" + ",".join(f'"{one}":{self._row(None)}' for one in asked) + "}")
        return _encoded("[" + ",".join(self._row(one) for one in asked) + "]")

    def _row(self, named: str | None) -> str:
        if self._rng.random() < 0.1:
            return self._value(1)
        row = self._object((), 2)
        if named is None or self._rng.random() < 0.1:
            return row
        name = self._rng.choice(("order", "refill", "id", "order_id", "order", "service"))
        shown = named if self._rng.random() < 0.5 else f'"{named}"'
        return f'{{"{name}":{shown}' + (f",{row[1:]}" if len(row) > 2 else "}")

    # -- recorded answers, and what may become of them

    def _mutated(self, ids: Sequence[str]) -> bytes:
        body = bytearray(self._rng.choice(self._bodies))
        for _ in range(self._rng.randint(1, 3)):
            self._mutate(body)
        return bytes(body)

    def _mutate(self, body: bytearray) -> None:
        at = self._rng.randrange(len(body) + 1)
        size = self._rng.randint(1, 12)
        match self._rng.randrange(6):
            case 0:
                del body[at:]
            case 1:
                del body[at : at + size]
            case 2:
                body[at:at] = body[at : at + size * 3]
            case 3:
                body[at : at + 1] = self._rng.randbytes(1)
            case 4:
                body[at:at] = self._rng.choice((b",", b"}", b'"', b"[", b"\x00", b"-", b"0"))
            case _:
                body[at:at] = self._rng.choice(self._bodies)[-size * 4 :]

    def _swapped(self, ids: Sequence[str]) -> bytes:
        """A recorded answer with one of its values become another."""
        body = self._rng.choice(self._bodies)
        colons = [at for at, byte in enumerate(body) if byte == ord(":")]
        if not colons:
            return body
        at = self._rng.choice(colons) + 1
        ends = [end for end in (body.find(mark, at) for mark in (b",", b"}", b"]")) if end > 0]
        return body[:at] + _encoded(self._scalar()) + body[min(ends, default=len(body)) :]

    def _wrapped(self, ids: Sequence[str]) -> bytes:
        body = self._rng.choice((self._object(ids, 2).encode(), self._rng.choice(self._bodies)))
        before = (b"\xef\xbb\xbf", b" \r\n", b"<br>", b"<b>Notice</b>: ", b'{"data":', b"[", b"1")
        after = (b"\n", b"<!-- 12 ms -->", b"}", b"]", b",", b"\x00", body)
        drawn = self._rng.random()
        return (
            (self._rng.choice(before) if drawn < 0.7 else b"")
            + body
            + (self._rng.choice(after) if drawn > 0.3 else b"")
        )

    # -- no JSON at all

    def _bytes(self, ids: Sequence[str]) -> bytes:
        return self._rng.randbytes(self._rng.randrange(60))

    def _rare(self, ids: Sequence[str]) -> bytes:
        text = self._object(ids, 2)
        html = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
        rare = (b"", b"null", b"true", b'"ok"', b"23501", html.encode(), b"order=23501", b"{}")
        deep = (b"[" * 5000, b'{"order":' * 5000, b'{"order":1,"x":' + b"[" * 5000)
        others = (text.encode("utf-16"), text.encode("utf-32"), text.encode("cp1252", "replace"))
        return self._rng.choice((*rare, *rare, *others, *deep))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
