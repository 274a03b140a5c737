"""The same shop as the actions'."""

from tests.actions.conftest import open_shop, shop

__all__ = ["open_shop", "shop"]
