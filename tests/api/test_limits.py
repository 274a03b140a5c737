"""Limits, by themselves and over sockets, with a clock moved by hand."""

from hypothesis import given
from hypothesis import strategies as st

from aggregator.api import Limit, Limits
from aggregator.api.limits import Limiter, Remembered
from aggregator.core.errors import UNAUTHENTICATED, ClientError
from tests.api.support import KEY, HandClock, Reply, post, serving

OK = post(f"key={KEY}&action=balance")
WRONG = post("key=guess&action=balance")


def is_limited(reply: Reply) -> bool:
    return reply.status == 429 and reply.json == {"error": "Too many requests"}


def test_a_full_bucket_and_its_refill() -> None:
    """The whole count may come at once, then one more with each share of the time."""
    clock = HandClock()
    limiter = Limiter(Limit(3, 60), clock)
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 20]
    clock.now += 20
    assert [limiter.take("a") for _ in range(2)] == [0, 20]
    clock.now += 3600
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 20]


def test_asking_counts_nothing() -> None:
    """wait_s tells whether somebody may, without counting it; and nobody waits for another."""
    limiter = Limiter(Limit(1, 60), HandClock())
    assert [limiter.wait_s("a") for _ in range(3)] == [0, 0, 0]
    assert limiter.take("a") == 0
    assert limiter.wait_s("a") == 60
    assert limiter.wait_s("b") == 0


def test_no_limit() -> None:
    """Without a limit nobody waits, and nobody is remembered."""
    limiter = Limiter(None, HandClock())
    assert [limiter.take("a") for _ in range(100)] == [0] * 100
    assert not limiter._full_at


def test_memory_is_bounded() -> None:
    """Who came least recently is forgotten first."""
    limiter = Limiter(Limit(1, 60), HandClock(), size=2)
    for who in ("a", "b", "c"):
        limiter.take(who)
    assert [limiter.wait_s(who) for who in ("a", "b", "c")] == [0, 60, 60]


def test_a_new_limit_keeps_what_was_counted() -> None:
    """A reload may change the numbers; nobody's bucket is filled by it."""
    limiter = Limiter(Limit(1, 60), HandClock())
    limiter.take("a")
    limiter.limit = Limit(1, 30)
    assert limiter.wait_s("a") == 60


@given(
    count=st.integers(1, 50),
    seconds=st.floats(0.1, 3600),
    steps=st.lists(st.floats(0, 100), max_size=200),
)
def test_never_more_than_the_limit(count: int, seconds: float, steps: list[float]) -> None:
    """Over any time, no more pass than the full bucket and what has dripped in since."""
    clock = HandClock()
    limiter = Limiter(Limit(count, seconds), clock)
    began, passed = clock.now, 0
    for step in steps:
        clock.now += step
        passed += limiter.take("a") == 0
        assert passed <= count + (clock.now - began) * count / seconds + 1e-3


@given(count=st.integers(1, 1000), seconds=st.floats(0.1, 86_400))
def test_a_full_bucket_is_full(count: int, seconds: float) -> None:
    """No rounding takes the last one away, or adds one."""
    limiter = Limiter(Limit(count, seconds), HandClock())
    assert sum(limiter.take("a") == 0 for _ in range(count + 1)) == count


async def test_per_key() -> None:
    """A key's limit is its own; other keys are not held up by it."""
    async with serving(limits=Limits(per_key=Limit(1, 60), failed_auth=None)) as house:
        assert not is_limited(await house.ask(OK))
        reply = await house.ask(OK)
        assert is_limited(reply)
        assert reply.headers["retry-after"] == "60"
        assert not is_limited(await house.ask(WRONG))
        house.clock.now += 60
        assert not is_limited(await house.ask(OK))


async def test_per_address() -> None:
    """An address is held to its limit whatever it asks, before its body is read."""
    async with serving(limits=Limits(per_address=Limit(1, 60))) as house:
        assert not is_limited(await house.ask(post("{")))
        assert is_limited(await house.ask(post("{")))
        assert is_limited(await house.ask(OK))
        assert house.desk.asked == []


async def test_failed_authentications() -> None:
    """After too many wrong keys, even a right one that is new is not looked at for a while."""
    async with serving(limits=Limits(failed_auth=Limit(2, 60))) as house:
        for _ in range(2):
            assert (await house.ask(WRONG)).json == {"error": "Unauthenticated"}
        asked = len(house.desk.asked)
        assert is_limited(await house.ask(WRONG))
        assert is_limited(await house.ask(OK))
        assert len(house.desk.asked) == asked
        house.clock.now += 30
        assert (await house.ask(OK)).status == 200


async def test_a_key_that_was_good_is_not_locked_out() -> None:
    """Whoever shares an address with a guesser is served, until his key is withdrawn."""
    async with serving(limits=Limits(failed_auth=Limit(2, 60))) as house:
        assert not is_limited(await house.ask(OK))
        for _ in range(2):
            await house.ask(WRONG)
        assert is_limited(await house.ask(WRONG))
        assert not is_limited(await house.ask(OK))
        house.desk.raises = ClientError(UNAUTHENTICATED)
        assert (await house.ask(OK)).json == {"error": UNAUTHENTICATED}
        assert is_limited(await house.ask(OK))


async def test_requests_that_nobody_can_read_are_counted() -> None:
    """What is malformed or too large counts like a wrong key."""
    too_large = post("", "/api/v2").replace(b"Content-Length: 0", b"Content-Length: 9999999")
    for bad in (post("{"), too_large):
        async with serving(limits=Limits(failed_auth=Limit(1, 60))) as house:
            assert (await house.ask(bad)).status in (400, 413)
            assert is_limited(await house.ask(OK))


def test_the_last_are_remembered() -> None:
    """Who was added least recently is forgotten first, and who is discarded at once."""
    remembered = Remembered(2)
    for who in ("a", "b", "a", "c"):
        remembered.add(who)
    remembered.discard("c")
    remembered.discard("never")
    assert [who in remembered for who in ("a", "b", "c")] == [True, False, False]


async def test_right_keys_are_not_counted() -> None:
    """Only refused keys count against the limit of failed authentications."""
    async with serving(limits=Limits(failed_auth=Limit(1, 60))) as house:
        for _ in range(5):
            assert (await house.ask(OK)).status == 200


async def test_behind_a_trusted_proxy() -> None:
    """Whoever sits behind one proxy with a guesser is not held up by him."""
    limits = Limits(failed_auth=Limit(1, 60))

    def from_(address: str, key: str) -> bytes:
        return post(f"key={key}&action=balance", "/api/v2", f"X-Forwarded-For: {address}")

    async with serving(limits=limits, trusted_proxies=("127.0.0.0/8",)) as house:
        await house.ask(from_("192.0.2.1", "guess"))
        assert is_limited(await house.ask(from_("1.1.1.1, 192.0.2.1", KEY)))
        assert not is_limited(await house.ask(from_("192.0.2.1, 192.0.2.2", KEY)))
    async with serving(limits=limits) as house:
        await house.ask(from_("192.0.2.1", "guess"))
        assert is_limited(await house.ask(from_("192.0.2.2", KEY)))
