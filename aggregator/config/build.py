"""From checked forms to the values the program works with.

``str(…)`` makes ordinary text of what may be text from the environment.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from aggregator.config.forms import Forms
from aggregator.config.schema import RouteForm
from aggregator.config.settings import Limits, ServerSettings
from aggregator.core import pricing
from aggregator.core.model import Policy, Provider, Retention, Route, Service
from aggregator.ports import Setup


def setup(forms: Forms, server: ServerSettings) -> Setup:
    parts = (
        _policy(forms),
        {name: _provider(forms, name) for name in forms.providers},
        {int(key): _service(forms, key) for key in forms.services},
    )
    revision = _revision(*parts, forms.dialect_forms, server)
    return Setup(revision, parts[0], parts[1], forms.dialects, parts[2])


def _revision(
    policy: Policy,
    providers: Mapping[str, Provider],
    services: Mapping[int, Service],
    dialects: Mapping[str, object],
    server: ServerSettings,
) -> str:
    """12 hex digits that change with whatever a repr shows: all but the secrets."""
    content = (policy, sorted(providers.items()), sorted(services.items()), dialects, server)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


def _policy(forms: Forms) -> Policy:
    config, kept = forms.config, forms.retention
    return Policy(
        currency=str(config.currency),
        answer_within_s=config.answer_within,
        queue_for_s=config.queue_for,
        status_ttl_s=config.status_ttl,
        status_deadline_s=config.status_deadline,
        settle_failed_after_s=config.settle_failed_after,
        watch_ended_s=config.watch_ended,
        drain_within_s=config.drain_within,
        first_order_id=config.first_order_id,
        retention=Retention(kept.links, kept.comments, kept.events),
    )


def _provider(forms: Forms, name: str) -> Provider:
    form, ours = forms.providers[name], forms.config.currency
    currency = form.currency or ours
    return Provider(
        name=name,
        url=str(form.url),
        key=str(forms.keys[name]),
        dialect=str(form.dialect),
        currency=str(currency),
        exchange_rate=forms.config.exchange_rates.get(currency, Decimal(1)),
        rate_limit_per_minute=form.rate_limit,
        concurrency=form.concurrency,
        exclusive_account=form.exclusive_account,
        idempotency_param=form.idempotency_param and str(form.idempotency_param),
        probe=form.probe,
        slack=form.slack,
        in_doubt_deadline_s=int(form.in_doubt_deadline),
        on_deadline=form.on_deadline,
        auto_failover=form.auto_failover,
        low_balance_micros=form.low_balance,
        paused=form.paused,
        retired=form.retired,
    )


def _service(forms: Forms, key: str) -> Service:
    form = forms.services[key]
    rate = str(form.rate or "0")  # with a markup, until ``core.routing.priced`` says
    return Service(
        id=int(key),
        name=str(form.name),
        category=str(form.category),
        type=str(form.type),
        rate=rate,
        rate_micros=pricing.parse_micros(rate),
        min=form.min,
        max=form.max,
        description=form.description and str(form.description),
        refill=form.refill,
        cancel=form.cancel,
        dripfeed=form.dripfeed,
        enabled=form.enabled,
        allow_loss=form.allow_loss,
        strategy=form.strategy,
        markup=form.markup,
        routes=tuple(_route(route) for route in forms.routes[key].values()),
    )


def _route(form: RouteForm) -> Route:
    return Route(str(form.provider), str(form.service), form.weight, form.cost)


def server(forms: Forms, base: Path) -> ServerSettings:
    """``base``: the directory of the configuration, which relative paths start from."""
    config, limits = forms.config, forms.limits
    database = str(config.database)
    if "://" not in database:
        database = str((base / database).absolute())
    return ServerSettings(
        listen=config.listen,
        admin_listen=config.admin_listen,
        admin_token=forms.admin_token,
        database=database,
        trusted_proxies=tuple(config.trusted_proxies),
        limits=Limits(limits.per_key, limits.per_address, limits.failed_auth),
        alert_command=config.alert_command and tuple(str(word) for word in config.alert_command),
        faces={path.rstrip("/"): str(name) for path, name in config.faces.items()},
    )
