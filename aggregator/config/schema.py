"""Every key of the configuration, with its kind and its default.

docs/configuration.md and config.example.yaml explain them, and tests hold both to
this file. A form is flat: what is nested in it is parsed as a form of its own, so
that one mistake hides no other. A required key is declared with a stand-in, which
lets the rules across keys (``rules``) look at a form that lacks it.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import ErrorDetails

from aggregator.config import network, values
from aggregator.config.mistakes import Hidden, Report, Unfit, Where, did_you_mean
from aggregator.config.settings import Address, Limit, Network, Tcp
from aggregator.core.model import OnDeadline, Strategy
from aggregator.core.order_types import LARGEST_QUANTITY

DAY = 86_400

Text = Annotated[str, PlainValidator(values.text)]
OptionalText = Annotated[str | None, PlainValidator(values.optional(values.text))]
OptionalLines = Annotated[str | None, PlainValidator(values.optional(values.lines))]
OptionalName = Annotated[str | None, PlainValidator(values.optional(values.name))]
Flag = Annotated[bool, PlainValidator(values.flag)]
Currency = Annotated[str, PlainValidator(values.currency)]
OptionalCurrency = Annotated[str | None, PlainValidator(values.optional(values.currency))]
ExchangeRate = Annotated[Decimal, PlainValidator(values.exchange_rate)]
OptionalMoney = Annotated[int | None, PlainValidator(values.optional(values.money))]
OptionalCost = Annotated[int | None, PlainValidator(values.optional(values.cost))]
OptionalRate = Annotated[str | None, PlainValidator(values.optional(values.rate))]
OptionalPercent = Annotated[Decimal | None, PlainValidator(values.optional(values.percent))]
OptionalLimit = Annotated[Limit | None, PlainValidator(values.optional(values.per_time))]
PerMinute = Annotated[int | None, PlainValidator(values.optional(values.per_minute))]
Wait = Annotated[float, PlainValidator(values.duration("0s", "366d"))]
Deadline = Annotated[float, PlainValidator(values.duration("100ms", "110s"))]
LongDeadline = Annotated[float, PlainValidator(values.duration("1s", "366d"))]
Kept = Annotated[float | None, PlainValidator(values.optional(values.duration("1d", "3660d")))]
KeptLonger = Annotated[
    float | None, PlainValidator(values.optional(values.duration("7d", "3660d")))
]
Quantity = Annotated[int, PlainValidator(values.whole(1, LARGEST_QUANTITY))]
OrderId = Annotated[int, PlainValidator(values.whole(1, 10**18))]
Calls = Annotated[int, PlainValidator(values.whole(1, 10_000))]
Slack = Annotated[int, PlainValidator(values.whole(0, 1_000_000))]
Weight = Annotated[int, PlainValidator(values.whole(1, 1_000_000))]
Type = Annotated[str, PlainValidator(values.order_type)]
Listen = Annotated[Address, PlainValidator(network.address)]
AdminListen = Annotated[Address | None, PlainValidator(values.optional(network.local_address))]
Proxy = Annotated[Network, PlainValidator(network.network)]
Url = Annotated[str, PlainValidator(network.api_url)]
Database = Annotated[str, PlainValidator(network.database)]
Command = Annotated[tuple[str, ...] | None, PlainValidator(values.optional(values.command))]
Deadlines = Annotated[OnDeadline, PlainValidator(values.choice(OnDeadline))]
Strategies = Annotated[Strategy, PlainValidator(values.choice(Strategy))]

# A key with nothing behind it, everything below commented out, is an empty collection.
_empty_mapping = BeforeValidator(lambda value: {} if value is None else value)
_empty_list = BeforeValidator(lambda value: [] if value is None else value)
ExchangeRates = Annotated[dict[str, ExchangeRate], _empty_mapping]
Names = Annotated[dict[str, Text], _empty_mapping]
Raw = Annotated[dict[str, Any], _empty_mapping]
Texts = Annotated[list[Text], _empty_list]
Proxies = Annotated[list[Proxy], _empty_list]
RawList = Annotated[list[Any], _empty_list]


def required(stand_in: Any) -> Any:
    """A field that must be there; until it is, rules see a value that offends none."""
    return Field(stand_in, json_schema_extra={"required": True})


class Form(BaseModel):
    """``quoted``: mistakes may show its values."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    quoted: ClassVar[bool] = True


class LimitsForm(Form):
    per_key: OptionalLimit = None
    per_address: OptionalLimit = None
    failed_auth: OptionalLimit = Limit(20, 60)


class RetentionForm(Form):
    links: Kept = None
    comments: Kept = None
    events: KeptLonger = None


class ProviderForm(Form):
    quoted: ClassVar[bool] = False  # its key may stand behind another key by mistake

    url: Url = required("https://panel.invalid/api/v2")
    key: OptionalText = Field(None, repr=False)
    key_file: OptionalText = None
    dialect: Text = "standard"
    currency: OptionalCurrency = None
    rate_limit: PerMinute = None
    concurrency: Calls = 16
    exclusive_account: Flag = False
    idempotency_param: OptionalName = None
    probe: Flag = True
    slack: Slack = 200
    in_doubt_deadline: LongDeadline = DAY
    on_deadline: Deadlines = OnDeadline.REFUND
    auto_failover: Flag = False
    low_balance: OptionalMoney = None
    paused: Flag = False
    retired: Flag = False


class RouteForm(Form):
    provider: Text = required("")
    service: Text = required("")
    weight: Weight = 1
    cost: OptionalCost = None


class ServiceForm(Form):
    name: Text = required("")
    description: OptionalLines = None
    category: Text = required("")
    type: Type = "Default"
    rate: OptionalRate = None
    markup: OptionalPercent = None
    min: Quantity = required(1)
    max: Quantity = required(LARGEST_QUANTITY)
    refill: Flag = False
    cancel: Flag = False
    dripfeed: Flag = False
    enabled: Flag = True
    allow_loss: Flag = False
    strategy: Strategies = Strategy.PRIORITY
    routes: RawList = []


class ConfigForm(Form):
    listen: Listen = Tcp("127.0.0.1", 8080)
    admin_listen: AdminListen = Tcp("127.0.0.1", 8081)
    admin_token_file: OptionalText = None
    database: Database = "aggregator.db"
    currency: Currency = "USD"
    exchange_rates: ExchangeRates = {}
    answer_within: Deadline = 10
    queue_for: Wait = 3600
    status_ttl: Wait = 30
    status_deadline: Deadline = 3
    settle_failed_after: Wait = 3600
    watch_ended: Wait = 3 * DAY
    drain_within: Wait = 30
    first_order_id: OrderId = 1
    trusted_proxies: Proxies = []
    retention: Raw = {}
    limits: Raw = {}
    alert_command: Command = None
    faces: Names = {"/api/v2": "standard"}
    dialects: Raw = {}
    include: Texts = []
    providers: Raw = {}
    services: Raw = {}


FORMS: dict[str, type[Form]] = {
    "": ConfigForm,
    "limits": LimitsForm,
    "retention": RetentionForm,
    "providers.*": ProviderForm,
    "services.*": ServiceForm,
    "services.*.routes.*": RouteForm,
}

F = TypeVar("F", bound=Form)

_LIKE_A_KEY = re.compile(r"[A-Za-z_-]{1,24}")  # and not like an API key
_WORDING = {
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
}


def parse(form: type[F], raw: object, path: Where, report: Report) -> F | None:
    """``raw`` as a form. What is wrong in it is reported, and its default taken.

    None only where ``raw`` is no mapping at all.
    """
    if not isinstance(raw, dict):
        report.mistake(path, "must be a mapping")
        return None
    for name, field in form.model_fields.items():
        if field.json_schema_extra and name not in raw:
            report.mistake((*path, name), "is missing")
    parsed, errors = _validated(form, raw)
    if parsed is None:
        for error in errors:
            _note(form, error, path, report)
        parsed, _ = _validated(form, _without(raw, errors))
    return parsed


def _without(raw: dict[str, Any], errors: list[ErrorDetails]) -> dict[str, Any]:
    """``raw`` less what is wrong in it: of a mapping, the wrong entries only."""
    kept = dict(raw)
    for error in errors:
        key, *inner = (str(part) for part in error["loc"])
        value = kept.pop(key, None)
        if inner and isinstance(value, dict):
            kept[key] = {name: value[name] for name in value.keys() - {inner[0]}}
    return kept


def _validated(form: type[F], raw: dict[str, Any]) -> tuple[F | None, list[ErrorDetails]]:
    try:
        return form.model_validate(raw), []
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=False)


def _note(form: type[Form], error: ErrorDetails, path: Where, report: Report) -> None:
    where = (*path, *error["loc"])
    if error["type"] != "extra_forbidden":
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, Unfit) and not form.quoted:
            cause = cause.discreet
        report.mistake(where, str(cause or _WORDING.get(error["type"], error["msg"])))
        return
    key = str(error["loc"][0])
    if _LIKE_A_KEY.fullmatch(key):
        report.mistake(where, f"unknown key{did_you_mean(key, form.model_fields)}")
    else:  # `{key:s3cret}` and `{key s3cret}` are one long key each to YAML
        hint = "; is a space missing behind a colon, or a colon?"
        report.mistake((*path, Hidden(key)), f"unknown key{hint}")
