"""The form of our values: frozen as far as anybody who writes code is concerned.

A frozen dataclass pays for it at each of its births, with a call for every field, and an
order is the birth of some twenty values. So here it is mypy that keeps them frozen: to
it ``noun`` is ``dataclass``, and nothing that assigns to a field passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as noun
else:
    T = TypeVar("T")

    def noun(*, frozen: bool, slots: bool) -> Callable[[type[T]], type[T]]:
        """``dataclass``, of which ``frozen`` is checked before the program runs."""
        assert frozen
        return dataclass(slots=slots, unsafe_hash=True)


__all__ = ["noun"]
