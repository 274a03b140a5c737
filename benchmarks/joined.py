"""What the clients were told, what the panels accepted, what our database says: joined.

The three are joined by the links, of which every purchase has its own. The panels'
logs are the truth.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aggregator.store.tx import Row
from benchmarks.market import Market
from benchmarks.shoppers import Purchase

_ORDERS = """
SELECT orders.id, orders.link, orders.state, orders.provider, orders.upstream_order_id,
    (SELECT provider FROM attempts WHERE order_id = orders.id AND state = 'in_doubt')
        AS doubted_at
FROM orders WHERE parent_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Joined:
    """``accepted``: by link, (panel, its record) of every add."""

    orders: Mapping[str, Sequence[Row]]
    accepted: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]

    @classmethod
    def of(cls, market: Market) -> "Joined":
        orders, accepted = defaultdict(list), defaultdict(list)
        for row in market.look(_ORDERS):
            orders[row["link"]].append(row)
        for name, panel in market.panels.items():
            for record in panel.log():
                accepted[record["params"]["link"]].append((name, record))
        return cls(orders, accepted)

    def figures(self) -> dict[str, object]:
        states = Counter(row["state"] for rows in self.orders.values() for row in rows)
        return {
            "our orders": sum(states.values()),
            "accepted upstream": sum(map(len, self.accepted.values())),
            "in doubt": states.pop("in_doubt", 0),
            "other states": dict(sorted(states.items())),
        }

    def violations(self, book: Mapping[str, Purchase]) -> list[str]:
        """A line for everything that must never be; to be called when the server has stopped."""
        return [
            *self._of_orders(),
            *self._of_answers(book),
            *(line for link in self.accepted for line in self._of_accepted(link)),
        ]

    def _of_orders(self) -> Iterator[str]:
        for link, rows in self.orders.items():
            if len(rows) > 1:
                yield f"{link}: {len(rows)} orders of ours for one purchase"
            for row in rows:
                if row["state"] == "sending":
                    yield f"order {row['id']} is still sending after a graceful stop"
                bought = {(name, record["order"]) for name, record in self.accepted.get(link, ())}
                known = row["provider"], row["upstream_order_id"]
                if known[1] is not None and known not in bought:
                    yield f"order {row['id']} is placed as {known}, which nobody accepted"

    def _of_answers(self, book: Mapping[str, Purchase]) -> Iterator[str]:
        given = Counter(one.order for one in book.values() if one.order is not None)
        for order, times in given.items():
            if times > 1:
                yield f"order ID {order} was given {times} times"
        for link, purchase in book.items():
            ours = [row["id"] for row in self.orders.get(link, ())]
            if purchase.order is not None and purchase.order not in ours:
                yield f"{link}: acknowledged as order {purchase.order}, and lost"
            if purchase.error is not None and link in self.accepted:
                yield f"{link}: refused ({purchase.error}), although a panel accepted it"

    def _of_accepted(self, link: str) -> Iterator[str]:
        adds = self.accepted[link]
        if len(adds) > 1:
            where = ", ".join(name for name, _ in adds)
            yield f"{link}: bought {len(adds)} times ({where})"
        rows = self.orders.get(link, ())
        if not rows:
            yield f"{link}: accepted by {adds[0][0]}, and no order of ours"
        for row in rows:
            for name, record in adds:
                placed = (row["provider"], row["upstream_order_id"]) == (name, record["order"])
                doubted = row["state"] == "in_doubt" and row["doubted_at"] == name
                if not placed and not doubted:
                    yield (
                        f"order {row['id']} is {row['state']}, and {name} has accepted it "
                        f"as {record['order']}"
                    )
