"""The dialects that come with the program, and the recorded samples of each seed.

A sample is data: an entry of ``tests/samples/<seed>/index.yaml`` and the file with
the answer. Where a document's own text was not JSON, it stands beside as ``.raw.txt``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

from aggregator import dialects
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import (
    ACTIONS,
    Added,
    Balance,
    Command,
    OrderStatus,
    Refused,
    ServiceRow,
)
from aggregator.core.model import Kind
from aggregator.dialects import BUILTIN, Dialect, WireReply, WireRequest, build_all

SAMPLES = Path(__file__).parents[1] / "samples"
KEY = "YOUR_API_KEY"


def builtin_forms() -> dict[str, object]:
    folder = resources.files(dialects)
    return {name: yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in BUILTIN}


DIALECTS = build_all(builtin_forms())[0]
STANDARD = DIALECTS["standard"]


def dialect(**form: object) -> Dialect:
    """The standard with these keys of the form changed."""
    built, mistakes = build_all({"x": form})
    assert not mistakes, mistakes
    return built["x"]


def reply(document: object, status: int = 200) -> WireReply:
    """``bytes`` as they are; everything else as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return WireReply(status, body)


def form_fields(request: WireRequest) -> dict[str, str]:
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def same_json(body: bytes, expected: object) -> bool:
    """Equal with types: 1 is neither "1" nor true nor 1.0."""
    plain = [json.dumps(one, sort_keys=True) for one in (json.loads(body), expected)]
    return plain[0] == plain[1]


@dataclass(frozen=True)
class Sample:
    """One documented request with its documented answer."""

    seed: str
    name: str
    action: str
    fields: Mapping[str, str]
    answer: Any
    params: Mapping[str, str] = field(default_factory=dict)
    face_params: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = Kind.NORMAL
    response: str = ""

    @property
    def id(self) -> str:
        return f"{self.seed}-{self.name}"

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.seed]

    @property
    def command(self) -> Command:
        return Command(self.action, self.params, self.kind)

    @property
    def body(self) -> bytes:
        return (SAMPLES / self.seed / (self.response or f"{self.name}.json")).read_bytes()

    def meaning(self, *, face: bool) -> Any:
        """The answer in our words: what is read from it, or what a face is given to write."""
        more = self.hidden if face else {}
        match self.action:
            case "services":
                return [ServiceRow(**row, **more) for row in self.answer]
            case "balance":
                return Balance(Decimal(self.answer["balance"]), self.answer["currency"])
            case "add":
                return Added(self.answer["order"], Kind(self.answer.get("kind", "normal")))
        return {asked: _told(self.action, told, more, face) for asked, told in self.answer.items()}


def _told(action: str, told: Any, more: Mapping[str, Any], face: bool) -> Any:
    if isinstance(told, dict) and "error" in told:
        if face:
            return Refused(told.get("ours", told["error"]))
        return Refused(told["error"], ErrorClass(told["class"]))
    if action != "status":
        return told
    values = {**told, **more}
    if "charge" in values:
        values["charge"] = Decimal(values["charge"])
    if "children" in values:
        values["children"] = tuple(values["children"])
    values["kind"] = Kind(values.get("kind", "normal"))
    return OrderStatus(**values)


def samples() -> list[Sample]:
    found = []
    for index in sorted(SAMPLES.glob("*/index.yaml")):
        for entry in yaml.safe_load(index.read_text()):
            kind = Kind(entry.pop("kind", "normal"))
            found.append(Sample(seed=index.parent.name, kind=kind, **entry))
    return found


ALL_SAMPLES = samples()
assert {sample.action for sample in ALL_SAMPLES} == set(ACTIONS)
