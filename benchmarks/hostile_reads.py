"""A second opinion on the answers to all questions but ``add``.

A read may leave an ID unanswered, for that costs nothing; but an answer that it does
give must stand in the one row that is about that ID, and a refusal must have been said.
Each ``judge`` returns what is wrong with a reading; empty where nothing is.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aggregator.core.messages import Balance, OrderStatus, Refused, ServiceRow, Unreadable
from benchmarks.hostile_oracle import (
    NOTHING,
    REFUSALS,
    TWINS,
    erring,
    fails,
    mentions,
    plain,
    sound,
    strictly,
)

SAID_BY_STATUS = {401, 403, 429}


def row_about(document: Any, ids: Sequence[str], asked: str, id_field: str) -> Any:
    """The one thing in a document that may be about an ID; NOTHING where there is none."""
    if isinstance(document, dict):
        if any(one in document for one in ids):
            return document.get(asked, NOTHING)
        named = sound(document.get(id_field))
        return document if len(ids) == 1 and named in (None, asked) else NOTHING
    if not isinstance(document, list):
        return NOTHING
    rows = [row for row in document if isinstance(row, dict)]
    mine = [row for row in rows if asked in map(sound, _names(row, id_field))]
    if len(mine) == 1:
        return mine[0]
    alone = len(ids) == len(document) == len(rows) == 1 and not _names(rows[0], id_field)
    return rows[0] if alone and not mine else NOTHING


def _names(row: dict[str, Any], id_field: str) -> list[Any]:
    return [row[name] for name in (id_field, "id", "order_id") if name in row][:1]


def judge_refusal(status: int, document: Any, refusal: Refused) -> str:
    """A refusal must have been said: by words, by a status, by a plain no."""
    if refusal.text == f"http {status}":
        return "" if status in SAID_BY_STATUS else "refused by a status that says nothing"
    if document is NOTHING or document is TWINS:
        return "refused by what is no document"
    heard = 200 <= status < 300 or 400 <= status < 500
    words, everything = plain([refusal.text]), plain([document])
    if not heard and not (status >= 500 and mentions(everything, REFUSALS)):
        return "refused under a status that is not to be believed"
    if refusal.text in ("null", "error", "cancel 0", "cancel failed"):
        return ""
    quoted = all(word in everything for word in re.split("[; ]+", words))
    return "" if quoted else "refused in other words"


def judge_read(
    action: str,
    names: Mapping[str, str],
    ids: Sequence[str],
    reply: tuple[int, bytes],
    answers: Mapping[str, Any],
) -> str:
    """``names``: ours to theirs, of the fields of this action."""
    if list(answers) != list(ids):
        return f"answers for {list(answers)} instead of {list(ids)}"
    status, document = reply[0], strictly(reply[1])
    id_name = "refill" if action == "refill_status" else "order"
    for asked, answer in answers.items():
        if isinstance(answer, Unreadable):
            continue
        if isinstance(answer, Refused):
            wrong = judge_refusal(status, document, answer)
        else:
            row = row_about(document, ids, asked, names.get(id_name, id_name))
            wrong = _judge_answer(action, names, status, row, answer)
        if wrong:
            return f"{asked}: {wrong}: {answer}"
    return ""


def _judge_answer(action: str, names: Mapping[str, str], status: int, row: Any, answer: Any) -> str:
    if not 200 <= status < 300:
        return "believed under a status that is no success"
    if row is NOTHING or erring(row):
        return "answered without a row about it, or against its error"
    told = (
        {ours: row.get(theirs) for ours, theirs in names.items()} if isinstance(row, dict) else {}
    )
    match action:
        case "status":
            return _judge_status(told, answer)
        case "refill":
            given = told.get("refill") if told else row
            return "" if answer == sound(given) else "a refill that was not named"
        case "refill_status":
            given = told.get("status") if told else row
            return "" if _same_word(answer, given) else "a word that was not said"
    given = told.get("cancel") if told else row
    return "" if answer is None and _agreed(given, row) else "a cancel that was not agreed to"


def _same_word(word: str, given: Any) -> bool:
    return isinstance(given, str) and plain([word]) == plain([given[:300]]).strip()


def _judge_status(told: Mapping[str, Any], answer: OrderStatus) -> str:
    checks = {
        "word": _same_word(answer.word, told["status"]),
        "remains": answer.remains is None or answer.remains == _whole(told["remains"]),
        "charge": answer.charge is None or _is_amount(answer.charge, told["charge"]),
        "runs": answer.runs is None or answer.runs == _whole(told["runs"]) >= 0,
        "posts": answer.posts is None or answer.posts == _whole(told["posts"]) >= 0,
        "start_count": _quoted(answer.start_count, told["start_count"]),
        "currency": _quoted(answer.currency, told["currency"]),
        "expiry": _quoted(answer.expiry, told["expiry"]),
        "children": answer.children is None or _all_named(answer.children, told["orders"]),
    }
    return ", ".join(f"{name} was not said" for name, right in checks.items() if not right)


def _whole(value: Any) -> int:
    """A plus sign is a minus: no panel marks a positive number."""
    found = re.fullmatch(r"\s*([+-]?)([0-9,]{1,80})(\.0*)?\s*", value, re.ASCII)
    assert found is not None, value
    size = min(int(found[2].replace(",", "")), 10**18)
    return -size if found[1] else size


def _is_amount(amount: Decimal, value: Any) -> bool:
    return amount.is_finite() and amount >= 0 and Decimal(value.strip()) == amount


def _quoted(shown: str | None, value: Any) -> bool:
    return shown is None or (isinstance(value, str) and plain([shown]) in plain([value]))


def _all_named(children: Sequence[str], value: Any) -> bool:
    if isinstance(value, str):
        named = [part.strip() for part in value.split(",")]
    else:
        named = list(value.values() if isinstance(value, dict) else value)
    return list(dict.fromkeys(map(sound, named))) == list(children)


def _agreed(given: Any, row: Any) -> bool:
    """1, true, a word of consent, or an object with such a status and no failure."""
    if isinstance(given, dict):
        return not fails(given) and not erring(given) and _agreed(given.get("status"), given)
    if given is None and isinstance(row, dict):
        words = row.get("success")
        return words is True or (isinstance(words, str) and words.strip().lower() != "false")
    if isinstance(given, str):
        word = re.sub(r"[\s_-]", "", given).casefold()
        number = re.fullmatch(r"[0-9,]+(\.0*)?", word) and float(word.replace(",", "")) > 0
        consents = "true yes requested success ok canceled cancelled cancel pending processing"
        return bool(number) or word in (*consents.split(), "inprogress")
    return given is True


# -- services and balance


def judge_services(status: int, body: bytes, names: Mapping[str, str], answer: object) -> str:
    document = strictly(body)
    if isinstance(answer, Refused):
        return judge_refusal(status, document, answer)
    if not isinstance(answer, list):
        return "" if isinstance(answer, Unreadable) else f"not a catalogue: {answer!r}"
    if not 200 <= status < 300 or erring(document):
        return "a catalogue against the panel's word"
    rows = document.get("data") if isinstance(document, dict) else document
    if rows == "Empty Data":
        rows = []
    if not isinstance(rows, list):
        return "a catalogue out of nothing"
    return _judge_rows([row for row in rows if isinstance(row, dict)], names, answer)


def _judge_rows(
    rows: list[dict[str, Any]], names: Mapping[str, str], answer: list[ServiceRow]
) -> str:
    called = [row for row in rows if isinstance(row.get(names["name"]), str)]
    ids = [sound(row.get(names["service"])) for row in called if plain([row[names["name"]]])]
    if [one.service for one in answer] != list(dict.fromkeys(filter(None, ids))):
        return f"other services than were listed: {[one.service for one in answer]}"
    for one in answer:
        named = [row for row in called if sound(row.get(names["service"])) == one.service]
        if one.rate and not any(_quoted(one.rate, row.get(names["rate"])) for row in named):
            return f"a rate that was not named: {one.rate}"
    return ""


def judge_balance(status: int, body: bytes, names: Mapping[str, str], answer: object) -> str:
    document = strictly(body)
    if isinstance(answer, Refused):
        return judge_refusal(status, document, answer)
    if not isinstance(answer, Balance):
        return "" if isinstance(answer, Unreadable) else f"not a balance: {answer!r}"
    if not 200 <= status < 300 or not isinstance(document, dict) or erring(document):
        return "a balance against the panel's word"
    told = document.get(names["balance"])
    right = isinstance(told, str) and Decimal(told.strip().replace(",", "")) == answer.balance
    return "" if right and answer.balance.is_finite() else f"another balance: {answer}"
