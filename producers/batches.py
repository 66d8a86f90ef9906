"""Several pictures handed in at once, and waited for."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from infra.admission import BadPicture
from infra.blobs import BlobStoreUnavailable, open_blob_store
from infra.errors import Unavailable
from infra.settings import Settings
from producers.following import Follower, Progress, open_follower
from producers.inputs import Input, NotFetched
from producers.reporting import Report
from producers.results import NotSaved, ResultFolder
from producers.sniffing import Unreadable
from producers.submitting import Receipt, Submitter, open_submitter


def submit_all(
    inputs: Sequence[Input],
    settings: Settings,
    report: Report,
    *,
    wait: bool = True,
    timeout_seconds: float | None = None,
    again: bool = False,
    out: Path | None = None,
) -> bool:
    """Send everything that is a picture, and see each to its end.

    A bad one keeps none of the others back.

    Args:
        again: double what was doubled before, too.
        out: the folder that results are written into; only when they are waited for.

    Returns:
        Whether every picture was sent and, when waited for, doubled and written.

    Raises:
        Unavailable, NotSaved: a part is away, or the folder is no good, that was needed before
            anything was sent, or to follow.
        FollowTimeout: some had not ended in time.
    """
    with ExitStack() as parts:
        # Whoever will wait needs the database: better to know before than after sending.
        follower = parts.enter_context(open_follower(settings)) if wait else None
        folder = ResultFolder(out, open_blob_store(settings)) if out else None
        if folder is not None:
            folder.require_writable()
        submitter = parts.enter_context(open_submitter(settings))
        with report.sending(len(inputs)):
            receipts = list(_send(inputs, submitter, report, again=again))
        all_sent = len(receipts) == len(inputs)
        if follower is None:
            for receipt in receipts:
                report.sent(receipt)
            return all_sent
        return follow(receipts, follower, report, timeout_seconds, folder) and all_sent


def follow(
    receipts: Sequence[Receipt],
    follower: Follower,
    report: Report,
    timeout_seconds: float | None = None,
    folder: ResultFolder | None = None,
) -> bool:
    """Wait for receipts, telling the report of every change; whether all were doubled.

    Raises:
        FollowTimeout, DatabaseUnavailable: as Follower.follow.
    """
    all_well = True
    with report.following(len(receipts)):
        for progress in follower.follow(receipts, timeout_seconds):
            file = None
            if progress.stage.ended:
                all_well = all_well and progress.stage.doubled
            if progress.stage.doubled and folder is not None:
                file = _saved(progress, folder, report)
                all_well = all_well and file is not None
            report.changed(progress, file)
    return all_well


def _saved(progress: Progress, folder: ResultFolder, report: Report) -> Path | None:
    try:
        return folder.save(progress)
    except (NotSaved, BlobStoreUnavailable) as error:
        report.not_saved(progress, str(error))
        return None


def _send(
    inputs: Sequence[Input], submitter: Submitter, report: Report, *, again: bool
) -> Iterator[Receipt]:
    for number, it in enumerate(inputs):
        try:
            with it.opened() as path:
                receipt = submitter.submit(it.name, path, again=again)
        except (BadPicture, Unreadable, NotFetched) as error:
            report.refused(it.label, str(error))
        except Unavailable as error:
            # What was sent before is safe, and is still worth following.
            for unsent in inputs[number:]:
                report.refused(unsent.label, f"not sent: {error}")
            return
        else:
            report.handed_in(receipt)
            yield receipt
