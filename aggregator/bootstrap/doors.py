"""The two doors, the resellers' and the operator's, as the configuration has them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from aggregator import api, config, telemetry
from aggregator.actions import Desk
from aggregator.bootstrap.clocks import Drain

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Doors:
    door: api.Api
    admin: api.Admin | None

    def reload(self, loaded: config.Loaded) -> None:
        """For every request from now on."""
        self.door.reload(_settings(loaded))
        if self.admin is not None:
            self.admin.reload(loaded.server.admin_token)


async def opened(
    loaded: config.Loaded,
    desk: Desk,
    ready: api.Ready,
    look: api.Look,
    metrics: telemetry.Metrics,
    inherited: api.Inherited,
    drain: Drain,
    stack: AsyncExitStack,
) -> Doors:
    """Both listen when this returns; ``stack`` closes them."""
    server = loaded.server
    door = api.Api(desk, _settings(loaded), metrics)
    stack.push_async_callback(drain.through, door.close)
    address = await door.start(str(server.listen), inherited)
    log.info("listening", address=address, revision=loaded.setup.revision)
    admin = None
    if server.admin_listen is not None:
        admin = api.Admin(ready, metrics, server.admin_token, look=look)
        stack.push_async_callback(admin.close)
        address = await admin.start(str(server.admin_listen), inherited)
        log.info("admin_listening", address=address)
    for place in inherited.unused:
        log.warning("inherited_socket_unused", address=place)
    return Doors(door, admin)


def _settings(loaded: config.Loaded) -> api.Settings:
    server, setup = loaded.server, loaded.setup
    return api.Settings(
        faces={path: setup.dialects[name] for path, name in server.faces.items()},
        limits=_limits(server.limits),
        trusted_proxies=server.trusted_proxies,
    )


def _limits(limits: config.Limits) -> api.Limits:
    def limit(given: config.Limit | None) -> api.Limit | None:
        return None if given is None else api.Limit(given.count, given.seconds)

    return api.Limits(limit(limits.per_key), limit(limits.per_address), limit(limits.failed_auth))
