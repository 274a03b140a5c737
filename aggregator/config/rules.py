"""What must hold between keys. Each rule yields (path, message) of what offends it.

A rule sees only what could be parsed. It may report what merely follows from another
mistake: ``Report`` drops a mistake about a value that is known to be wrong already.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from aggregator.config import network, values
from aggregator.config.forms import Forms
from aggregator.config.mistakes import Report, Where, did_you_mean, shown, unknown
from aggregator.config.schema import ProviderForm, RouteForm, ServiceForm
from aggregator.config.settings import Tcp
from aggregator.core import pricing
from aggregator.core.order_types import TYPES
from aggregator.dialects import Dialect

Found = Iterator[tuple[Where, str]]
Rule = Callable[[Forms], Found]


def check(forms: Forms, report: Report) -> None:
    for rule in RULES:
        for path, message in rule(forms):
            report.mistake(path, message)
    for rule in ADVICE:
        for path, message in rule(forms):
            report.warning(path, message)


# -- the server


def listeners(forms: Forms) -> Found:
    any_port = isinstance(forms.config.listen, Tcp) and forms.config.listen.port == 0
    if forms.config.listen == forms.config.admin_listen and not any_port:
        yield ("admin_listen",), "is the same as 'listen'"


def faces(forms: Forms) -> Found:
    seen: dict[str, str] = {}
    for path, dialect in forms.config.faces.items():
        where = ("faces", path)
        try:
            bare = network.face(path)
        except ValueError as error:
            yield where, str(error)
            continue
        if bare in seen:
            yield where, f"is the same as {shown(seen[bare])}: both answer with and without '/'"
        seen.setdefault(bare, path)
        if dialect not in forms.dialect_names:
            yield where, unknown("dialect", dialect, forms.dialect_names)


def exchange_rates(forms: Forms) -> Found:
    ours = forms.config.currency
    for name in forms.rate_names:
        try:
            values.currency(name)
        except ValueError as error:
            yield ("exchange_rates", name), str(error)
    if forms.config.exchange_rates.get(ours, Decimal(1)) != 1:
        yield ("exchange_rates", ours), "is our own currency: its rate is 1"


# -- providers


def providers(forms: Forms) -> Found:
    rates = {forms.config.currency, *forms.rate_names}
    for name, form in forms.providers.items():
        path = ("providers", name)
        if form.dialect not in forms.dialect_names:
            close = did_you_mean(form.dialect, forms.dialect_names)
            told = unknown("dialect", form.dialect, forms.dialect_names)
            # What comes close to nothing may be an API key in the wrong place.
            yield (*path, "dialect"), told if close else "no dialect of that name"
        theirs = form.currency or forms.config.currency
        if theirs not in rates:
            message = f"no rate for {shown(theirs)} in exchange_rates"
            yield (*path, "currency"), message


def exclusive_accounts(forms: Forms) -> Found:
    """Two providers on one account do order with one key, whatever the operator says."""
    accounts: dict[tuple[str, str], list[str]] = {}
    for name, key in forms.keys.items():
        url = forms.providers[name].url.rstrip("/")
        accounts.setdefault((url, key), []).append(name)
    for names in accounts.values():
        for name in names:
            if len(names) > 1 and forms.providers[name].exclusive_account:
                other = next(one for one in names if one != name)
                message = f"cannot be true: {shown(other)} has the same url and key"
                yield ("providers", name, "exclusive_account"), message


# -- services


def prices(forms: Forms) -> Found:
    for key in forms.services:
        written = forms.config.services[key]
        given = [name for name in ("rate", "markup") if written.get(name) is not None]
        if not given:
            yield ("services", key, "rate"), "is missing (or give 'markup')"
        elif len(given) == 2:
            yield ("services", key, "markup"), "stands beside 'rate': give one of them"


def quantities(forms: Forms) -> Found:
    for key, form in forms.services.items():
        path = ("services", key, "max")
        if form.min > form.max:
            yield path, f"is less than min ({form.min})"
        elif TYPES[form.type].per_order and not form.min == form.max == 1:
            yield path, f"a {form.type} is sold as one: min and max are 1"
        elif form.rate and _overflows(form):
            yield path, "so many at that rate are more money than can be counted"


def _overflows(form: ServiceForm) -> bool:
    if not form.rate or "max" not in form.model_fields_set:
        return False
    rate = pricing.parse_micros(form.rate)
    full = pricing.price(rate, form.max, per_order=TYPES[form.type].per_order)
    return full > pricing.MAX_MICROS


def routes(forms: Forms) -> Found:
    for key, found in forms.routes.items():
        path = ("services", key, "routes")
        seen: set[tuple[str, str]] = set()
        for index, route in found.items():
            if route.provider not in forms.provider_names:
                message = unknown("provider", route.provider, forms.provider_names)
                yield (*path, index, "provider"), message
            elif (route.provider, route.service) in seen:
                yield (*path, index), "is the same route as one above"
            seen.add((route.provider, route.service))
        if forms.services[key].enabled:
            yield from ((path, problem) for problem in _unserved(forms, found.values()))


def _unserved(forms: Forms, found: Iterable[RouteForm]) -> Iterator[str]:
    """Why a service that is offered could never be delivered."""
    providers = [forms.providers.get(route.provider) for route in found]
    if not providers:
        yield "is empty: add a route, or set enabled: false"
    elif all(provider is not None and provider.retired for provider in providers):
        yield "lead to retired providers only: add a route, or set enabled: false"


def _dialect(forms: Forms, route: RouteForm) -> Dialect | None:
    provider: ProviderForm | None = forms.providers.get(route.provider)
    return forms.dialects.get(provider.dialect) if provider else None


def capabilities(forms: Forms) -> Found:
    """What is promised to resellers must be possible on one route at least."""
    for key, form in forms.services.items():
        path = ("services", key)
        spoken = [_dialect(forms, route) for route in forms.routes[key].values()]
        known = [dialect for dialect in spoken if dialect]
        if form.dripfeed and not TYPES[form.type].dripfeed:
            yield (*path, "dripfeed"), f"a service of type {shown(form.type)} has none"
        if len(known) < len(spoken) or not known:
            continue  # a route that is wrong itself may be the one that can
        for action in ("refill", "cancel"):
            if getattr(form, action) and not any(dialect.offers(action) for dialect in known):
                yield (*path, action), f"cannot be true: no route's dialect has {shown(action)}"
        if form.dripfeed and not any(dialect.offers_dripfeed for dialect in known):
            yield (*path, "dripfeed"), "cannot be true: no route's dialect has drip-feed"


RULES: tuple[Rule, ...] = (
    listeners,
    faces,
    exchange_rates,
    providers,
    exclusive_accounts,
    prices,
    quantities,
    routes,
    capabilities,
)


# -- advice: what is allowed, but seldom meant


def nothing_to_sell(forms: Forms) -> Found:
    if not any(form.enabled for form in forms.services.values()):
        yield ("services",), "no service is enabled: nothing can be ordered"


def bare_urls(forms: Forms) -> Found:
    for name, form in forms.providers.items():
        if urlsplit(form.url).path in ("", "/"):
            yield ("providers", name, "url"), "has no path; most panels answer at /api/v2"


def idle_services(forms: Forms) -> Found:
    """Enabled, with routes, and yet nothing takes its orders for now."""
    for key, form in forms.services.items():
        found = [forms.providers.get(route.provider) for route in forms.routes[key].values()]
        known = [provider for provider in found if provider and not provider.retired]
        if form.enabled and known and all(provider.paused for provider in known):
            message = "lead to paused providers only: it cannot be ordered"
            yield ("services", key, "routes"), message


def losses(forms: Forms) -> Found:
    for key, form in forms.services.items():
        if form.rate is None or form.allow_loss:
            continue
        ours = pricing.parse_micros(form.rate)
        if ours == 0:
            yield ("services", key, "rate"), "is 0: resellers get it for nothing"
        for index, route in forms.routes[key].items():
            rate = _exchange_rate(forms, route)
            if route.cost and rate and pricing.converted(route.cost, rate) > ours:
                path = ("services", key, "routes", index, "cost")
                yield path, "is more than the rate: the route is skipped unless allow_loss: true"


def _exchange_rate(forms: Forms, route: RouteForm) -> Decimal | None:
    provider = forms.providers.get(route.provider)
    if provider is None:
        return None
    theirs = provider.currency or forms.config.currency
    return forms.config.exchange_rates.get(theirs, Decimal(1)) if theirs else None


ADVICE: tuple[Rule, ...] = (nothing_to_sell, bare_urls, idle_services, losses)
