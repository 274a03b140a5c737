"""`aggregator sandbox`: a panel to try things out against."""

import asyncio
import json
from dataclasses import fields

import aiohttp

from aggregator.sandbox import Fault, Rule
from tests.cli.support import Desk


async def test_it_answers_until_told(desk: Desk) -> None:
    """It says where it is, speaks the dialect asked for, and ends with 0."""
    process = await asyncio.create_subprocess_exec(
        *desk.command("sandbox", "--port", "0", "--dialect", "cheapsmmpanel", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    assert told["dialect"] == "cheapsmmpanel"
    params = {"api_token": told["key"], "action": "packages"}
    async with aiohttp.ClientSession() as http, http.post(told["url"], data=params) as response:
        assert (await response.json())[0]["service"] == 1
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


def test_unknown_dialect(desk: Desk) -> None:
    """A dialect that there is not is a mistake on the command line, and the others are named."""
    result = desk.run("sandbox", "--port", "0", "--dialect", "smmgolf", status=2)
    assert "smmgulf" in result.stderr


def test_help_names_every_fault(desk: Desk) -> None:
    """Whoever reads the help knows which faults there are, and what their rules may say."""
    told = desk.run("sandbox", "--help").stdout
    for name in (*Fault, *(each.name for each in fields(Rule))):
        assert name in told, name
