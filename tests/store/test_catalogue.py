"""Catalogues: read in pieces, changes written down, what is gone remembered."""

from dataclasses import replace

from aggregator.core.drift import BELIEVED_AFTER_MS, FORGOTTEN_AFTER_MS
from aggregator.core.model import Offer
from aggregator.ports import Saved
from aggregator.store import ScriptedStore, catalogue, meta
from aggregator.store.tx import Tx
from tests.store.builders import HOUR, NOW

LIKES = Offer("1", "Likes", "Default", "IG", 900_000, 10, 1000, refill=True, cancel=None)
VIEWS = Offer("2", "Views", "Default", "IG", 500_000, None, None, description="fast")


async def told(store: ScriptedStore, provider: str = "gulf") -> list[tuple[object, ...]]:
    """The provider's changes, oldest first."""
    found = await store.read(lambda tx: catalogue.changes(tx, provider))
    return [
        (one.change.service, one.change.field, one.change.old, one.change.new)
        for one in reversed(found)
    ]


async def test_a_reading_is_the_catalogue(store: ScriptedStore) -> None:
    """A saved reading is what the provider offers now, and touches no other's."""
    await store.save_catalogue("gulf", [LIKES, VIEWS], [], NOW)
    await store.save_catalogue("owner", [LIKES], [], NOW)
    await store.save_catalogue("gulf", [VIEWS], [], NOW + 1)
    found = await store.read(catalogue.catalogue)
    assert found == {"gulf": {"2": VIEWS}, "owner": {"1": LIKES}}
    assert await store.read(lambda tx: catalogue.read_at_ms(tx, "gulf")) == NOW + 1
    assert await store.read(lambda tx: catalogue.read_at_ms(tx, "nobody")) is None


async def test_what_is_gone_stays_known(store: ScriptedStore) -> None:
    """A service that went keeps its last price, so that its cost is not unknown."""
    await store.save_catalogue("gulf", [LIKES, VIEWS], [], NOW)
    await store.save_catalogue("gulf", [VIEWS], [], NOW + HOUR)
    await store.save_catalogue("gulf", [VIEWS], [], NOW + 2 * HOUR)
    wanted = {"gulf": {"1", "2", "99"}, "nobody": {"1"}}
    gone = replace(LIKES, gone_at_ms=NOW + HOUR)
    assert await store.offers(wanted) == {"gulf": {"1": gone, "2": VIEWS}}
    await store.save_catalogue("gulf", [LIKES, VIEWS], [], NOW + 3 * HOUR)
    assert await store.offers({"gulf": {"1"}}) == {"gulf": {"1": LIKES}}


async def test_what_is_gone_for_long_is_forgotten(store: ScriptedStore) -> None:
    """It is kept for as long as a route leads to it."""
    await store.save_catalogue("gulf", [LIKES, VIEWS], [], NOW)
    await store.save_catalogue("gulf", [VIEWS], [], NOW)
    for used, left in ((["1"], 2), ([], 1)):
        await store.save_catalogue("gulf", [VIEWS], used, NOW + FORGOTTEN_AFTER_MS)
        assert len(await store.read(lambda tx: catalogue.of_provider(tx, "gulf"))) == left


async def test_changes_are_written_down(store: ScriptedStore) -> None:
    """Not the first reading, but each difference after it, once."""
    await store.save_catalogue("gulf", [LIKES, VIEWS], [], NOW)
    dearer = replace(LIKES, rate_micros=950_000)
    for _ in range(2):
        saved = await store.save_catalogue("gulf", [dearer, VIEWS], ["1"], NOW)
    assert saved == Saved(changes=[])
    await store.save_catalogue("gulf", [dearer], [], NOW)
    assert await told(store) == [("1", "rate", "0.90", "0.95"), ("2", "service", "Views", None)]
    assert await told(store, "owner") == []


async def test_changes_of_ours_are_the_newest(store: ScriptedStore) -> None:
    """However much a provider changes, what routes lead to is forgotten last."""
    many = [replace(LIKES, service=str(number)) for number in range(1200)]
    await store.save_catalogue("gulf", many, [], NOW)
    dearer = [replace(one, rate_micros=950_000) for one in many]
    saved = await store.save_catalogue("gulf", dearer, ["7"], NOW)
    assert len(saved.changes) == 1200
    assert (await told(store))[-1] == ("7", "rate", "0.90", "0.95")


def test_changes_are_bounded(tx: Tx) -> None:
    """Of each provider the newest are kept."""
    for number in range(8):
        name = "gulf" if number % 2 else "owner"
        one = {"old": None, "new": None}
        tx.run("insert_change", now_ms=NOW, provider=name, service=str(number), field="rate", **one)
    tx.run("forget_changes", provider="gulf", kept=3)
    assert [one.change.service for one in catalogue.changes(tx, "gulf")] == ["7", "5", "3"]
    assert len(catalogue.changes(tx, "owner")) == 4


async def test_a_doubtful_reading_changes_nothing(store: ScriptedStore) -> None:
    """An empty list is never obeyed; a short one once it has been told for a whole day."""
    many = [replace(LIKES, service=str(number)) for number in range(9)]
    await store.save_catalogue("gulf", many, [], NOW)
    assert (await store.save_catalogue("gulf", [], [], NOW + 1)).doubt == "it is empty"
    doubted = await store.save_catalogue("gulf", many[:4], [], NOW + 2)
    assert doubted == Saved("it has 4 services, and had 9")
    assert len((await store.read(catalogue.catalogue))["gulf"]) == 9
    await store.save_catalogue("gulf", many, [], NOW + 3)  # and so it begins anew
    later = NOW + 4
    for at_ms in (later, later + BELIEVED_AFTER_MS - 1):
        assert (await store.save_catalogue("gulf", many[:4], [], at_ms)).doubt
    saved = await store.save_catalogue("gulf", many[:4], [], later + BELIEVED_AFTER_MS)
    assert len(saved.changes) == 5
    assert len((await store.read(catalogue.catalogue))["gulf"]) == 4
    assert await store.read(lambda tx: meta.get(tx, "catalogue/gulf/doubted_since_ms")) == ""


async def test_another_server_s_reading_is_no_change(store: ScriptedStore) -> None:
    """What another has written meanwhile is not written down twice."""
    await store.save_catalogue("gulf", [LIKES], [], NOW)
    now = {"1": replace(LIKES, min=20)}
    first = await store.write(lambda tx: catalogue.saved(tx, "gulf", ["1"], now, NOW))
    again = await store.write(lambda tx: catalogue.saved(tx, "gulf", ["1"], now, NOW))
    gone = await store.write(lambda tx: catalogue.saved(tx, "gulf", ["1", "5"], {}, NOW))
    gone_again = await store.write(lambda tx: catalogue.saved(tx, "gulf", ["1"], {}, NOW))
    assert [len(one) for one in (first, again, gone, gone_again)] == [1, 0, 1, 0]
