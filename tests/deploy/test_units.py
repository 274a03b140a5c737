"""The units of systemd that stand in deploy/."""

import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import click
import pytest

from aggregator import config
from aggregator.cli import main

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = ["aggregator.service", "aggregator-backup.service"]
PROGRAM = "/opt/aggregator/current/bin/aggregator"
MOST_EXPOSED = 1.5
# What says how it is started; everything else in [Service] is who it runs as and its walls.
STARTING = re.compile(
    "Type|NotifyAccess|Exec.*|Timeout.*|Watchdog.*|Restart.*|KillSignal|State.*|LimitNOFILE"
    "|OOM.*|Nice|IOScheduling.*|Log.*"
)

analyzed = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="optional: systemd-analyze is not installed"
)


def directives(name: str, section: str) -> dict[str, list[str]]:
    """What a unit says in one section: key -> its values, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    current = ""
    for line in (DEPLOY / name).read_text().splitlines():
        if line.startswith("["):
            current = line.strip("[]")
        elif line and not line.startswith("#") and current == section:
            key, value = line.split("=", 1)
            found[key].append(value)
    return found


def commands(name: str) -> list[list[str]]:
    """The command lines of aggregator's that a service runs."""
    service = directives(name, "Service")
    lines = [line for key, lines in service.items() if key.startswith("Exec") for line in lines]
    return [words[1:] for line in lines if (words := shlex.split(line))[0] == PROGRAM]


@analyzed
def test_they_verify(tmp_path: Path) -> None:
    """systemd itself finds nothing to say about any of them."""
    program = tmp_path / "aggregator"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = sorted(path for path in DEPLOY.glob("aggregator*.*") if path.suffix != ".yml")
    for unit in units:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in units)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in said.stderr.splitlines() if "aggregator" in line]
    assert (said.returncode, told) == (0, [])


@analyzed
@pytest.mark.parametrize("name", SERVICES)
def test_their_exposure_is_low(name: str) -> None:
    """What systemd counts against a service stays below 1.5 of 10."""
    asked = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    said = subprocess.run(
        [*asked, f"--threshold={MOST_EXPOSED * 10:.0f}", DEPLOY / name],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"Overall exposure level for \S+ ([0-9.]+)", said.stdout)
    assert level is not None
    assert said.returncode == 0
    assert float(level[1]) <= MOST_EXPOSED


def test_both_services_stand_behind_the_same_walls() -> None:
    """What confines the server confines its backup, and they are the same user."""
    walls = [
        {
            key: values
            for key, values in directives(name, "Service").items()
            if not STARTING.fullmatch(key)
        }
        for name in SERVICES
    ]
    assert walls[0] == walls[1]
    assert walls[0]["DynamicUser"] == ["yes"]


def test_the_sockets_are_where_the_configuration_listens(tmp_path: Path) -> None:
    """An installation's first configuration is sound, and its sockets are the unit's."""
    (tmp_path / "keys_admin").write_text("token\n")
    loaded = config.load(DEPLOY / "config.yaml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    listening = [str(loaded.server.listen), str(loaded.server.admin_listen)]
    assert directives("aggregator.socket", "Socket")["ListenStream"] == listening
    assert loaded.server.admin_token == "token"
    assert loaded.server.database.startswith("/var/lib/aggregator/")


def test_the_commands_exist() -> None:
    """Each command line of a unit is one that the program takes."""
    lines = [line for name in SERVICES for line in commands(name)]
    assert [words[0] for words in lines] == ["serve", "check", "backup"]
    for name, *words in lines:
        command = main.commands[name]
        assert isinstance(command.make_context(name, words), click.Context)


def test_systemd_waits_for_longer_than_a_command_may_hold_the_database() -> None:
    """The watchdog's term leaves the writer its half minute of waiting, and then some."""
    assert int(directives("aggregator.service", "Service")["WatchdogSec"][0]) >= 60


@pytest.mark.skipif(shutil.which("nginx") is None, reason="optional: no nginx here")
def test_nginx_takes_its_example(tmp_path: Path) -> None:
    """nginx finds the example sound, once it is given a certificate."""
    site = (DEPLOY / "nginx.conf").read_text().replace("/var/log/nginx", str(tmp_path))
    certificate = Path(__file__).parents[1] / "upstream" / "self_signed.pem"
    site = re.sub(r"/etc/letsencrypt/\S+\.pem", str(certificate), site)
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ include {tmp_path}/site.conf; }}\n"
    )
    said = subprocess.run(
        ["nginx", "-t", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


@pytest.mark.skipif(shutil.which("caddy") is None, reason="optional: no caddy here")
def test_caddy_takes_its_example(tmp_path: Path) -> None:
    """Caddy finds the example sound."""
    said = subprocess.run(
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


def test_no_proxy_logs_a_query_or_repeats_an_order() -> None:
    """nginx writes no whole request, believes no client's address, and asks nobody twice."""
    site = (DEPLOY / "nginx.conf").read_text()
    logged = re.search(r"log_format aggregator (.*?);", site, re.DOTALL)
    assert logged is not None
    assert not set(re.findall(r"\$\w+", logged[1])) & {"$request", "$request_uri", "$args"}
    assert re.findall(r"access_log \S+ (\w+)", site) == ["aggregator", "aggregator"]
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in site
    assert "proxy_next_upstream off;" in site
