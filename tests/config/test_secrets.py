"""Keys and tokens: where they come from, and that nothing ever shows them."""

import traceback
from pathlib import Path

import pytest

from aggregator.config import ConfigErrors, render, summary
from aggregator.config.schema import ProviderForm
from tests.config.conftest import GOOD, Loads, Mistakes

CANARY = "c4n4ry-s3cret"
ENVIRON = {"SECRET": CANARY}


def test_key_from_the_environment(loads: Loads) -> None:
    """A key may be a variable, or hold several; the result is ordinary text."""
    text = GOOD.replace("s3cret", "'a-${A}-$${B}-$x-${C_1}'")
    loaded = loads(text, environ={"A": "1", "C_1": "2"})
    key = loaded.setup.providers["gulf"].key
    assert key == "a-1-${B}-$x-2"
    assert type(key) is str


@pytest.mark.parametrize("content", [CANARY, f"{CANARY}\n", f"{CANARY}\r\n", f"\ufeff{CANARY}\n\n"])
def test_key_from_a_file(loads: Loads, content: str) -> None:
    """A key file is read without the end of its line."""
    loaded = loads(GOOD.replace("key: s3cret", "key_file: keys/gulf.yaml"), keys__gulf_yaml=content)
    assert loaded.setup.providers["gulf"].key == CANARY


def test_key_from_a_credential(loads: Loads, tmp_path: Path) -> None:
    """A name that systemd knows is its credential; any other one is a path."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "gulf").write_text("from systemd\n")
    (tmp_path / "gulf").write_text("from the directory\n")
    text = GOOD.replace("key: s3cret", "key_file: gulf")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert loads(text, environ=environ).setup.providers["gulf"].key == "from systemd"
    assert loads(text).setup.providers["gulf"].key == "from the directory"
    (tmp_path / "credentials" / "gulf").unlink()
    assert loads(text, environ=environ).setup.providers["gulf"].key == "from the directory"


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "the file is empty"), ("\n \n", "the file is empty"), ("a\nb\n", "one line of text")],
)
def test_a_bad_key_file(mistakes: Mistakes, content: str, said: str) -> None:
    """A file without a key, or with more than one line, is a mistake."""
    text = GOOD.replace("key: s3cret", "key_file: key.yaml")
    (line,) = mistakes(text, key_yaml=content)
    assert line.startswith("config.yaml:2: providers.gulf.key_file: the file ")
    assert line.endswith(said)


def test_admin_token(loads: Loads) -> None:
    """The admin's token is read from its file, and shown nowhere."""
    loaded = loads(f"admin_token_file: token.yaml\n{GOOD}", token_yaml=f"{CANARY}\n")
    assert loaded.server.admin_token == CANARY
    assert CANARY not in repr(loaded)


def everything(error: BaseException) -> str:
    """What a traceback, a log line or a debugger may show of it."""
    shown = "".join(traceback.format_exception(error))
    while error := error.__cause__ or error.__context__:  # type: ignore[assignment]
        shown += repr(error) + str(error) + repr(error.args)
    return shown


# Each with a secret in it, and with a mistake about that very value or beside it.
SLIPS = [
    GOOD.replace("s3cret", f"{CANARY}, keey: 1"),
    GOOD.replace("key: s3cret", f"key:{CANARY}"),
    GOOD.replace("key: s3cret", f"key {CANARY}"),
    GOOD.replace("key: s3cret", CANARY),
    GOOD.replace("key: s3cret", f"key: [{CANARY}]"),
    GOOD.replace("key: s3cret", f"key: {{a: {CANARY}}}"),
    GOOD.replace("key: s3cret", f"key: *{CANARY}"),
    GOOD.replace("key: s3cret", f"key: !{CANARY} x"),
    GOOD.replace("key: s3cret", f"key: '{CANARY}"),
    GOOD.replace("key: s3cret", f'key: "{CANARY}\\x01"'),
    GOOD.replace("key: s3cret", f"key: {CANARY}\x01"),
    GOOD.replace("key: s3cret", f"key: {CANARY}: x"),
    GOOD.replace("key: s3cret", f"key: @{CANARY}"),
    GOOD.replace("key: s3cret", f"key: k, key: {CANARY}"),
    GOOD.replace("{url: https://gulf.example/api/v2, key: s3cret}", CANARY),
    GOOD.replace("{url: https://gulf.example/api/v2, key: s3cret}", f"[{CANARY}]"),
    GOOD.replace("https://", f"https://me:{CANARY}@"),
    GOOD.replace("/api/v2", f"/api/v2?key={CANARY}"),
    GOOD.replace("https://gulf.example", f"http://{CANARY}"),
    f"database: mysql://me:{CANARY}@host/db\n{GOOD}",
    f"database: [postgresql://me:{CANARY}@host/db]\n{GOOD}",
    f'alert_command: "curl \'{CANARY}"\n{GOOD}',
    # From the environment, a secret may land where its value would be quoted.
    f"queue_for: ${{SECRET}}\n{GOOD}",
    f"currency: ${{SECRET}}\n{GOOD}",
    f"listen: x${{SECRET}}\n{GOOD}",
    f"first_order_id: ${{SECRET}}\n{GOOD}",
    f"trusted_proxies: ['${{SECRET}}']\n{GOOD}",
    f"faces: {{/a: '${{SECRET}}'}}\n{GOOD}",
    f"include: ['${{SECRET}}']\n{GOOD}",
    f"dialects: {{d: {{extends: '${{SECRET}}'}}}}\n{GOOD}",
    GOOD.replace("s3cret", "k, dialect: '${SECRET}'"),
    GOOD.replace("s3cret", "k, currency: '${SECRET}'"),
    GOOD.replace("s3cret", "k, on_deadline: '${SECRET}'"),
    GOOD.replace("s3cret", "k, paused: '${SECRET}'"),
    GOOD.replace("https://gulf.example", "${SECRET}"),
    GOOD.replace("'gulf'", "${SECRET}").replace("provider: gulf", "provider: '${SECRET}'"),
    GOOD.replace("min: 50", "min: 50\n    type: ${SECRET}"),
    GOOD.replace("{provider: gulf, service: 4021}", "${SECRET}"),
]


@pytest.mark.parametrize("text", SLIPS, ids=range(len(SLIPS)))
def test_no_mistake_shows_a_secret(loads: Loads, text: str) -> None:
    """Whatever is wrong with a secret, or beside it, what we say of it does not show it."""
    with pytest.raises(ConfigErrors) as caught:
        loads(text, environ=ENVIRON)
    assert caught.value.mistakes
    assert CANARY not in everything(caught.value)


def test_a_mistake_shows_the_variable(mistakes: Mistakes) -> None:
    """Of a value from the environment, a mistake shows what stands in the file."""
    assert mistakes(f"first_order_id: ${{SECRET}}\n{GOOD}", environ=ENVIRON) == [
        "config.yaml:1: first_order_id: must be a whole number, not '${SECRET}'"
    ]


def test_nothing_loaded_shows_a_secret(loads: Loads) -> None:
    """Keys, tokens, the database's URL and the alert command are in no repr and no summary."""
    loaded = loads(
        f"database: postgresql://me:{CANARY}@host/db\nalert_command: [curl, {CANARY}]\n"
        f"admin_token_file: token.yaml\n{GOOD.replace('s3cret', CANARY)}",
        token_yaml=CANARY,
    )
    assert CANARY in loaded.server.database
    shown = f"{loaded!r} {loaded.setup!r} {loaded.server!r} {loaded.places!r}"
    assert CANARY not in shown + summary(loaded) + render(loaded.warnings)


def test_the_revision_has_no_secret_in_it(loads: Loads) -> None:
    """The revision changes with what is configured, and not with a secret or a comment."""
    first = loads(GOOD).setup.revision
    assert len(first) == 12
    assert loads(GOOD.replace("s3cret", CANARY)).setup.revision == first
    assert loads(f"# comment\n{GOOD}").setup.revision == first
    assert loads(GOOD.replace("10000", "10001")).setup.revision != first
    assert loads(GOOD + "dialects: {d: {extends: standard}}\n").setup.revision != first
    assert loads(GOOD + "faces: {/x: standard}\n").setup.revision != first


TAKEN = ("url", "key", "key_file", "idempotency_param")  # tested above, or any name will do


@pytest.mark.parametrize("key", sorted(ProviderForm.model_fields.keys() - TAKEN))
def test_a_key_in_the_wrong_place_is_not_quoted(mistakes: Mistakes, key: str) -> None:
    """A provider's key that stands behind another of its keys by mistake is not shown."""
    said = "\n".join(mistakes(GOOD.replace("s3cret", f"k, {key}: {CANARY}")))
    assert f"providers.gulf.{key}: " in said
    assert CANARY not in said
