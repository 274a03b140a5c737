"""What ours is held against: aiohttp as anybody would use it, and as lean as that gets.

``python -m benchmarks.bench.baselines pass-through PORT UPSTREAM_URL``: hands every body
on and every answer back; no key is looked at, nothing is stored.

``python -m benchmarks.bench.baselines constant PORT FILE``: answers the bytes of a file.
"""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop
from aiohttp import ClientSession, TCPConnector, web

_UPSTREAM = web.AppKey("upstream", ClientSession)


def pass_through(url: str) -> web.Application:
    async def upstream(app: web.Application) -> AsyncIterator[None]:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            app[_UPSTREAM] = session
            yield

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {"Content-Type": request.headers["Content-Type"]}
        async with request.app[_UPSTREAM].post(url, data=body, headers=headers) as answer:
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )

    app = web.Application()
    app.cleanup_ctx.append(upstream)
    app.router.add_post("/api/v2", handle)
    return app


def constant(body: bytes) -> web.Application:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/api/v2", handle)
    return app


if __name__ == "__main__":
    which, port, given = sys.argv[1:]
    app = pass_through(given) if which == "pass-through" else constant(Path(given).read_bytes())
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(port),
        access_log=None,
        print=lambda _line: None,
        loop=uvloop.new_event_loop(),
    )
