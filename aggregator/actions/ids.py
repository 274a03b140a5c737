"""IDs as clients write them: one, or a comma list of at most 100 distinct ones."""

import re
from collections.abc import Mapping

from aggregator.core import errors
from aggregator.core.errors import ClientError

MAX_IDS = 100
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def asked(params: Mapping[str, str], one: str, many: str, *, missing: str) -> dict[str, int | None]:
    """The IDs asked for, as texts in the order asked; None where one is malformed.

    Raises ClientError(``missing``) where none is given, or where too many are.
    """
    text = params.get(many) or params.get(one, "")
    distinct = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    if not distinct:
        raise ClientError(missing)
    if len(distinct) > MAX_IDS:
        raise ClientError(errors.TOO_MANY_IDS)
    return {part: one_id(part) for part in distinct}


def one_id(text: str) -> int | None:
    """None where it cannot be an ID of ours: "²", "01", "0", "-1"."""
    return int(text) if _ID.fullmatch(text) else None
