"""From a path to a checked configuration, or to every mistake in it at once.

The way, one module each:

1. ``sources`` reads the files and parses them (``yaml_tree``), fills in variables
   (``environment``), merges the services of included files, and remembers in
   ``Places`` where each part stands.
2. ``forms`` parses every provider, service and route on its own (``schema``, with the
   kinds of values in ``values`` and ``network``). What is wrong is reported, and its
   default taken, so that step 3 still sees the rest.
3. ``rules`` checks what must hold between keys.
4. Only if nothing was reported, ``build`` makes the values the program works with.

Nothing on this way raises but ``load`` itself, at the end and with everything.
What must change together: a new key goes into ``schema`` and ``build``, into
config.example.yaml and into docs/configuration.md; tests compare the four.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aggregator.config import build, forms, rules, sources
from aggregator.config.environment import NoSecrets
from aggregator.config.mistakes import ConfigErrors, Mistake, Report
from aggregator.config.settings import ServerSettings
from aggregator.config.sources import Places
from aggregator.ports import Setup


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that may be used. ``warnings`` are mistakes that may be meant."""

    file: str
    setup: Setup
    server: ServerSettings
    warnings: tuple[Mistake, ...]
    places: Places = field(repr=False)

    def locate(self, mistakes: Iterable[Mistake]) -> list[Mistake]:
        """Mistakes found later (``check_against_memory``), with their files and lines."""
        return [self.places.locate(mistake) for mistake in mistakes]


def load(path: Path, environ: Mapping[str, str], *, secrets: bool = True) -> Loaded:
    """The configuration at ``path``, checked but for what only the database knows.

    Without ``secrets`` the providers' keys and the admin's token are neither looked up
    nor checked: for whoever talks to no provider. ``environ`` is where ``${NAME}`` and
    CREDENTIALS_DIRECTORY are looked up. Paths in the configuration are relative to its
    own directory. Raises ConfigErrors, with every mistake found, and nothing else.
    """
    environ = environ if secrets else NoSecrets(environ)
    report = Report()
    source = sources.read(path, environ, report)
    if source is None:
        raise ConfigErrors(report.mistakes)
    parsed = forms.parse(source.data, path.parent, environ, report)
    rules.check(parsed, report)
    if report.mistakes:
        raise ConfigErrors(source.places.locate(mistake) for mistake in report.mistakes)
    server = build.server(parsed, path.parent)
    return Loaded(
        file=str(path),
        setup=build.setup(parsed, server),
        server=server,
        warnings=tuple(source.places.locate(warning) for warning in report.warnings),
        places=source.places,
    )


def summary(loaded: Loaded) -> str:
    """One line on a good configuration, for ``aggregator check``."""
    setup = loaded.setup
    counts = (
        (len(setup.providers), "provider"),
        (len(setup.services), "service"),
        (sum(len(service.routes) for service in setup.services.values()), "route"),
        (len(loaded.server.faces), "face"),
    )
    said = ", ".join(f"{count} {noun}{'s' * (count != 1)}" for count, noun in counts)
    return f"{loaded.file}: {said}; revision {setup.revision}"
