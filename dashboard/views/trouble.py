"""What needs a person, and how what went wrong has ended."""

import pandas as pd
import streamlit as st

from dashboard import endings, files, words
from dashboard.access import Right, may, operates
from dashboard.addresses import here
from dashboard.connections import database, replayer
from dashboard.notices import explained
from dashboard.queries import trouble
from dashboard.queries.trouble import LetterLine
from dashboard.readings import REFRESH_SECONDS
from dashboard.replaying import PER_SECOND, Progress
from infra.alerts import Alerts, open_alerts, past_alerts
from infra.clock import utc_now
from infra.database.models import LetterState
from infra.dead_letters.ledger import Ledger, Selection
from infra.dead_letters.replay import SENT
from infra.faults import faults

COLUMNS = 6  # of cards on a wide screen; two on a phone
GLANCE = 6  # cards of each reason while all reasons are shown
PER_PAGE = 24  # cards of one reason; fills rows of 6, 4, 3 and 2
FAULTS_PER_PAGE = 10
PAST_ALERTS = 20
PROGRESS_SECONDS = 1
STATES = {
    LetterState.WAITING: "for a decision; a replay of all takes them",
    LetterState.QUARANTINED: "failed again after replays, or put here by hand; replayed on purpose",
    LetterState.REPLAYING: "a replay has them in hand, or was interrupted: the next one finishes",
    LetterState.REPLAYED: "sent again; what became of it is a record of its own",
    LetterState.DISCARDED: "given up",
}
REPLAYABLE = (LetterState.WAITING, LetterState.QUARANTINED)
DISCARDABLE = (*REPLAYABLE, LetterState.REPLAYING)  # what was sent again is no more to be given up


def page() -> None:
    """Alerts, dead letters, faults."""
    may(Right.OPERATE, "acknowledge, replay, quarantine or discard")
    alerts()
    dead_letters()
    past()


@st.fragment(run_every=REFRESH_SECONDS)
def alerts() -> None:
    """Those that are open, each with a button."""
    st.subheader("Alerts", help="Stay until they have passed, or somebody acknowledges them.")
    with explained():
        with database().reading() as session:
            found = open_alerts(session)
        if not found:
            st.markdown(":green-badge[:material/check: none] Nothing needs a person.")
        for alert in found:
            with st.container(border=True, horizontal=True, vertical_alignment="center"):
                st.badge(alert.kind.value, icon=":material/notifications:", color="red")
                said = f"**{words.literal(alert.subject)}**: {words.literal(alert.detail)}"
                st.markdown(f"{said}, {words.utc(alert.raised_at)}")
                if operates() and st.button("Acknowledge", key=f"acknowledge-{alert.id}"):
                    Alerts(database()).acknowledge(alert.id)
                    st.rerun()


def dead_letters() -> None:
    """The letters of one state, by reason."""
    st.subheader("Dead letters", help="Records that could not be doubled, kept as they came.")
    replay_progress()
    with database().reading() as session:
        numbers = trouble.by_state(session)
    state = st.segmented_control(
        "State",
        list(LetterState),
        format_func=str,  # as the address has it
        default=LetterState.WAITING,
        required=True,
        key="letters",
        bind="query-params",
        label_visibility="collapsed",
    )
    of_all = ", ".join(f"{words.counted(numbers[state])} {state.value}" for state in LetterState)
    st.caption(f"{state.value.capitalize()}: {STATES[state]}. There are {of_all}.")
    everything = Selection(frozenset({state}))
    counts = Ledger(database()).counts(everything)
    wanted = st.query_params.get("reason")
    if wanted is not None:
        st.button("All reasons", icon=":material/arrow_back:", on_click=_all_reasons)
        counts = {reason: number for reason, number in counts.items() if reason == wanted}
    if not counts:
        st.info(f"No dead letter is {state.value}.", icon=":material/mark_email_read:")
    for reason, number in counts.items():
        _group(state, reason, number, whole=wanted is not None)


def _all_reasons() -> None:
    del st.query_params["reason"]


def _group(state: LetterState, reason: str, number: int, *, whole: bool) -> None:
    """All letters of one reason: a glance, or page by page with a choice among them."""
    selection = Selection(frozenset({state}), reasons=(reason,))
    with st.container(border=True):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown(f"#### {words.plain(reason)} · {number:,}")
            if not whole:
                st.page_link(
                    "views/trouble.py",
                    label="Look at all" if number > GLANCE else "Choose among them",
                    icon=":material/arrow_forward:",
                    query_params={"reason": reason, "letters": state.value},
                )
        cards = st.container()
        pages = -(-number // PER_PAGE)
        at = st.pagination(pages, key="page", bind="query-params") if whole and pages > 1 else 1
        with database().reading() as session:
            lines = trouble.letters(
                session,
                selection,
                offset=(at - 1) * PER_PAGE,
                limit=PER_PAGE if whole else GLANCE,
            )
        with cards, st.grid(COLUMNS, min_column_width=150, gap="small"):
            chosen = [line.id for line in lines if _card(line, choose=whole)]
        if chosen:
            selection = Selection(selection.states, tuple(chosen), selection.reasons)
        if operates():
            _actions(state, selection, len(chosen) or number, of_all=not chosen)


def _card(line: LetterLine, *, choose: bool) -> bool:
    """One letter; answers whether it is chosen."""
    with st.container(border=True, height="stretch", gap="xsmall"):
        if line.sha256 and line.width:
            st.image(here(files.thumbnail_address(line.sha256)), width="stretch", alt="")
        else:
            st.markdown(":gray[:material/broken_image:] no preview")
        name = words.literal(line.name or f"record {line.id}")
        if line.image_id is None:
            st.markdown(name)
        else:
            picture = {"picture": str(line.image_id)}
            st.page_link("views/pictures.py", label=name, query_params=picture)
        st.caption(_facts(line))
        return choose and operates() and st.checkbox(f"Choose {line.id}", key=f"choose-{line.id}")


def _facts(line: LetterLine) -> str:
    tried = words.plural(line.attempts, "attempt")
    replays = f", {words.plural(line.replays, 'replay')}" if line.replays else ""
    when = words.ago(line.last_failed_at, utc_now())
    return f"{words.literal(line.detail)} · stage {line.stage} · {tried}{replays} · {when}"


def _actions(state: LetterState, selection: Selection, number: int, *, of_all: bool) -> None:
    """What can be done with these letters; each is asked about once more."""
    which = f"all {number:,}" if of_all else f"{number:,} chosen"
    reason = selection.reasons[0]
    with st.container(horizontal=True, gap="small"):
        if state in REPLAYABLE:
            if st.button("Dry run", icon=":material/science:", key=f"dry-{reason}"):
                st.session_state["dry_run"] = reason
            if st.button(
                f"Replay {which}",
                icon=":material/replay:",
                key=f"replay-{reason}",
                disabled=replayer().busy,  # one at a time
            ):
                confirm_replay(selection, number)
        if state is LetterState.WAITING:
            st.button(
                f"Quarantine {which}",
                icon=":material/lock:",
                key=f"quarantine-{reason}",
                on_click=_quarantine,
                args=(selection,),
            )
        if (state in REPLAYABLE or (state in DISCARDABLE and not of_all)) and st.button(
            f"Discard {which}", icon=":material/delete:", key=f"discard-{reason}"
        ):
            confirm_discard(selection, number)
    if st.session_state.get("dry_run") == reason and state in REPLAYABLE:
        st.info(f"Dry run, nothing was sent. {_dry_run(selection)}", icon=":material/science:")


def _dry_run(selection: Selection) -> str:
    """What a replay would do, in one sentence."""
    with database().reading() as session:
        topics = trouble.by_topic(session, selection)
    where = ", ".join(f"{number:,} to {topic}" for topic, number in topics.most_common())
    lasts = words.duration(topics.total() / PER_SECOND)
    return (
        f"A replay would send {words.plural(topics.total(), 'record')} again: {where or 'none'}; "
        f"at {PER_SECOND:g} a second, in about {lasts}."
    )


@st.dialog("Replay", icon=":material/replay:")
def confirm_replay(selection: Selection, number: int) -> None:
    """Says what would be sent, and asks."""
    with explained():
        st.markdown(_dry_run(selection))
        st.caption("Each is then a new record with its own line in the books.")
    # Done here and not in a callback: what went wrong stands in the dialog, which then stays open.
    if st.button(f"Replay {number:,}", key="confirm-replay"):
        with explained():
            replayer().start(selection, number)
            st.rerun()


@st.dialog("Discard", icon=":material/delete:")
def confirm_discard(selection: Selection, number: int) -> None:
    """Says what would be given up, and asks."""
    st.markdown(
        f"{words.plural(number, 'dead letter')} will not be replayed any more. The bytes stay on "
        "Kafka until the topic's retention ends."
    )
    if st.button(f"Discard {number:,}", key="confirm-discard"):
        with explained():
            done = Ledger(database()).discard(selection)
            st.toast(f"{words.plural(done, 'dead letter')} discarded.")
            st.rerun()


def _quarantine(selection: Selection) -> None:
    with explained():
        done = Ledger(database()).quarantine(selection)
        st.toast(f"{words.plural(done, 'dead letter')} quarantined.")


def replay_progress() -> None:
    """Of a replay under way, or how the last one ended."""
    progress = replayer().progress
    if progress is None:
        return
    if progress.running:
        _running_replay()
        return
    _ended_replay(progress)


@st.fragment(run_every=PROGRESS_SECONDS)
def _running_replay() -> None:
    progress = replayer().progress
    if progress is None or not progress.running:
        st.rerun()
    done = progress.fates.total()
    share = min(1.0, done / max(progress.total, 1))
    st.progress(share, f"Replaying: {done:,} of {progress.total:,}")


def _ended_replay(progress: Progress) -> None:
    sent = sum(progress.fates[fate] for fate in SENT)
    other = [f"{number:,} {fate}" for fate, number in progress.fates.items() if fate not in SENT]
    with st.container(horizontal=True, vertical_alignment="center"):
        if progress.trouble:
            said = f"{sent:,} sent, then: {words.literal(progress.trouble)}. Replay again to go on."
            st.error(said, title="The replay was interrupted", icon=":material/cloud_off:")
        elif other:
            said = "; ".join([f"{sent:,} sent", *other])
            st.warning(said, title="Not all was replayed", icon=":material/replay:")
        else:
            st.success(f"{words.plural(sent, 'record')} sent again.", icon=":material/replay:")
        if operates():
            st.button("Dismiss", key="forget-replay", on_click=replayer().forget)


def past() -> None:
    """Faults of the parts and alerts that are over, and how each ended."""
    st.subheader("Faults", help="What the parts' heartbeats told of, kept for 90 days.")
    with database().reading() as session:
        number = trouble.count_faults(session)
    if not number:
        st.caption("No part was at fault.")
    else:
        table = st.container()
        pages = -(-number // FAULTS_PER_PAGE)
        at = st.pagination(pages, key="faults", bind="query-params") if pages > 1 else 1
        with table:
            _faults(at)
    _past_alerts()


def _faults(at: int) -> None:
    now = utc_now()
    with database().reading() as session:
        found = faults(session, offset=(at - 1) * FAULTS_PER_PAGE, limit=FAULTS_PER_PAGE)
    rows = {
        "Began": [words.utc(fault.began_at) for fault in found],
        "Part": [f"{fault.part} {endings.FAULTS[fault.kind]}" for fault in found],
        "Why": [words.literal(fault.detail) for fault in found],
        "How it ended": [endings.of_fault(fault, now) for fault in found],
    }
    st.table(
        pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Faults and how they ended"
    )


def _past_alerts() -> None:
    with database().reading() as session:
        found = past_alerts(session, limit=PAST_ALERTS)
    if not found:
        return
    with st.expander(f"Alerts that are over: the last {len(found)}", icon=":material/history:"):
        rows = {
            "Raised": [words.utc(alert.raised_at) for alert in found],
            "Alert": [f"{alert.kind.value}, {words.literal(alert.subject)}" for alert in found],
            "Why": [words.literal(alert.detail) for alert in found],
            "How it ended": [endings.of_alert(alert) for alert in found],
        }
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Past alerts")


page()
