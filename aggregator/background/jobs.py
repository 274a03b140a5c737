"""Which jobs there are, and how often each runs."""

from functools import partial

from aggregator.actions import Desk, World
from aggregator.background import balances, cures, forgetting, polling, queue
from aggregator.background.catalogues import Catalogues
from aggregator.background.clockwork import Job
from aggregator.background.learning import Learning


def jobs(world: World, desk: Desk) -> list[Job]:
    return [
        Job("elsewhere", 0.5, partial(_notice_others, world, desk)),
        Job("queue", 0.5, partial(queue.advance, world)),
        Job("cures", 1.0, partial(cures.look, world)),
        Job("learning", 60.0, Learning(world).look),
        Job("polling", 1.0, partial(polling.keep_polling, world)),
        Job("balances", 300.0, partial(balances.look, world)),
        Job("catalogues", 5.0, Catalogues(world).look),
        Job("forgetting", 3600.0, partial(forgetting.forget, world)),
    ]


async def _notice_others(world: World, desk: Desk) -> None:
    """A command may have withdrawn a key or credited a balance meanwhile."""
    desk.asked(changed=await world.store.changed_elsewhere())
