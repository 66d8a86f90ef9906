"""One day of APOD, from the service's answer to an event on Kafka."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra import tracing
from infra.admission import BadPicture, Limits
from infra.blobs import BlobStore, open_blob_store
from infra.clock import Clock, utc_now
from infra.database.engine import Database
from infra.database.models import ApodState
from infra.errors import DoubletError, Unavailable
from infra.eventlog.sending import send_event
from infra.events.pictures import ClaimCheck, apod_event, apod_id
from infra.settings import Settings
from producers.apod.budget import Budget
from producers.apod.days import newest_day
from producers.apod.source import ApodEntry, ApodMissing, ApodSource, ApodUnavailable
from producers.apod.stand_in import Choice, NoPicture, OnVideo, choose
from producers.apod.v1 import ApodV1
from producers.apod.v2 import ApodV2
from producers.apod.web import AddressRefused, Web, WebPolicy
from producers.ledger import STILL_EXPECTED, Claim, Ledger, Verdict
from producers.outbox import KafkaOutbox, Outbox
from producers.sniffing import sniff

_LONGEST_TITLE = 1000
_LONGEST_TEXT = 2000
"""In characters, as the event's schema has them."""


class TakenOver(DoubletError):
    """Another process has the day's turn by now."""


@dataclass(frozen=True)
class Fetched:
    """A picture in the blob store, and where it came from."""

    url: str
    claim_check: ClaimCheck


class Publisher:
    """Asks for days that the ledger gave a claim on, and settles them."""

    def __init__(
        self,
        source: ApodSource,
        web: Web,
        ledger: Ledger,
        blobs: BlobStore,
        outbox: Outbox,
        limits: Limits,
        on_video: OnVideo = "skip",
        clock: Clock = utc_now,
    ) -> None:
        self._source = source
        self._web = web
        self._ledger = ledger
        self._blobs = blobs
        self._outbox = outbox
        self._limits = limits
        self._on_video = on_video
        self._clock = clock

    def publish(self, claim: Claim) -> Verdict:
        """Ask for a day, send its event if there is a picture, and write down what came of it.

        Raises:
            DatabaseUnavailable: it could not be written down; the claim's lease will run out and
                the day be asked for again.
        """
        with tracing.span("publish a day of APOD", facts={"doublet.day": claim.day.isoformat()}):
            verdict = self._attempt(claim)
            self._ledger.settle(claim, verdict)
        return verdict

    def _attempt(self, claim: Claim) -> Verdict:
        entry = None
        try:
            entry = self._source.day(claim.day)
            choice = choose(entry, self._on_video, self._source)
            fetched = self._fetch(choice.entry.picture_urls)
            self._send(claim, choice, fetched)
        except NoPicture as error:
            return Verdict(ApodState.SKIPPED, str(error), entry)
        except (AddressRefused, BadPicture) as error:
            return Verdict(ApodState.SKIPPED, f"the day's file is not taken: {error}", entry)
        except ApodMissing as error:
            return self._missing(claim, error, entry)
        except TakenOver as error:
            return Verdict(ApodState.WAITING, str(error), entry)
        except ApodUnavailable as error:
            return Verdict(
                ApodState.WAITING,
                str(error),
                entry,
                error.retry_after,
                away=True,
                fault=error.fault,
            )
        except Unavailable as error:
            return Verdict(ApodState.WAITING, str(error), entry, away=True)
        return Verdict(
            ApodState.PUBLISHED,
            choice.remark,
            entry,
            picture_url=fetched.url,
            stand_in=choice.stand_in,
        )

    def _fetch(self, urls: tuple[str, ...]) -> Fetched:
        """Take the first that is a picture; what the first one's trouble was is said of all."""
        first_error: DoubletError | None = None
        for url in urls:
            try:
                return self._fetch_one(url)
            except (AddressRefused, BadPicture, ApodMissing) as error:
                first_error = first_error or error
        assert first_error is not None, "a choice has an address"
        raise first_error

    def _fetch_one(self, url: str) -> Fetched:
        with tempfile.TemporaryDirectory(prefix="doublet-apod-") as folder:
            path = Path(folder) / "picture"
            with path.open("wb") as file:
                self._web.download(url, file)
            sniffed = sniff(path, self._limits)
            blob = self._blobs.put_file(path)
        return Fetched(url, ClaimCheck(blob, sniffed.length, sniffed.media_type))

    def _send(self, claim: Claim, choice: Choice, fetched: Fetched) -> None:
        """Send the day's event, unless an earlier turn did before it broke off."""
        key = apod_id(claim.day).encode()
        begun = claim.begun
        if begun and self._outbox.holds(begun.topic, key, begun.ends):
            return
        if not self._ledger.begin_sending(claim, self._outbox.ends(claim.topic)):
            raise TakenOver(f"another process has taken over {claim.day}")
        said = metadata(choice, fetched.url)
        event = apod_event(claim.day, said, fetched.claim_check, self._clock())
        send_event(self._outbox, claim.topic, event)

    def _missing(self, claim: Claim, error: DoubletError, entry: ApodEntry | None) -> Verdict:
        is_expected = newest_day(self._clock()) - claim.day < STILL_EXPECTED
        state = ApodState.WAITING if is_expected else ApodState.SKIPPED
        return Verdict(state, str(error), entry, absent=entry is None)


@contextmanager
def open_publisher(
    settings: Settings, database: Database, clock: Clock = utc_now
) -> Iterator[Publisher]:
    """A publisher with the configured service, blob store and Kafka; closed at the end.

    Raises:
        BlobStoreUnavailable: there is no store to put a picture into.
    """
    blobs = open_blob_store(settings)
    web = Web(WebPolicy.of(settings), open_budget(settings, database, clock))
    with closing(web), closing(KafkaOutbox(settings)) as outbox:
        yield Publisher(
            _source(settings, web, clock),
            web,
            Ledger(database, clock),
            blobs,
            outbox,
            Limits.of(settings),
            settings.apod_on_video,
            clock,
        )


def open_budget(settings: Settings, database: Database, clock: Clock = utc_now) -> Budget:
    """The budget of the configured service, which all processes share."""
    address = settings.apod_v1_url if settings.apod_api == "v1" else settings.apod_v2_url
    host = urlsplit(address).netloc
    return Budget(database, host, settings.apod_requests_per_hour, clock)


def _source(settings: Settings, web: Web, clock: Clock) -> ApodSource:
    if settings.apod_api == "v1":
        key = settings.nasa_api_key.get_secret_value()
        return ApodV1(web, settings.apod_v1_url, key, clock)
    return ApodV2(web, settings.apod_v2_url, clock)


def metadata(choice: Choice, picture_url: str) -> dict[str, Any]:
    """What the day's event says besides its claim check, cut to what its schema takes."""
    entry = choice.entry
    return {
        "title": entry.title[:_LONGEST_TITLE],
        "credit": entry.credit and entry.credit[:_LONGEST_TEXT],
        "copyright": entry.copyright and entry.copyright[:_LONGEST_TEXT],
        "permalink": entry.permalink[:_LONGEST_TEXT],
        "pictureUrl": picture_url[:_LONGEST_TEXT],
        "standIn": choice.stand_in,
        "remark": choice.remark and choice.remark[:_LONGEST_TEXT],
    }
