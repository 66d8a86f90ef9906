"""Dead letters of several reasons, faults and alerts, as a bad day leaves them behind."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.alerts import Alerts
from infra.database.engine import Database
from infra.database.faults import Fault, FaultKind
from infra.database.models import AlertKind, DeadLetter, Image, ImageState, LetterState, PartState
from infra.eventlog.topics import UPLOADS
from infra.events.reasons import Reason

DETAILS = {
    Reason.FAILED: "doublet failed with INTERNAL: out of memory",
    Reason.MODEL_REFUSED: "doublet refused the request: no such signature",
    Reason.UNSUPPORTED_FORMAT: "not a readable picture (JPEG, PNG, GIF, WEBP, TIFF, BMP, AVIF)",
}


def bad_day(database: Database, now: datetime, letters: int = 8) -> None:
    """So many letters of each of three reasons, beside what is there; three faults, two alerts."""
    with database.transaction() as session:
        done = list(session.scalars(select(Image).where(Image.state == ImageState.DONE)))
        for row, (reason, detail) in enumerate(DETAILS.items()):
            for number in range(letters):
                _letter(session, reason, detail, row * letters + number, now, done)
        _faults(session, now)
    alerts = Alerts(database, clock=lambda: now - timedelta(hours=2))
    alerts.raise_alert(AlertKind.STALLED, f"{UPLOADS} 1", "no record was taken for 5 minutes")
    Alerts(database, clock=lambda: now - timedelta(hours=1)).clear(
        AlertKind.STALLED, f"{UPLOADS} 1"
    )
    alerts.raise_alert(AlertKind.DELETED, f"{UPLOADS} 0", "offsets 1 to 4 were deleted undelivered")


def _letter(
    session: Session, reason: Reason, detail: str, number: int, now: datetime, like: list[Image]
) -> None:
    template = like[number % len(like)] if like else None
    readable = template is not None and reason is not Reason.UNSUPPORTED_FORMAT
    image = Image(
        source="bad day",
        event_id=str(number),
        lane="upload",
        name=f"frame-{number:03}.png",
        sha256=template.sha256 if template and readable else None,
        width=template.width if template and readable else None,
        height=template.height if template and readable else None,
        state=ImageState.DEAD,
        reason=reason,
        detail=detail,
        received_at=now - timedelta(hours=3, minutes=number),
        settled_at=now - timedelta(hours=3),
    )
    session.add(image)
    session.flush()
    session.add(
        DeadLetter(
            image_id=image.id,
            topic=UPLOADS,
            partition=0,
            offset=1_000 + number,
            reason=reason,
            stage="decode" if reason is Reason.UNSUPPORTED_FORMAT else "model",
            detail=detail,
            attempts=3 if reason is Reason.FAILED else 1,
            first_failed_at=now - timedelta(hours=3),
            last_failed_at=now - timedelta(hours=3, minutes=-number),
            state=LetterState.QUARANTINED
            if reason is Reason.MODEL_REFUSED and number % 2
            else LetterState.WAITING,
        )
    )


def _faults(session: Session, now: datetime) -> None:
    for part, kind, detail, minutes, seconds, ended_as in (
        ("model server", FaultKind.DIED, "was killed by SIGKILL", 90, 6.5, PartState.RUNNING),
        (
            "consumer",
            FaultKind.WAITING,
            "waiting for the model server since then: it refused the connection",
            90,
            7.2,
            PartState.RUNNING,
        ),
        ("scheduler", FaultKind.SILENT, "nothing was heard of it", 30, 42.0, PartState.RUNNING),
        ("consumer", FaultKind.WAITING, "waiting for Kafka: it does not answer", 2, None, None),
    ):
        began = now - timedelta(minutes=minutes)
        session.add(
            Fault(
                part=part,
                kind=kind,
                detail=detail,
                began_at=began,
                ended_at=None if seconds is None else began + timedelta(seconds=seconds),
                ended_as=ended_as,
            )
        )
