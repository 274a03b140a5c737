"""The whole configuration as parsed forms, before any rule across keys is applied."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from aggregator import dialects
from aggregator.config import keys, schema, yaml_tree
from aggregator.config.mistakes import Report, Where
from aggregator.config.schema import (
    ConfigForm,
    LimitsForm,
    ProviderForm,
    RetentionForm,
    RouteForm,
    ServiceForm,
)
from aggregator.config.sources import plain
from aggregator.config.values import name
from aggregator.dialects import Dialect

F = TypeVar("F", bound=schema.Form)
K = TypeVar("K", str, int)

_SERVICE_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Forms:
    """What could be parsed. ``*_names`` also hold those that could not.

    ``routes``: by service, each with its index in the file. ``keys``: by provider.
    """

    config: ConfigForm
    limits: LimitsForm
    retention: RetentionForm
    providers: Mapping[str, ProviderForm]
    keys: Mapping[str, str] = field(repr=False)
    admin_token: str | None = field(repr=False)
    services: Mapping[str, ServiceForm]
    routes: Mapping[str, Mapping[int, RouteForm]]
    dialects: Mapping[str, Dialect]
    dialect_forms: Mapping[str, object]
    provider_names: Collection[str]
    dialect_names: Collection[str]
    rate_names: Collection[str]


def parse(data: Mapping[str, Any], base: Path, environ: Mapping[str, str], report: Report) -> Forms:
    """Every part of the configuration, each on its own; mistakes go to ``report``."""
    config = schema.parse(ConfigForm, data, (), report) or ConfigForm()
    _check_names(config, report)
    providers = _each(ProviderForm, config.providers, ("providers",), report)
    services = _each(ServiceForm, config.services, ("services",), report)
    forms = builtin_dialects() | config.dialects
    return Forms(
        config=config,
        limits=schema.parse(LimitsForm, config.limits, ("limits",), report) or LimitsForm(),
        retention=schema.parse(RetentionForm, config.retention, ("retention",), report)
        or RetentionForm(),
        providers=providers,
        keys=_keys(providers, base, environ, report),
        admin_token=_admin_token(config, base, environ, report),
        services=services,
        routes={
            key: _each(RouteForm, dict(enumerate(form.routes)), ("services", key, "routes"), report)
            for key, form in services.items()
        },
        dialects=_dialects(forms, report),
        dialect_forms=forms,
        provider_names=config.providers.keys(),
        dialect_names=forms.keys(),
        rate_names=data["exchange_rates"] if isinstance(data.get("exchange_rates"), dict) else (),
    )


def _each(form: type[F], raw: Mapping[K, object], path: Where, report: Report) -> dict[K, F]:
    """Those of ``raw`` that could be parsed."""
    parsed = {key: schema.parse(form, one, (*path, key), report) for key, one in raw.items()}
    return {key: one for key, one in parsed.items() if one}


def builtin_dialects() -> dict[str, object]:
    """name -> what the dialect's own file says."""
    folder = resources.files(dialects)
    found: dict[str, object] = {}
    for dialect in dialects.BUILTIN:
        root, _ = yaml_tree.parse((folder / f"{dialect}.yaml").read_text("utf-8"))
        found[dialect] = plain(root) if root else None
    return found


def _dialects(forms: Mapping[str, object], report: Report) -> Mapping[str, Dialect]:
    built, mistakes = dialects.build_all(forms)
    for mistake in mistakes:
        report.mistake(("dialects", *mistake.path), mistake.message)
    return built


def _check_names(config: ConfigForm, report: Report) -> None:
    for section, entries in (("providers", config.providers), ("dialects", config.dialects)):
        for key in entries:
            try:
                name(key)
            except ValueError as error:
                report.mistake((section, key), str(error))
    for key in config.dialects.keys() & set(dialects.BUILTIN):
        message = "is built in: choose another name, and let it extend this one"
        report.mistake(("dialects", key), message)
    for key in config.services:
        if not _SERVICE_ID.fullmatch(key):
            report.mistake(("services", key), "a service's ID is a whole number from 1 on")


def _keys(
    providers: Mapping[str, ProviderForm], base: Path, environ: Mapping[str, str], report: Report
) -> dict[str, str]:
    found: dict[str, str] = {}
    for provider, form in providers.items():
        path = ("providers", provider)
        if form.key and form.key_file:
            report.mistake((*path, "key_file"), "stands beside 'key': give one of them")
        elif form.key_file:
            try:
                found[provider] = keys.read_secret(form.key_file, base, environ)
            except ValueError as error:
                report.mistake((*path, "key_file"), str(error))
        elif form.key:
            found[provider] = form.key
        else:
            report.mistake((*path, "key"), "is missing (or give 'key_file')")
    return found


def _admin_token(
    config: ConfigForm, base: Path, environ: Mapping[str, str], report: Report
) -> str | None:
    if config.admin_token_file is None:
        return None
    try:
        return keys.read_secret(config.admin_token_file, base, environ)
    except ValueError as error:
        report.mistake(("admin_token_file",), str(error))
        return None
