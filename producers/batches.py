"""Several files handed in at once, and waited for."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from infra.admission import BadPicture
from infra.errors import Unavailable
from infra.settings import Settings
from producers.following import Follower, open_follower
from producers.reporting import Report
from producers.sniffing import Unreadable
from producers.submitting import Receipt, Submitter, open_submitter


def submit_files(
    files: Sequence[Path],
    settings: Settings,
    report: Report,
    *,
    wait: bool = True,
    timeout_seconds: float | None = None,
) -> bool:
    """Send every file that is a picture, and see each to its end.

    A bad file keeps none of the others back.

    Returns:
        Whether every file was sent and, when waited for, doubled.

    Raises:
        Unavailable: a part is away that was needed before anything was sent, or to follow.
        FollowTimeout: some had not ended in time.
    """
    with ExitStack() as parts:
        # Whoever will wait needs the database: better to know before than after sending.
        follower = parts.enter_context(open_follower(settings)) if wait else None
        submitter = parts.enter_context(open_submitter(settings))
        receipts = list(_send(files, submitter, report))
        all_sent = len(receipts) == len(files)
        if follower is None:
            for receipt in receipts:
                report.sent(receipt)
            return all_sent
        return follow(receipts, follower, report, timeout_seconds) and all_sent


def follow(
    receipts: Sequence[Receipt],
    follower: Follower,
    report: Report,
    timeout_seconds: float | None = None,
) -> bool:
    """Wait for receipts, telling the report of every change; whether all were doubled.

    Raises:
        FollowTimeout, DatabaseUnavailable: as Follower.follow.
    """
    all_doubled = True
    with report.following(len(receipts)):
        for progress in follower.follow(receipts, timeout_seconds):
            report.changed(progress)
            if progress.stage.ended:
                all_doubled = all_doubled and progress.stage.doubled
    return all_doubled


def _send(files: Sequence[Path], submitter: Submitter, report: Report) -> Iterator[Receipt]:
    for number, file in enumerate(files):
        try:
            yield submitter.submit(file.name, file)
        except (BadPicture, Unreadable) as error:
            report.refused(file, str(error))
        except Unavailable as error:
            # What was sent before is safe, and is still worth following.
            for unsent in files[number:]:
                report.refused(unsent, f"not sent: {error}")
            return
