"""What we tell about ourselves: log lines, metrics, and words to systemd."""

from aggregator.telemetry.logs import CALL, RESELLER, forget, logger, set_up
from aggregator.telemetry.metrics import Metrics
from aggregator.telemetry.redaction import REDACTED, Redactor, conceal
from aggregator.telemetry.systemd import sd_notify, sd_reloading, watchdog_s

__all__ = [
    "CALL",
    "REDACTED",
    "RESELLER",
    "Metrics",
    "Redactor",
    "conceal",
    "forget",
    "logger",
    "sd_notify",
    "sd_reloading",
    "set_up",
    "watchdog_s",
]
