"""How alerts and faults ended, in words."""

from datetime import datetime

from dashboard import words
from infra.alerts import PastAlert
from infra.database.faults import FaultKind
from infra.database.models import PartState
from infra.faults import PartFault

FAULTS = {
    FaultKind.WAITING: "waited",
    FaultKind.DIED: "died",
    FaultKind.SILENT: "was silent",
}
_WELL = {
    FaultKind.WAITING: "went on by itself",
    FaultKind.DIED: "ran again",
    FaultKind.SILENT: "was heard of again",
}
_OTHERWISE = {
    PartState.RESTARTING: "died",
    PartState.STOPPED: "was stopped",
    PartState.WAITING: "then had to wait",
    PartState.STARTING: "started anew",
}


def of_fault(fault: PartFault, now: datetime) -> str:
    """Such as ``ran again after 4 s``."""
    if fault.ended_at is None or fault.ended_as is None:
        return f"lasts since {words.duration((now - fault.began_at).total_seconds())}"
    how = _OTHERWISE.get(fault.ended_as, _WELL[fault.kind])
    return f"{how} after {words.duration((fault.ended_at - fault.began_at).total_seconds())}"


def of_alert(alert: PastAlert) -> str:
    """Such as ``passed after 4 s``."""
    how = "acknowledged" if alert.acknowledged else "passed"
    return f"{how} after {words.duration((alert.cleared_at - alert.raised_at).total_seconds())}"
