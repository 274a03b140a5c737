"""Every mistake an operator can make, and the exact line he is told."""
# ruff: noqa: E501 - the rows of these tables read better unbroken

import pytest

from tests.config.conftest import GOOD, Loads, Mistakes

PROVIDER = "  gulf: {url: https://gulf.example/api/v2, key: s3cret}\n"

# What stands above GOOD (so its lines come first), and what is said of it.
TOP = [
    ("listen: 8080", 'listen: must be host:port, "[::1]:port" or unix:/path, not 8080'),
    (
        "listen: host:99999",
        "listen: must be host:port, \"[::1]:port\" or unix:/path, not 'host:99999'",
    ),
    (f"listen: unix:/{'x' * 107}", "listen: a socket's path has at most 107 bytes"),
    ("listen: true", "listen: must be text: put it in quotes"),
    ("listen: null", "listen: must be text, not nothing"),
    (
        "admin_listen: 0.0.0.0:8081",
        "admin_listen: must be loopback (127.0.0.1, ::1, localhost) or unix:/path",
    ),
    ("admin_listen: 127.0.0.1:8080", "admin_listen: is the same as 'listen'"),
    ("admin_token_file: gone", "admin_token_file: cannot be read: No such file or directory"),
    ("admin_token_file: '.'", "admin_token_file: cannot be read: Is a directory"),
    ("database: mysql://x", "database: must be a path (SQLite) or begin with postgresql://"),
    (
        "database: ':memory:'",
        "database: must be a path: what is not on disk is lost with the process",
    ),
    ("database: [a]", "database: must be text, not a list"),
    ("currency: usd", "currency: must be a currency's code in capitals, such as USD, not 'usd'"),
    ("currency: yes", "currency: must be a currency's code in capitals, such as USD, not 'yes'"),
    ("exchange_rates: 5", "exchange_rates: must be a mapping"),
    ("exchange_rates: {EUR: 0}", "exchange_rates.EUR: must be more than 0"),
    ("exchange_rates: {EUR: -1}", 'exchange_rates.EUR: must be a number, such as "1.08", not -1'),
    (
        "exchange_rates: {EUR: 1e3}",
        "exchange_rates.EUR: must be a number, such as \"1.08\", not '1e3'",
    ),
    (
        "exchange_rates: {eur: 1}",
        "exchange_rates.eur: must be a currency's code in capitals, such as USD, not 'eur'",
    ),
    ("exchange_rates: {USD: 2}", "exchange_rates.USD: is our own currency: its rate is 1"),
    (
        "answer_within: 10",
        "answer_within: must be a time with its unit, such as 10s, 15m, 1h or 3d, not 10",
    ),
    (
        "answer_within: 12:30",
        "answer_within: must be a time with its unit, such as 10s, 15m, 1h or 3d, not '12:30'",
    ),
    ("answer_within: 111s", "answer_within: must be between 100ms and 110s"),
    ("answer_within: 0s", "answer_within: must be between 100ms and 110s"),
    ("queue_for: 10000d", "queue_for: must be between 0s and 366d"),
    ("first_order_id: 0", "first_order_id: must be between 1 and 1000000000000000000"),
    ("first_order_id: 0o17", "first_order_id: must be a whole number, not '0o17'"),
    ("first_order_id: 1e3", "first_order_id: must be a whole number, not '1e3'"),
    ("first_order_id: 1.0", "first_order_id: must be a whole number, not 1.0"),
    ("first_order_id: on", "first_order_id: must be a whole number, not 'on'"),
    ("first_order_id: true", "first_order_id: must be a whole number, not true"),
    (
        "trusted_proxies: [10.0.0.0/8, proxy]",
        "trusted_proxies.1: must be an IP address or a range of them, not 'proxy'",
    ),
    (
        "trusted_proxies: [10.0.0.1/8]",
        "trusted_proxies.0: must begin where the range begins: 10.0.0.0/8",
    ),
    ("trusted_proxies: 10.0.0.1", "trusted_proxies: must be a list"),
    ("limits: 5", "limits: must be a mapping"),
    ("retention: {links: 1h}", "retention.links: must be between 1d and 3660d"),
    ("retention: {events: 1d}", "retention.events: must be between 7d and 3660d"),
    ("retention: {link: 1d}", "retention.link: unknown key (did you mean 'links'?)"),
    (
        "limits: {per_key: 20}",
        "limits.per_key: must be a number per time, such as 20/min, 5/s or 1000/hour, not 20",
    ),
    ("limits: {per_key: 0/s}", "limits.per_key: must be at least 1; null means no limit"),
    ("limits: {per_kye: 1/s}", "limits.per_kye: unknown key (did you mean 'per_key'?)"),
    ('alert_command: "mail \'x"', "alert_command: no closing quotation"),
    ("alert_command: []", "alert_command: must name a program"),
    (
        "faces: {api: standard}",
        "faces.api: must be a path such as /api/v2: letters, digits, '_', '~', '.', '-'",
    ),
    (
        "faces: {/../x: standard}",
        "faces./../x: must be a path such as /api/v2: letters, digits, '_', '~', '.', '-'",
    ),
    (
        "faces: {/healthz/: standard}",
        "faces./healthz/: is taken by a page of ours: choose another path, such as /api/v2",
    ),
    ("faces: {/a: standart}", "faces./a: no dialect 'standart' (did you mean 'standard'?)"),
    (
        "faces: {/a: standard, /a/: smmgulf}",
        "faces./a/: is the same as '/a': both answer with and without '/'",
    ),
    ("faces: {/a: standard, /a: smmgulf}", "faces./a: is written twice (lines 1 and 1)"),
    (
        "dialects: {standard: {}}",
        "dialects.standard: is built in: choose another name, and let it extend this one",
    ),
    (
        "dialects: {'a b': {}}",
        "dialects.a b: must be letters, digits, '.', '_' and '-', at most 64 of them",
    ),
    (
        "dialects: {d: {extends: standart}}",
        "dialects.d.extends: no dialect 'standart' (did you mean 'standard'?)",
    ),
    ("include: services.yaml", "include: must be a list"),
    ("include: [gone.yaml]", "include.0: no such file"),
    ("lisen: host:1", "lisen: unknown key (did you mean 'listen'?)"),
    ("drain_within: ${WAIT}", "drain_within: environment variable WAIT is not set"),
    (
        "drain_within: ${WAIT:-5s}",
        "drain_within: '${' wants a variable's name and '}' behind it ('$${' is a plain '${')",
    ),
    ("drain_within: !!str 5s", "a tag (a value that begins with '!'): put the text in quotes"),
    ("drain_within: *other", "an alias that names nothing: put a text with '*' in quotes"),
    ("drain_within: {{ wait }}", "a key that is not a text: put '{…}', '[…]' and '*…' in quotes"),
]


@pytest.mark.parametrize(("line", "said"), TOP, ids=[line[:40] for line, _ in TOP])
def test_a_mistake_at_the_top(mistakes: Mistakes, line: str, said: str) -> None:
    """A mistake in a key of the server's is told with its line, and breeds no other."""
    assert mistakes(f"{line}\n{GOOD}") == [f"config.yaml:1: {said}"]


# The text of provider gulf, from line 2 on, and what is said of it.
PROVIDERS = [
    ("gulf: {key: k}", "url: is missing"),
    ("gulf: s3cret", "must be a mapping"),
    ("gulf:", "must be a mapping"),
    ("gulf: {url: 'https://g.example/a'}", "key: is missing (or give 'key_file')"),
    ("gulf: {url: 'https://g.example/a', key: ''}", "key: must not be empty"),
    ("gulf: {url: 'https://g.example/a', key: ~}", "key: is missing (or give 'key_file')"),
    ("gulf: {url: 'https://g.example/a', key: [s3cret]}", "key: must be text, not a list"),
    ('gulf: {url: "https://g.example/a", key: "a\\nb"}', "key: must not hold control characters"),
    (
        "gulf: {url: 'https://g.example/a', key: k, key:s3cret}",
        "…: unknown key; is a space missing behind a colon, or a colon?",
    ),
    (
        "gulf: {url: 'https://g.example/a', key: k, key s3cret}",
        "…: unknown key; is a space missing behind a colon, or a colon?",
    ),
    (
        "gulf: {url: 'https://g.example/a', key: k, key_file: f}",
        "key_file: stands beside 'key': give one of them",
    ),
    (
        "gulf: {url: 'https://g.example/a', key_file: f}",
        "key_file: cannot be read: No such file or directory",
    ),
    (
        "gulf: {url: 'http://g.example/a', key: k}",
        "url: must begin with https://: over http:// anyone on the way reads the key",
    ),
    ("gulf: {url: g.example, key: k}", "url: must be a URL, such as https://panel.example/api/v2"),
    ("gulf: {url: 'https://', key: k}", "url: must be a URL, such as https://panel.example/api/v2"),
    ("gulf: {url: 'https://g:x/a', key: k}", "url: must be a URL; its host or port is wrong"),
    ("gulf: {url: 'https://[::1/a', key: k}", "url: must be a URL; its host or port is wrong"),
    ("gulf: {url: 'https://g/a b', key: k}", "url: must be a URL without spaces and backslashes"),
    ("gulf: {url: 'https://u:s3cret@g/a', key: k}", "url: must not hold a user name or a password"),
    (
        "gulf: {url: 'https://g.example/a?key=s3cret', key: k}",
        "url: must not hold a '?' or a '#'; the key goes into 'key'",
    ),
]
SETTINGS = [
    ("dialect: smmgluf", "dialect: no dialect 'smmgluf' (did you mean 'smmgulf'?)"),
    ("currency: EUR", "currency: no rate for 'EUR' in exchange_rates"),
    (
        "rate_limit: 120",
        "rate_limit: must be a number per time, such as 20/min, 5/s or 1000/hour",
    ),
    ("rate_limit: 30/hour", "rate_limit: must be at least 1/min"),
    ("concurrency: 0", "concurrency: must be between 1 and 10000"),
    ("exclusive_account: no", "exclusive_account: must be true or false"),
    ("exclusive_account:", "exclusive_account: must be true or false, not nothing"),
    (
        "idempotency_param: a b",
        "idempotency_param: must be letters, digits, '.', '_' and '-', at most 64 of them",
    ),
    ("slack: -1", "slack: must be between 0 and 1000000"),
    ("in_doubt_deadline: 0s", "in_doubt_deadline: must be between 1s and 366d"),
    (
        "on_deadline: refnd",
        "on_deadline: must be refund or hold, not 'refnd' (did you mean 'refund'?)",
    ),
    ("on_deadline: [hold]", "on_deadline: must be refund or hold, not a list"),
    ("low_balance: lots", "low_balance: must be an amount, such as 0.90"),
    ("low_balance: '0.0000001'", "low_balance: more than 6 decimals"),
    ("kye: x", "kye: unknown key (did you mean 'key'?)"),
    ("zzz: x", "zzz: unknown key"),
]


@pytest.mark.parametrize(("text", "said"), PROVIDERS, ids=[text[:60] for text, _ in PROVIDERS])
def test_a_mistake_in_a_provider(mistakes: Mistakes, text: str, said: str) -> None:
    """A mistake in a provider is told with its line, and without what may be its key."""
    where = "providers.gulf: " if said == "must be a mapping" else "providers.gulf."
    lines = mistakes(GOOD.replace(PROVIDER, f"  {text}\n"))
    assert lines == [f"config.yaml:2: {where}{said}"]
    assert "s3cret" not in lines[0]


@pytest.mark.parametrize(("text", "said"), SETTINGS, ids=[text for text, _ in SETTINGS])
def test_a_mistake_in_a_setting_of_a_provider(mistakes: Mistakes, text: str, said: str) -> None:
    """Each setting of a provider is checked by itself."""
    provider = f"  gulf:\n    url: https://gulf.example/api/v2\n    key: k\n    {text}\n"
    assert mistakes(GOOD.replace(PROVIDER, provider)) == [f"config.yaml:5: providers.gulf.{said}"]


# A line of service 1 in GOOD, what stands there instead, and what is said of it.
SERVICES = [
    ("    name: Followers\n", "", 4, "name: is missing"),
    ("name: Followers", "name: ''", 5, "name: must not be empty"),
    ("name: Followers", "name: true", 5, "name: must be text: put it in quotes"),
    ("category: Instagram", 'category: "a\\nb"', 6, "category: must not hold control characters"),
    ("category: Instagram", "category: ${X}", 6, "category: environment variable X is not set"),
    ("category: Instagram", "category: a\n    type: Defualt", 7, "type: no type 'Defualt' (did you mean 'Default'?)"),
    ("category: Instagram", "category: a\n    type: default", 7, "type: no type 'default' (did you mean 'Default'?)"),
    ('    rate: "0.90"\n', "", 4, "rate: is missing (or give 'markup')"),
    ('rate: "0.90"', 'rate: "1"\n    markup: 20%', 8, "markup: stands beside 'rate': give one of them"),
    ('rate: "0.90"', "markup: 20", 7, "markup: must be a percentage, such as 20%, not 20"),
    ('rate: "0.90"', "markup: -5%", 7, "markup: must be a percentage, such as 20%, not '-5%'"),
    ('rate: "0.90"', "rate: 1,50", 7, "rate: must be an amount, such as 0.90, not '1,50'"),
    ('rate: "0.90"', "rate: -1", 7, "rate: must be an amount, such as 0.90, not -1"),
    ('rate: "0.90"', 'rate: "1_0"', 7, "rate: must be an amount, such as 0.90, not '1_0'"),
    ('rate: "0.90"', 'rate: "1000000"', 7, "rate: must be at most 999999.999999"),
    ('rate: "0.90"', 'rate: "0.1234567"', 7, "rate: more than 6 decimals"),
    ("min: 50", "min: 0", 8, "min: must be between 1 and 1000000000000"),
    ("min: 50", "min: fifty", 8, "min: must be a whole number, not 'fifty'"),
    ("max: 10000", "max: 49", 9, "max: is less than min (50)"),
    ("max: 10000", "max: 1000000000000000", 9, "max: must be between 1 and 1000000000000"),
    ("    max: 10000\n", "", 4, "max: is missing"),
    ("max: 10000", "max: 10000\n    type: Package", 9, "max: a Package is sold as one: min and max are 1"),
    (
        'rate: "0.90"\n    min: 50\n    max: 10000',
        'rate: "999999"\n    min: 50\n    max: 1000000000000',
        9,
        "max: so many at that rate are more money than can be counted",
    ),
    ("max: 10000", "max: 90\n    strategy: cheap", 10, "strategy: must be priority or cheapest or weighted, not 'cheap' (did you mean 'cheapest'?)"),
    ("max: 10000", "max: 90\n    enabled: off", 10, "enabled: must be true or false, not 'off'"),
    ("max: 10000", "max: 90\n    type: Poll\n    dripfeed: true", 11, "dripfeed: a service of type 'Poll' has none"),
    ("provider: gulf", "provider: gluf", 11, "routes.0.provider: no provider 'gluf' (did you mean 'gulf'?)"),
    ("provider: gulf, ", "", 11, "routes.0.provider: is missing"),
    ("service: 4021", "service: null", 11, "routes.0.service: must be text, not nothing"),
    ("service: 4021", "service: 4021, weight: 0", 11, "routes.0.weight: must be between 1 and 1000000"),
    ("service: 4021", "service: 4021, cost: free", 11, "routes.0.cost: must be an amount, such as 0.90, not 'free'"),
    ("service: 4021", "service: 4021, wieght: 2", 11, "routes.0.wieght: unknown key (did you mean 'weight'?)"),
    ("{provider: gulf, service: 4021}", "gulf", 11, "routes.0: must be a mapping"),
    ("4021}\n", "4021}\n      - {provider: gulf, service: '4021', weight: 2}", 12, "routes.1: is the same route as one above"),
    ("routes:\n      - {provider: gulf, service: 4021}", "routes: []", 10, "routes: is empty: add a route, or set enabled: false"),
    ("    routes:\n      - {provider: gulf, service: 4021}\n", "", 4, "routes: is empty: add a route, or set enabled: false"),
    ("routes:\n      - {provider: gulf, service: 4021}", "routes: gulf", 10, "routes: must be a list"),
    ("key: s3cret", "key: s3cret, retired: true", 10, "routes: lead to retired providers only: add a route, or set enabled: false"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "said"), SERVICES, ids=lambda v: str(v)[:40])
def test_a_mistake_in_a_service(
    mistakes: Mistakes, old: str, new: str, line: int, said: str
) -> None:
    """A mistake in a service or its routes is told with its line, and breeds no other."""
    assert old in GOOD
    assert mistakes(GOOD.replace(old, new)) == [f"config.yaml:{line}: services.1.{said}"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("refill", "cannot be true: no route's dialect has 'refill'"),
        ("cancel", "cannot be true: no route's dialect has 'cancel'"),
        ("dripfeed", "cannot be true: no route's dialect has drip-feed"),
    ],
)
def test_a_promise_that_no_route_can_keep(mistakes: Mistakes, key: str, said: str) -> None:
    """What no route's dialect can do may not be promised; one route that can is enough."""
    poor = GOOD.replace("s3cret}", "s3cret, dialect: cheapsmmpanel}")
    promised = poor.replace("    min: 50\n", f"    {key}: true\n    min: 50\n")
    assert mistakes(promised) == [f"config.yaml:8: services.1.{key}: {said}"]
    second = "  rich: {url: https://rich.example/api, key: k}\nservices:"
    rich = promised.replace("services:", second) + "      - {provider: rich, service: 1}\n"
    assert mistakes(rich) == []


def test_a_mistake_in_a_dialect(mistakes: Mistakes) -> None:
    """What is wrong with a dialect is told with the line in which it stands."""
    text = GOOD + "dialects:\n  mine:\n    extends: standard\n    bacth: {}\n"
    (line,) = mistakes(text)
    assert line.startswith("config.yaml:15: dialects.mine.bacth: ")


def test_two_providers_on_one_account(mistakes: Mistakes) -> None:
    """An account that two providers use is not exclusive, whatever the operator says."""
    text = GOOD.replace(
        PROVIDER,
        "  a: {url: https://gulf.example/api/v2, key: k, exclusive_account: true}\n"
        "  gulf: {url: https://gulf.example/api/v2/, key: k}\n",
    )
    said = "cannot be true: 'gulf' has the same url and key"
    assert mistakes(text) == [f"config.yaml:2: providers.a.exclusive_account: {said}"]


def test_two_listeners_on_one_address(mistakes: Mistakes) -> None:
    """The pages for the operator need an address of their own; any free port is one."""
    said = "config.yaml:2: admin_listen: is the same as 'listen'"
    assert mistakes(f"listen: unix:/a\nadmin_listen: unix:/a\n{GOOD}") == [said]
    assert mistakes(f"listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\n{GOOD}") == []


@pytest.mark.parametrize("key", ["0", "01", "-1", "abc", "1.5", "9" * 19, "''", "1 "])
def test_a_service_id(mistakes: Mistakes, key: str) -> None:
    """A service's ID is a whole number, as resellers will write it."""
    (line,) = mistakes(GOOD.replace("  1:\n", f"  '{key.strip(chr(39))}':\n"))
    assert line.endswith("a service's ID is a whole number from 1 on")


def test_all_mistakes_at_once(mistakes: Mistakes) -> None:
    """Every mistake is told in one go, by line, wherever it stands."""
    text = """\
listen: nowhere
queue_for: 90
faces: {/api/v2: standart}
providers:
  gulf:
    url: http://gulf.example/api/v2
    kye: s3cret
    currency: GBP
    dialect: smmgluf
  owner: 5
services:
  1:
    nmae: Followers
    type: Defualt
    min: 50
    max: 10
    refill: yes
    routes:
      - {provider: gluf, service: 1}
      - {provider: owner, service: 1, cost: x}
  two: {}
"""
    assert mistakes(text) == [
        "config.yaml:1: listen: must be host:port, \"[::1]:port\" or unix:/path, not 'nowhere'",
        "config.yaml:2: queue_for: must be a time with its unit, such as 10s, 15m, 1h or 3d, not 90",
        "config.yaml:3: faces./api/v2: no dialect 'standart' (did you mean 'standard'?)",
        "config.yaml:5: providers.gulf.key: is missing (or give 'key_file')",
        "config.yaml:6: providers.gulf.url: must begin with https://: over http:// anyone on the way"
        " reads the key",
        "config.yaml:7: providers.gulf.kye: unknown key (did you mean 'key'?)",
        "config.yaml:8: providers.gulf.currency: no rate for 'GBP' in exchange_rates",
        "config.yaml:9: providers.gulf.dialect: no dialect 'smmgluf' (did you mean 'smmgulf'?)",
        "config.yaml:10: providers.owner: must be a mapping",
        "config.yaml:12: services.1.name: is missing",
        "config.yaml:12: services.1.category: is missing",
        "config.yaml:12: services.1.rate: is missing (or give 'markup')",
        "config.yaml:13: services.1.nmae: unknown key (did you mean 'name'?)",
        "config.yaml:14: services.1.type: no type 'Defualt' (did you mean 'Default'?)",
        "config.yaml:16: services.1.max: is less than min (50)",
        "config.yaml:17: services.1.refill: must be true or false, not 'yes'",
        "config.yaml:19: services.1.routes.0.provider: no provider 'gluf' (did you mean 'gulf'?)",
        "config.yaml:20: services.1.routes.1.cost: must be an amount, such as 0.90, not 'x'",
        "config.yaml:21: services.two: a service's ID is a whole number from 1 on",
        "config.yaml:21: services.two.name: is missing",
        "config.yaml:21: services.two.category: is missing",
        "config.yaml:21: services.two.min: is missing",
        "config.yaml:21: services.two.max: is missing",
        "config.yaml:21: services.two.rate: is missing (or give 'markup')",
        "config.yaml:21: services.two.routes: is empty: add a route, or set enabled: false",
    ]


def test_a_wrong_entry_spares_its_neighbours(mistakes: Mistakes) -> None:
    """A bad exchange rate is one mistake: neither its currency nor another one goes missing."""
    text = GOOD.replace(
        PROVIDER,
        "  a: {url: https://a.example/v2, key: k, currency: EUR}\n"
        "  gulf: {url: https://gulf.example/v2, key: k, currency: GBP}\n",
    )
    said = 'exchange_rates.EUR: must be a number, such as "1.08", not true'
    assert mistakes(f"exchange_rates: {{EUR: true, GBP: 1.2}}\n{text}") == [
        f"config.yaml:1: {said}"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("s3cret}", "s3cret, paused: true}"),
         "config.yaml:10: services.1.routes: lead to paused providers only: it cannot be ordered"),
        (GOOD.replace('"0.90"', '"0"'),
         "config.yaml:7: services.1.rate: is 0: resellers get it for nothing"),
        (GOOD.replace("4021}", "4021, cost: '0.91'}"),
         "config.yaml:11: services.1.routes.0.cost: is more than the rate: the route is skipped"
         " unless allow_loss: true"),
        (GOOD.replace("/api/v2", ""),
         "config.yaml:2: providers.gulf.url: has no path; most panels answer at /api/v2"),
        (GOOD.replace("    min", "    enabled: false\n    min"),
         "config.yaml:3: services: no service is enabled: nothing can be ordered"),
        (GOOD + "include: [more/*.yaml]\n", "config.yaml:12: include.0: matches no file"),
    ],
)  # fmt: skip
def test_a_warning(loads: Loads, text: str, said: str) -> None:
    """What is allowed but seldom meant is said, with its line, and stops nothing."""
    assert [str(warning) for warning in loads(text).warnings] == [said]
