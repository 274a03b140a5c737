"""Every number we count, for Prometheus."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import prometheus_client as prometheus
from prometheus_client.metrics import MetricWrapperBase

from aggregator.telemetry.tallies import Tally, Times

M = TypeVar("M", bound=MetricWrapperBase)

# Ours takes a millisecond, or as long as ``answer_within``; theirs a tenth of a second, or
# until nobody waits any more.
_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALL_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 110)


class Metrics:
    """Every number we count, in a registry of its own. For the event loop's thread.

    Label values are words of ours or names from the configuration, never anything
    that a client or a provider wrote: each new value costs memory for ever.
    """

    def __init__(self) -> None:
        # Else each counter is shown twice. (Untyped by its authors.)
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self.registry)
        new, counter, gauge = self._new, prometheus.Counter, prometheus.Gauge
        tally, micros = self._tally, partial(self._tally, unit=1_000_000)
        self._requests = tally("requests", "Of resellers.", "action", "answer")
        self._attempts = tally("attempts", "Calls that buy.", "provider", "outcome")
        self._alerts = new(counter, "alerts", "What an operator should look at.", "kind")
        self._doubts = new(gauge, "doubts_open", "Orders in doubt.")
        self._oldest_doubt = new(gauge, "doubts_oldest_seconds", "Age of the oldest of them.")
        self._persons = new(gauge, "needs_person", "Orders that a person has to look at.")
        self._queue = new(gauge, "queue_length", "Orders waiting for a route.")
        self._oldest_queued = new(gauge, "queue_oldest_seconds", "Age of the oldest of them.")
        self._open = new(gauge, "orders_open", "Orders that have not ended.", "state")
        overdue = "Open orders to be asked after by now."
        self._overdue = new(gauge, "status_overdue", overdue, "provider")
        longest, mean = "For how long the longest of them.", "For how long on average."
        self._overdue_oldest = new(gauge, "status_overdue_oldest_seconds", longest, "provider")
        self._overdue_mean = new(gauge, "status_overdue_mean_seconds", mean, "provider")
        self._sales = micros("sales", "Charges of placed orders, our money.", "provider")
        self._costs = micros("costs", "What they cost us, where known.", "provider")
        self._verified_at = new(
            gauge, "ledger_verified_seconds", "When it was verified last, Unix time."
        )
        self._violations = new(gauge, "ledger_violations", "What that found wrong.")
        self._usable = new(gauge, "provider_usable", "1: takes orders now.", "provider")
        self._balance = new(gauge, "provider_balance", "In its own currency.", "provider")
        self._reload_ok = new(gauge, "config_reload_ok", "1: what was read last is in use.")
        self._reloads = new(counter, "config_reloads", "Configurations read.", "result")
        self._loaded_at = new(gauge, "config_loaded_seconds", "When the one in use was, Unix time.")
        overdue_gauges = (self._overdue, self._overdue_oldest, self._overdue_mean)
        self._of_providers = (self._usable, self._balance, *overdue_gauges)
        self._request_seconds = self._times(
            _REQUEST_S, "request_seconds", "From headers to answer.", "action"
        )
        self._call_seconds = self._times(
            _CALL_S, "upstream_seconds", "Calls to providers.", "provider", "action"
        )

    def _new(self, kind: type[M], name: str, text: str, *labels: str) -> M:
        return kind(f"aggregator_{name}", text, labels, registry=self.registry)

    def _tally(self, name: str, text: str, *labels: str, unit: int = 1) -> Tally:
        return Tally(self.registry, f"aggregator_{name}", text, *labels, unit=unit)

    def _times(self, bounds: Sequence[float], name: str, text: str, *labels: str) -> Times:
        return Times(self.registry, f"aggregator_{name}", text, *labels, bounds=bounds)

    def request(self, action: str, answer: str, seconds: float) -> None:
        """One request: ``answer`` is "ok" or the kind of refusal."""
        self._requests.counts[action, answer] += 1
        self._request_seconds.observe((action,), seconds)

    def attempt(self, provider: str, outcome: str) -> None:
        self._attempts.counts[provider, outcome] += 1

    def upstream_call(self, provider: str, action: str, seconds: float) -> None:
        self._call_seconds.observe((provider, action), seconds)

    def alert(self, kind: str) -> None:
        self._alerts.labels(kind).inc()

    def sold(self, provider: str, charge_micros: int, cost_micros: int | None) -> None:
        """An order was placed there. ``cost_micros`` in our currency; None: unknown."""
        self._sales.counts[(provider,)] += charge_micros
        if cost_micros is not None:
            self._costs.counts[(provider,)] += cost_micros

    def orders_open(self, by_state: Mapping[str, int], needs_person: int) -> None:
        for state, count in by_state.items():
            self._open.labels(state).set(count)
        self._persons.set(needs_person)

    def overdue(self, provider: str, count: int, oldest_s: float, mean_s: float) -> None:
        """Open orders which the provider should have been asked after already."""
        self._overdue.labels(provider).set(count)
        self._overdue_oldest.labels(provider).set(oldest_s)
        self._overdue_mean.labels(provider).set(mean_s)

    def ledger_verified(self, at_s: float, violations: int) -> None:
        self._verified_at.set(at_s)
        self._violations.set(violations)

    def doubts_open(self, count: int, oldest_s: float = 0.0) -> None:
        self._doubts.set(count)
        self._oldest_doubt.set(oldest_s)

    def queue_length(self, count: int, oldest_s: float = 0.0) -> None:
        self._queue.set(count)
        self._oldest_queued.set(oldest_s)

    def provider_usable(self, provider: str, usable: bool) -> None:
        self._usable.labels(provider).set(usable)

    def provider_balance(self, provider: str, units: float) -> None:
        """In ``units`` of its currency; a float will do for a picture."""
        self._balance.labels(provider).set(units)

    def forget_providers(self, providers: Iterable[str]) -> None:
        """Those that are configured no longer must not be shown as they last were."""
        for provider in providers:
            for gauge in self._of_providers:
                with suppress(KeyError):
                    gauge.remove(provider)

    def reload(self, ok: bool) -> None:
        """A configuration was read: at the start, or later."""
        self._reload_ok.set(ok)
        self._reloads.labels("ok" if ok else "refused").inc()
        if ok:
            self._loaded_at.set_to_current_time()

    def render(self) -> bytes:
        """Prometheus' text format, to be served as ``CONTENT_TYPE``."""
        return prometheus.generate_latest(self.registry)

    CONTENT_TYPE = prometheus.CONTENT_TYPE_PLAIN_0_0_4
