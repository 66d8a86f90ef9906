"""One day of APOD, from the service's answer to an event on Kafka."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from infra.admission import BadPicture, Limits
from infra.blobs import BlobStore, open_blob_store
from infra.clock import Clock, utc_now
from infra.database.models import ApodState
from infra.errors import DoubletError, Unavailable
from infra.eventlog.clients import EventLog, KafkaEventLog
from infra.eventlog.topics import APOD
from infra.events.pictures import ClaimCheck, apod_event
from infra.settings import Settings
from producers.apod.days import newest_day
from producers.apod.source import (
    ApodEntry,
    ApodMissing,
    ApodSource,
    ApodUnavailable,
    MediaType,
)
from producers.apod.v1 import ApodV1
from producers.apod.v2 import ApodV2
from producers.apod.web import AddressRefused, Web, WebPolicy
from producers.ledger import Claim, Ledger, Verdict
from producers.sniffing import sniff

STILL_EXPECTED = timedelta(days=7)
"""How long a day without an entry may still get one: the service has lagged by hours, and once
by days. Later it is skipped."""

_LONGEST_TITLE = 1000
_LONGEST_TEXT = 2000
"""In characters, as the event's schema has them."""


class Publisher:
    """Asks for days that the ledger gave a claim on, and settles them."""

    def __init__(
        self,
        source: ApodSource,
        web: Web,
        ledger: Ledger,
        blobs: BlobStore,
        events: EventLog,
        limits: Limits,
        clock: Clock = utc_now,
    ) -> None:
        self._source = source
        self._web = web
        self._ledger = ledger
        self._blobs = blobs
        self._events = events
        self._limits = limits
        self._clock = clock

    def publish(self, claim: Claim) -> Verdict:
        """Ask for a day, send its event if it is a picture, and write down what came of it.

        Raises:
            DatabaseUnavailable: it could not be written down; the claim's lease will run out and
                the day be asked for again.
        """
        verdict = self._attempt(claim)
        self._ledger.settle(claim, verdict)
        return verdict

    def _attempt(self, claim: Claim) -> Verdict:
        entry = None
        try:
            entry = self._source.day(claim.day)
            if entry.media_type is not MediaType.IMAGE:
                kind = (
                    "of another kind" if entry.media_type is MediaType.OTHER else entry.media_type
                )
                return _skipped(f"no picture: the day is {kind}, see {entry.permalink}", entry)
            if entry.picture_url is None:
                return _skipped(f"the service names no picture, see {entry.permalink}", entry)
            self._send(entry, entry.picture_url)
        except (AddressRefused, BadPicture) as error:
            return _skipped(f"the day's file is not taken: {error}", entry)
        except ApodMissing as error:
            return self._missing(claim, error, entry)
        except ApodUnavailable as error:
            return Verdict(ApodState.WAITING, str(error), entry, error.retry_after)
        except Unavailable as error:
            return Verdict(ApodState.WAITING, str(error), entry)
        return Verdict(ApodState.PUBLISHED, entry=entry)

    def _send(self, entry: ApodEntry, picture_url: str) -> None:
        with tempfile.TemporaryDirectory(prefix="doublet-apod-") as folder:
            path = Path(folder) / "picture"
            with path.open("wb") as file:
                self._web.download(picture_url, file)
            sniffed = sniff(path, self._limits)
            blob = self._blobs.put_file(path)
        claim_check = ClaimCheck(blob, sniffed.length, sniffed.media_type)
        event = apod_event(entry.day, metadata(entry), claim_check, self._clock())
        self._events.send(APOD, event.key, event.data, event.headers())

    def _missing(self, claim: Claim, error: DoubletError, entry: ApodEntry | None) -> Verdict:
        if newest_day(self._clock()) - claim.day < STILL_EXPECTED:
            return Verdict(ApodState.WAITING, str(error), entry)
        return _skipped(str(error), entry)


class BriefEventLog:
    """An EventLog that is connected only while it sends: a day has one event."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        with closing(KafkaEventLog(self._settings)) as events:
            return events.send(topic, key, value, headers)


@contextmanager
def open_publisher(
    settings: Settings, ledger: Ledger, clock: Clock = utc_now
) -> Iterator[Publisher]:
    """A publisher with the configured service, blob store and Kafka; closed at the end.

    Raises:
        BlobStoreUnavailable: there is no store to put a picture into.
    """
    blobs = open_blob_store(settings.blobs)
    with closing(Web(WebPolicy.of(settings))) as web:
        source = _source(settings, web, clock)
        events = BriefEventLog(settings)
        yield Publisher(source, web, ledger, blobs, events, Limits.of(settings), clock)


def _source(settings: Settings, web: Web, clock: Clock) -> ApodSource:
    if settings.apod_api == "v1":
        key = settings.nasa_api_key.get_secret_value()
        return ApodV1(web, settings.apod_v1_url, key, clock)
    return ApodV2(web, settings.apod_v2_url, clock)


def _skipped(reason: str, entry: ApodEntry | None) -> Verdict:
    return Verdict(ApodState.SKIPPED, reason, entry)


def metadata(entry: ApodEntry) -> dict[str, Any]:
    """What the day's event says besides its claim check, cut to what its schema takes."""
    return {
        "title": entry.title[:_LONGEST_TITLE],
        "credit": entry.credit and entry.credit[:_LONGEST_TEXT],
        "copyright": entry.copyright and entry.copyright[:_LONGEST_TEXT],
        "permalink": entry.permalink[:_LONGEST_TEXT],
        "pictureUrl": entry.picture_url and entry.picture_url[:_LONGEST_TEXT],
    }
