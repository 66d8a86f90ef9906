"""How far the consumers are behind, written down for the dashboard's curves."""

from contextlib import closing
from datetime import timedelta

from sqlalchemy import delete

from infra.alerts import Alerts, Findings
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import AlertKind, LagSample
from infra.eventlog.clients import open_reader, translated
from infra.eventlog.offsets import PartitionOffsets, intake_offsets, seconds_behind
from infra.eventlog.topics import BACKFILL
from infra.settings import Settings
from infra.tally import carry_forward
from producers.metrics import LAG_RECORDS, LAG_SECONDS, SCHEDULER

SAMPLE_SECONDS = 10
"""Often enough to see a queue build up, seldom enough that nobody notices the asking."""
_KEPT = timedelta(days=1)
"""What the dashboard's longest curve shows."""


class LagSampler:
    """Takes one sample of every partition at a time."""

    def __init__(self, settings: Settings, database: Database, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._late = Findings(Alerts(database, clock), AlertKind.LAG)

    def sample(self) -> None:
        """Write one row a partition, drop what is older than a day, carry the books forward.

        Raises:
            EventLogUnavailable, DatabaseUnavailable: there is no sample of this moment.
        """
        offsets = intake_offsets(self._settings)
        seconds = self._seconds_behind(offsets)
        behind = {(at.topic, at.partition): late for at, late in zip(offsets, seconds, strict=True)}
        _show(offsets, behind)
        self._tell(behind)
        now = self._clock()
        rows = [
            LagSample(
                taken_at=now,
                topic=at.topic,
                partition=at.partition,
                end_offset=at.end,
                committed_offset=at.committed,
                seconds_behind=behind[at.topic, at.partition],
            )
            for at in offsets
        ]
        with self._database.transaction() as session:
            session.add_all(rows)
            session.execute(delete(LagSample).where(LagSample.taken_at < now - _KEPT))
        with self._database.transaction() as session:
            carry_forward(session, offsets)

    def _tell(self, behind: dict[tuple[str, int], float]) -> None:
        late = {
            f"{topic} {partition}": f"the oldest record that waits is {seconds:.0f} s old"
            for (topic, partition), seconds in behind.items()
            # A backfill of thousands of days takes its time, and delays nobody else.
            if seconds > self._settings.alert_lag_seconds and topic != BACKFILL
        }
        self._late.tell(late)

    def _seconds_behind(self, offsets: list[PartitionOffsets]) -> list[float]:
        if not any(at.lag for at in offsets):
            return [0.0] * len(offsets)  # nothing waits: no need to read how old it is
        with closing(open_reader(self._settings)) as consumer, translated(self._settings):
            return [seconds_behind(consumer, at, self._clock) for at in offsets]


def _show(offsets: list[PartitionOffsets], behind: dict[tuple[str, int], float]) -> None:
    SCHEDULER.put(LAG_RECORDS, {(at.topic, str(at.partition)): at.lag for at in offsets})
    SCHEDULER.put(
        LAG_SECONDS,
        {(topic, str(partition)): seconds for (topic, partition), seconds in behind.items()},
    )
