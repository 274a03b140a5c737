"""One timer for many spans."""

import asyncio

from aggregator.upstream.alarm import Alarm


class Looks(list[float]):
    """When it looked, in seconds; ``again_s``: what it was then told."""

    def __init__(self, *again_s: float) -> None:
        super().__init__()
        self.began = asyncio.get_running_loop().time()
        self.done = asyncio.Event()
        self._again_s = list(again_s)

    def look(self, now: float) -> float | None:
        self.append(now - self.began)
        if self._again_s:
            return self.began + self._again_s.pop(0)
        self.done.set()
        return None


async def test_it_looks_again_for_as_long_as_it_is_told() -> None:
    """Put off, it wakes up at the first of its times, and then at what the look says."""
    looks = Looks(0.06)
    alarm = Alarm(looks.look)
    alarm.by(looks.began + 0.03)
    alarm.by(looks.began + 60)
    await asyncio.wait_for(looks.done.wait(), 5)
    assert looks[0] >= 0.03 and looks[1] >= 0.06
    await asyncio.sleep(0.02)
    assert len(looks) == 2


async def test_an_earlier_time_counts_at_once() -> None:
    """It does not sleep through what has become urgent; and it can be turned off."""
    looks = Looks()
    alarm = Alarm(looks.look)
    alarm.by(looks.began + 60)
    alarm.by(looks.began + 0.01)
    await asyncio.wait_for(looks.done.wait(), 5)
    alarm.by(looks.began + 0.02)
    alarm.off()
    alarm.off()
    await asyncio.sleep(0.05)
    assert len(looks) == 1
