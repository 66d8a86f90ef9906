"""How everything stands at one moment: what the Now page and ``doublet status`` both say."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from dashboard import health
from dashboard.health import Health, PartHealth
from dashboard.probes import ask_kafka, ask_model_server
from dashboard.queries import running
from infra.alerts import OpenAlert, open_alerts
from infra.books import Books, read_books
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import Outcome
from infra.eventlog.offsets import PartitionOffsets
from infra.settings import Settings
from infra.tally import settled_by_the_database


@dataclass(frozen=True)
class Standing:
    """The parts, the books, and what Kafka says."""

    at: datetime
    parts: list[PartHealth]
    """Kafka and the model server by their own answers, then the others by their heartbeats."""
    books: Books | None
    """None while Kafka is away: nobody knows then how many records it accepted."""
    settled: Counter[Outcome]
    """What the database alone knows of the books; empty where they are whole."""
    offsets: tuple[PartitionOffsets, ...]
    alerts: list[OpenAlert]

    @property
    def ended(self) -> int:
        """Records that ended, as far as anybody knows now."""
        return self.books.total.settled if self.books else self.settled.total()

    @property
    def well(self) -> bool:
        """Whether nobody has to look."""
        balanced = self.books is not None and self.books.total.balanced
        beating = any(part.seen_at for part in self.parts)
        parts_well = all(part.health is Health.WELL for part in self.parts)
        return balanced and beating and parts_well and not self.alerts


def read_standing(database: Database, settings: Settings, clock: Clock = utc_now) -> Standing:
    """Ask everybody, within a few seconds whoever is away.

    Raises:
        DatabaseUnavailable: without the database there is nothing to say.
    """
    kafka = ask_kafka(settings)
    model_server = ask_model_server(settings)
    # Kafka first, the database afterwards: see read_books.
    with database.reading() as session:
        now = clock()
        rows = running.parts(session, now)
        alerts = open_alerts(session)
        books = None if kafka.trouble else read_books(session, kafka.offsets)
        settled = settled_by_the_database(session) if books is None else Counter[Outcome]()
    named = {row.name: row for row in rows}
    asked = [
        health.of_kafka(kafka, settings, named.pop(health.BROKER, None)),
        health.of_model_server(model_server, settings, named.pop(health.MODEL_SERVER, None)),
    ]
    return Standing(
        at=now,
        parts=[*asked, *(health.of_part(row, now) for row in named.values())],
        books=books,
        settled=settled,
        offsets=kafka.offsets,
        alerts=alerts,
    )
