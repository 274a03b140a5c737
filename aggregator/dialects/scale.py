"""How much a JSON document holds, counted before it is parsed.

A megabyte of ``[1,1,1,...`` is half a million values: to parse it takes seconds,
and Python's parser lets no other thread run while it reads what is not an object.
So the marks between the values are counted first, which stops at the limit. Text
counts once, whatever stands in it; whether the document is sound, ``wire`` tells.
"""

import re
from itertools import islice

# A text that never ends is read to the end at once: there is no second way to read it.
_MARKS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[,\[{}]', re.DOTALL)
_TEXT, _END = ord('"'), ord("}")


def holds_more_than(body: bytes, marks: int) -> bool:
    """Whether there are more than so many texts, commas and brackets."""
    return any(islice(_MARKS.finditer(body), marks, None))


def is_larger_than(body: bytes, objects: int, between: int) -> bool:
    """Whether there are more than so many objects, or values between the ends of two."""
    values = 0
    for found in _MARKS.finditer(body):
        mark = body[found.start()]
        if mark == _END:
            objects, values = objects - 1, 0
        elif mark != _TEXT:
            values += 1
        if objects < 0 or values > between:
            return True
    return False
