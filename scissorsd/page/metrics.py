"""`/metrics`: for Prometheus, from the journal and the status file as they are when it asks."""

from collections.abc import Iterator
from time import monotonic

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scissorsd.page.desk import Desk
from scissorsd.page.standpoint import stand_at
from scissorsd.records import lock, tallies
from scissorsd.records.status_file import FRESH, HubStatus, InboxStatus

_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_STAGES = ("settling", "ready", "working", "held")

# Of this process: they begin at 0 with it, as Prometheus expects of a counter.
_own = CollectorRegistry()
_drops = Counter("scissorsd_page_drops", "Pictures dropped on the page.", registry=_own)
_drop_bytes = Counter("scissorsd_page_drop_bytes", "Bytes of these.", registry=_own)


def count_drop(size: int) -> None:
    """Count a picture that was dropped on the page, of so many bytes."""
    _drops.inc()
    _drop_bytes.inc(size)


class _Numbers(Collector):
    """What the journal and the status file say at the moment."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._of_the_daemon()
        yield from self._of_the_journal()

    def _of_the_daemon(self) -> Iterator[Metric]:
        now = self._desk.standing() if lock.is_running(self._desk.state) else None
        age = max(0.0, monotonic() - now.beat) if now else None
        up = GaugeMetricFamily("scissorsd_up", "1 while a daemon runs and its control loop beats.")
        up.add_metric([], float(age is not None and age <= FRESH))
        yield up
        beat = GaugeMetricFamily("scissorsd_beat_age_seconds", "Since the control loop's last beat")
        if age is not None:
            beat.add_metric([], age)
        yield beat
        away = GaugeMetricFamily(
            "scissorsd_inbox_away", "1 while an inbox is not there.", labels=["inbox"]
        )
        backlog = GaugeMetricFamily(
            "scissorsd_backlog", "Pictures that have not ended.", labels=["inbox", "stage"]
        )
        for inbox in now.inboxes if now else ():
            away.add_metric([inbox.name], float(bool(inbox.away)))
            for stage in _STAGES:
                backlog.add_metric([inbox.name, stage], _count(inbox, stage))
        yield away
        yield backlog
        provider = GaugeMetricFamily(
            "scissorsd_provider_info",
            "Where each network runs.",
            labels=["model", "provider", "precision"],
        )
        for model in now.providers if now else ():
            provider.add_metric([model.model, model.provider, model.precision], 1)
        yield provider
        if now is not None and now.hub is not None:
            yield from _of_the_hub(now.hub)

    def _of_the_journal(self) -> Iterator[Metric]:
        at = stand_at(self._desk)
        journal = at.journal
        pictures = GaugeMetricFamily(
            "scissorsd_pictures_total",
            "Pictures in the journal.",
            labels=["inbox", "state", "verdict"],
        )
        for tally in tallies.tallies(journal.file) if journal else ():
            if tally.inbox in at.names:
                labels = [at.names[tally.inbox], tally.state, tally.verdict]
                pictures.add_metric(labels, tally.count)
        yield pictures
        took = HistogramMetricFamily(
            "scissorsd_job_seconds", "How long the jobs that are done took.", labels=["inbox"]
        )
        for inbox in at.inboxes if journal else ():
            assert journal is not None  # noqa: S101 - for the type checker
            durations = tallies.durations(journal.file, inbox.path, _SECONDS)
            buckets = [(str(limit), float(count)) for limit, count in durations.up_to]
            buckets.append(("+Inf", float(durations.count)))
            took.add_metric([inbox.name], buckets, durations.total)
        yield took


def _of_the_hub(hub: HubStatus) -> Iterator[Metric]:
    up = GaugeMetricFamily("scissorsd_hub_up", "1 while the hub is there.")
    up.add_metric([], float(not hub.away))
    yield up
    out = GaugeMetricFamily("scissorsd_orders_out", "Pictures that hosts have, or are to have.")
    out.add_metric([], hub.out)
    yield out
    refused = CounterMetricFamily("scissorsd_answers_refused", "Answers that were refused.")
    refused.add_metric([], hub.refused)
    yield refused
    slots = GaugeMetricFamily(
        "scissorsd_host_slots", "Pictures that a host cuts at once; 0: it is gone.", labels=["host"]
    )
    pace = GaugeMetricFamily(
        "scissorsd_host_pictures_per_minute", "Made by a host, lately.", labels=["host"]
    )
    runs = GaugeMetricFamily(
        "scissorsd_host_provider_info",
        "Where each network runs on a host.",
        labels=["host", "model", "provider"],
    )
    for host in hub.hosts:
        slots.add_metric([host.name], host.slots if host.live else 0)
        pace.add_metric([host.name], host.pace)
        for model, provider in host.providers.items():
            runs.add_metric([host.name, model, provider], float(host.live))
    yield from (slots, pace, runs)


def _count(inbox: InboxStatus, stage: str) -> int:
    count: int = getattr(inbox, stage)
    return count


def _metrics(request: Request) -> Response:
    registry = CollectorRegistry()
    registry.register(_Numbers(request.app.state.desk))
    text = generate_latest(registry) + generate_latest(_own)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


ROUTES: list[BaseRoute] = [Route("/metrics", _metrics)]
