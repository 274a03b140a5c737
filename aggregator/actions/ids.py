"""IDs as clients write them: one, or a comma list of at most 100 distinct ones."""

import re
from collections.abc import Mapping

from aggregator.core import errors
from aggregator.core.errors import ClientError

MAX_IDS = 100
MAX_PLAIN = 2_000
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_IDS = re.compile(r"[1-9][0-9]{0,17}(?:,[1-9][0-9]{0,17})*", re.ASCII)


def asked(params: Mapping[str, str], one: str, many: str, *, missing: str) -> dict[str, int | None]:
    """The IDs asked for, as texts in the order asked; None where one is malformed.

    Raises ClientError(``missing``) where none is given, or where too many are.
    """
    text = id_list(params, one, many)
    if len(text) <= MAX_PLAIN and _IDS.fullmatch(text):  # nothing odd in it, as nearly always
        plain = {part: int(part) for part in text.split(",")}
        if len(plain) <= MAX_IDS:
            return dict(plain)
    distinct = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    if not distinct:
        raise ClientError(missing)
    if len(distinct) > MAX_IDS:
        raise ClientError(errors.TOO_MANY_IDS)
    return {part: one_id(part) for part in distinct}


def id_list(params: Mapping[str, str], one: str, many: str) -> str:
    return params.get(many) or params.get(one, "")


def one_id(text: str) -> int | None:
    """None where it cannot be an ID of ours: "²", "01", "0", "-1"."""
    return int(text) if _ID.fullmatch(text) else None
