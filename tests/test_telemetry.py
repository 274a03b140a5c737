"""What we tell about ourselves."""

import asyncio
import io
import json
import logging
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator import telemetry
from aggregator.telemetry import Metrics, Redactor, sd_notify

PROVIDER_KEY = "provider-key-0123456789"


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Logging belongs to the whole process: put it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    telemetry.conceal()


def redacted(redactor: Redactor, **event: object) -> dict[str, Any]:
    return dict(redactor(None, "info", event))


def test_telling_names() -> None:
    """A value under a telling name is replaced whole, however deep it lies and is spelled."""
    event = redacted(
        Redactor(), key="a", Authorization="b", deep={"params": {"x": 1}, "link": ["c"]}, status=200
    )
    assert event == {
        "key": "[redacted]",
        "Authorization": "[redacted]",
        "deep": {"params": "[redacted]", "link": "[redacted]"},
        "status": 200,
    }


def test_known_secrets() -> None:
    """A secret known from the start is cut out of every text, and of every odd object's."""
    redactor = Redactor([PROVIDER_KEY, ""])
    event = redacted(
        redactor,
        text=f"<{PROVIDER_KEY}>",
        error=ValueError(PROVIDER_KEY),
        items=(PROVIDER_KEY, 1),
        by={PROVIDER_KEY: None},
    )
    assert event == {
        "text": "<[redacted]>",
        "error": "ValueError('[redacted]')",
        "items": ["[redacted]", 1],
        "by": {"[redacted]": None},
    }


def test_secrets_learnt_later() -> None:
    """A reload may bring new secrets; the old ones stay secret."""
    redactor = Redactor(["first-secret"])
    redactor.learn(["first-secret-longer"])
    text = "first-secret first-secret-longer"
    assert redacted(redactor, text=text) == {"text": "[redacted] [redacted]"}


def test_secrets_are_learnt_while_others_log() -> None:
    """A line that another thread says meanwhile fails nothing."""
    redactor = Redactor(f"secret-{number}" for number in range(200))
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor() as pool:
            learning = pool.submit(lambda: [redactor.learn([f"later-{n}"]) for n in range(100)])
            while not learning.done():
                assert redacted(redactor, text="later-") == {"text": "later-"}
    finally:
        sys.setswitchinterval(before_s)


def test_a_client_cannot_blank_our_words() -> None:
    """What a request conceals leaves the fields that we fill ourselves as they are."""
    telemetry.conceal("192.0.2.1", "unauthenticated")
    event = redacted(Redactor(), address="192.0.2.1", answer="unauthenticated", text="192.0.2.1")
    telemetry.conceal()
    assert event == {
        "address": "192.0.2.1",
        "answer": "unauthenticated",
        "text": "[redacted]",
    }


WORDS = st.sampled_from(["abcd", "bcde", "ab", 'é\n"x', "info", "a text", "x abcd y", "1.5"])
FIELDS = st.dictionaries(
    st.sampled_from(["text", "Text", "key", "Link", "address", "error", "event", "order"]),
    WORDS | st.text(max_size=8) | st.none() | st.integers() | st.floats(allow_nan=False),
)


@given(FIELDS, st.lists(WORDS, max_size=2), st.lists(WORDS, max_size=2))
@pytest.mark.parametrize("method", ["info", "warning"])
def test_looking_in_passing_misses_nothing(
    method: str, fields: dict[str, Any], known: list[str], brought: list[str]
) -> None:
    """Whether its texts were searched at once or each by itself, a line comes out the same."""
    redactor = Redactor(known)
    telemetry.conceal(*brought)
    by_themselves = redactor(None, method, {**fields, "odd": []})
    at_once = redactor(None, method, dict(fields))
    telemetry.conceal()
    del by_themselves["odd"]
    assert at_once == by_themselves


@pytest.mark.parametrize("brought", ["\udcff\udcfeabcd", "\ud800abcd"])
def test_what_is_no_text_is_cut_out_as_well(brought: str) -> None:
    """A header may bring any bytes: they break no line, and are in none."""
    telemetry.conceal(brought)
    event = Redactor()(None, "error", {"a": brought, "b": repr(brought), "c": "%FF%FEabcd"})
    telemetry.conceal()
    quoted = "%FF%FEabcd" if brought == "\ud800abcd" else "[redacted]"
    assert event == {"a": "[redacted]", "b": "'[redacted]'", "c": quoted}


def test_short_texts_stay() -> None:
    """Texts of a few characters are not cut out: every line would be garbled."""
    telemetry.conceal("US", "a")
    event = redacted(Redactor(["x"]), text="a US text")
    telemetry.conceal()
    assert event == {"text": "a US text"}


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(json_like)
@example("\ud800")
@example(2**64)
def test_anything_can_be_logged(value: object) -> None:
    """Whatever is logged becomes one line of JSON without the secret."""
    stream = io.StringIO()
    telemetry.set_up(stream=stream, secrets=[PROVIDER_KEY], human=False)
    telemetry.logger("test").info("event", value=value, more=[PROVIDER_KEY, value])
    line = json.loads(stream.getvalue())
    assert (line["event"], line["at"][10], line["at"][-1]) == ("event", "T", "Z")
    assert stream.getvalue().count("\n") == 1
    assert PROVIDER_KEY not in stream.getvalue()


def test_tracebacks_without_values() -> None:
    """A traceback shows where, never the values of variables, nor secrets in its texts."""
    stream = io.StringIO()
    telemetry.set_up(stream=stream, secrets=[PROVIDER_KEY], human=False)
    local = "value-of-a-local"
    telemetry.conceal("something else")
    try:
        raise ValueError(PROVIDER_KEY) from KeyError(PROVIDER_KEY)
    except ValueError:
        telemetry.logger("test").exception("failed", size=len(local))
    line = json.loads(stream.getvalue())
    assert line["exception"].endswith("ValueError: [redacted]")
    assert "test_tracebacks_without_values" in line["exception"]
    assert local not in line["exception"].replace('local = "value-of-a-local"', "")


def test_tracebacks_of_work_without_a_request() -> None:
    """Where nobody said what to conceal, a traceback shows places and types, and no text."""
    stream = io.StringIO()
    telemetry.set_up(stream=stream, human=False)
    try:
        try:
            raise KeyError("https://a.example/1")
        except KeyError as cause:
            raise ValueError("https://a.example/2") from cause
    except ValueError:
        telemetry.logger("test").exception("failed")
    said = json.loads(stream.getvalue())["exception"].splitlines()
    assert [line for line in said if not line.startswith(" ")] == ["KeyError", "ValueError"]
    assert ", in test_tracebacks_of_work_without_a_request" in said[0]
    code = "\n".join(Path(__file__).read_text().splitlines())
    assert all(line.strip(" ^~") in code for line in said if "File" not in line)


@pytest.mark.parametrize("human", [True, False])
def test_libraries_pass_the_same_nets(human: bool) -> None:
    """The standard library's loggers write to the same place, as secretly."""
    stream = io.StringIO()
    telemetry.set_up(stream=stream, secrets=[PROVIDER_KEY], human=human)
    try:
        raise ValueError(PROVIDER_KEY)
    except ValueError:
        logging.getLogger("library").exception("with %s", PROVIDER_KEY)
    logging.getLogger("library").info("of no interest")
    telemetry.logger("test").error("with", text=PROVIDER_KEY)
    assert PROVIDER_KEY not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 2
    assert "ValueError" in stream.getvalue()
    assert "of no interest" not in stream.getvalue()


def test_human_lines() -> None:
    """On a terminal lines are text; the level decides what is said."""
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    telemetry.set_up("warning", stream=stream)
    telemetry.logger("test").info("silence")
    telemetry.logger("test").warning("noise")
    assert "silence" not in stream.getvalue()
    assert "noise" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_calls_are_marked() -> None:
    """A line says which request it belongs to, where there is one."""
    stream = io.StringIO()
    telemetry.set_up(stream=stream)
    telemetry.logger("test").info("before")
    token = telemetry.CALL.set("c-1")
    telemetry.logger("test").info("within")
    telemetry.CALL.reset(token)
    before, within = map(json.loads, stream.getvalue().splitlines())
    assert "call" not in before
    assert within["call"] == "c-1"


async def test_lines_of_one_turn_leave_together() -> None:
    """All that is said in one turn of the event loop is written at its end, at once."""
    stream = _Writes()
    telemetry.set_up(stream=stream)
    for name in ("first", "second"):
        telemetry.logger("test").info(name)
    assert stream.writes == []
    await asyncio.sleep(0)
    assert [text.count("\n") for text in stream.writes] == [2]
    telemetry.logger("test").info("third")
    await asyncio.to_thread(telemetry.logger("test").info, "from a thread")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()][2:] == [
        "third",
        "from a thread",
    ]


def test_lines_of_a_last_turn_are_not_kept() -> None:
    """What a loop has said as it stopped leaves with the next line, said in another or none."""
    stream = io.StringIO()
    telemetry.set_up(stream=stream)
    log = telemetry.logger("test")

    async def say() -> None:
        log.info("within")

    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(say())
    log.info("without")
    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(say())
    asyncio.run(say())
    lines = map(json.loads, stream.getvalue().splitlines())
    assert [line["event"] for line in lines] == ["within", "without", "within", "within"]


class _Writes(io.StringIO):
    """Remembers each write on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def test_a_closed_stream_fails_nothing() -> None:
    """Where nothing can be written any more, logging goes on in silence."""
    stream = io.StringIO()
    telemetry.set_up(stream=stream)
    stream.close()
    telemetry.logger("test").info("unheard")
    logging.getLogger("library").error("unheard")


def test_unknown_level() -> None:
    """A level that does not exist is a mistake."""
    with pytest.raises(ValueError, match="loud"):
        telemetry.set_up("loud")


def test_metrics() -> None:
    """Each number is rendered under its name, with its labels."""
    metrics = Metrics()
    metrics.request("add", "ok", 0.01)
    metrics.attempt("gulf", "placed")
    metrics.upstream_call("gulf", "add", 0.3)
    metrics.alert("low_balance")
    metrics.doubts_open(2)
    metrics.queue_length(3)
    metrics.provider_usable("gulf", False)
    metrics.provider_balance("gulf", 12.5)
    metrics.reload(True)
    lines = metrics.render().decode().splitlines()
    assert {
        'aggregator_requests_total{action="add",answer="ok"} 1.0',
        'aggregator_request_seconds_count{action="add"} 1.0',
        'aggregator_attempts_total{outcome="placed",provider="gulf"} 1.0',
        'aggregator_upstream_seconds_sum{action="add",provider="gulf"} 0.3',
        'aggregator_alerts_total{kind="low_balance"} 1.0',
        "aggregator_doubts_open 2.0",
        "aggregator_queue_length 3.0",
        'aggregator_provider_usable{provider="gulf"} 0.0',
        'aggregator_provider_balance{provider="gulf"} 12.5',
        "aggregator_config_reload_ok 1.0",
    } <= set(lines)
    assert not [line for line in lines if "_created" in line]


def test_sums_of_money_are_exact() -> None:
    """Micros are summed as whole numbers, however many there are."""
    metrics = Metrics()
    for _ in range(3):
        metrics.sold("gulf", 100_000, None)
        metrics.sold("gulf", 100_000, 1)
    lines = metrics.render().decode().splitlines()
    assert 'aggregator_sales_total{provider="gulf"} 0.6' in lines
    assert 'aggregator_costs_total{provider="gulf"} 3e-06' in lines


def test_a_time_at_a_bound_is_within() -> None:
    """A bucket holds what took exactly as long as its bound, and the last one everything."""
    metrics = Metrics()
    for seconds in (0, 0.001, 0.0011, 31):
        metrics.request("add", "ok", seconds)
    lines = metrics.render().decode().splitlines()
    bucket = 'aggregator_request_seconds_bucket{action="add",le="%s"} %s'
    assert {bucket % ("0.001", 2.0), bucket % ("30.0", 3.0), bucket % ("+Inf", 4.0)} <= set(lines)


def test_registries_are_apart() -> None:
    """Two servers in one process do not count together."""
    one, other = Metrics(), Metrics()
    one.queue_length(1)
    assert b"aggregator_queue_length 0.0" in other.render()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    """A state reaches systemd's socket, in the file system or in the abstract namespace."""
    path = tmp_path / "notify"
    name = f"@{path}" if abstract else str(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert sd_notify("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_no_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, or nobody asked, nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not sd_notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not sd_notify("READY=1")
