"""Is every picture accounted for, and is it keeping up?"""

from datetime import datetime, timedelta

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import health, readings, words
from dashboard.draining import Drain, drain, stale
from dashboard.flow import WHOLE, StageLatency, Throughput, latencies, throughput
from dashboard.health import Health, PartHealth
from dashboard.notices import explained
from dashboard.queries.running import Lag, LagHistory
from dashboard.readings import REFRESH_SECONDS
from dashboard.standing import Standing
from infra.books import Account, Books
from infra.clock import utc_now
from infra.database.models import Outcome

WINDOWS = {
    "15 min": timedelta(minutes=15),
    "1 h": timedelta(hours=1),
    "6 h": timedelta(hours=6),
    "24 h": timedelta(hours=24),
}
# Lag is sampled every few seconds; an hour of it is what a trend needs.
LAG_WINDOW = timedelta(hours=1)

ICONS = {
    Health.WELL: ":green[:material/check_circle:]",
    Health.WAITING: ":orange[:material/hourglass_top:]",
    Health.AWAY: ":red[:material/error:]",
}
PERCENTILES = ("p50", "p95", "p99")


def page() -> None:
    """What needs a person, the books, how fast it goes, and who does it."""
    alerts_and_books()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Flow", help="Measured on the results that were stored in the window.")
        window = st.segmented_control(
            "Window",
            list(WINDOWS),
            default="1 h",
            required=True,
            key="window",
            bind="query-params",
            label_visibility="collapsed",
        )
    flow(WINDOWS[window])
    lag_and_parts()


@st.fragment(run_every=REFRESH_SECONDS)
def alerts_and_books() -> None:
    """Says on top what waits and why; then the books."""
    with explained():
        standing = readings.standing()
        _alerts(standing)
        st.subheader("Books", help="accepted = done + duplicate + skipped + dead + in flight")
        if standing.books is None:
            _settled_only(standing)
        else:
            _balance(standing.books.total)
            _breakdown(standing.books)


@st.fragment(run_every=REFRESH_SECONDS)
def flow(window: timedelta) -> None:
    """Throughput and latency over the window."""
    with explained():
        doublings = readings.doublings(window, readings.standing().ended)
        now = utc_now()
        _rates(throughput(doublings, window, now), readings.lag(LAG_WINDOW), now)
        _latency(latencies(doublings))


@st.fragment(run_every=REFRESH_SECONDS)
def lag_and_parts() -> None:
    """Lag by partition, and the parts with their health."""
    with explained():
        standing = readings.standing()
        st.subheader("Lag", help="Records that wait, now; how old the oldest is, when sampled.")
        _lag(standing, readings.lag(LAG_WINDOW))
        st.subheader("Parts", help="By their own answers and heartbeats.")
        _parts(standing)


def _alerts(standing: Standing) -> None:
    away = [part for part in standing.parts if part.health is Health.AWAY]
    waiting = [part for part in standing.parts if part.health is Health.WAITING]
    if standing.alerts:
        lines = [
            f"- **{alert.kind}**, {words.literal(alert.subject)}: {words.literal(alert.detail)}, "
            f"{words.utc(alert.raised_at)}"
            for alert in standing.alerts
        ]
        st.error("\n".join(lines), title="Alerts", icon=":material/notifications:")
        st.page_link("views/trouble.py", label="Acknowledge", icon=":material/report:")
    if away:
        st.error(_said(away), title="Not there", icon=":material/error:")
    if waiting:
        st.warning(_said(waiting), title="Waiting", icon=":material/hourglass_top:")


def _said(parts: list[PartHealth]) -> str:
    return "\n".join(f"- **{words.literal(part.name)}**: {_says(part)}" for part in parts)


def _says(part: PartHealth) -> str:
    """On one line, whatever the part wrote."""
    return words.literal(" ".join(part.says.split()))


def _balance(total: Account) -> None:
    if total.balanced:
        st.markdown(
            ":green-badge[:material/balance: balanced] Every accepted record is accounted for."
        )
    else:
        st.error(
            health.imbalance(total),
            title=f"The books do not balance: difference {total.difference:,}",
            icon=":material/balance:",
        )
    with st.grid(6, min_column_width=120):
        for label, number, meaning in _terms(total):
            st.metric(label, f"{number:,}", help=meaning, border=True)


def _terms(total: Account) -> list[tuple[str, int, str]]:
    terms = [
        ("Accepted", total.accepted, "Records that Kafka took."),
        ("= Done", total.done, "Doubled, and the result stored."),
        ("+ Duplicate", total.duplicate, "Had been doubled before; recognised."),
        ("+ Skipped", total.skipped, "Left out on purpose, with a reason."),
        ("+ Dead", total.dead, "Put aside as a dead letter, with a reason."),
        ("+ In flight", total.in_flight, "Waiting on Kafka, or being worked at."),
    ]
    if total.deleted:
        terms.append(("+ Deleted", total.deleted, "Deleted from Kafka before their delivery."))
    return terms


def _settled_only(standing: Standing) -> None:
    settled = standing.settled
    ends = ", ".join(f"{settled[outcome]:,} {outcome.value}" for outcome in Outcome)
    st.markdown(
        ":orange-badge[:material/balance: not checked] Kafka is away, so nobody knows how many "
        f"records it accepted. Settled, as the database has it: {ends}."
    )


def _breakdown(books: Books) -> None:
    with st.expander("By topic and partition", icon=":material/table_rows:"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Topic": topic,
                        "Partition": partition,
                        "Accepted": account.accepted,
                        "Done": account.done,
                        "Duplicate": account.duplicate,
                        "Skipped": account.skipped,
                        "Dead": account.dead,
                        "In flight": account.in_flight,
                        "Deleted": account.deleted,
                        "Difference": account.difference,
                    }
                    for (topic, partition), account in books.partitions.items()
                ]
            ),
            hide_index=True,
            alt="The books of each partition",
        )


def _rates(rates: Throughput, history: LagHistory, now: datetime) -> None:
    with st.grid(3, min_column_width=220):
        st.metric(
            "Pictures a minute",
            words.rate(rates.per_minute),
            chart_data=rates.pictures_over_time,
            chart_type="bar",
            border=True,
            help=f"{words.plural(rates.pictures, 'picture')} in the window; idle time counts.",
        )
        st.metric(
            "Megapixels a second",
            words.rate(rates.megapixels_per_second),
            chart_data=rates.megapixels_over_time,
            chart_type="bar",
            border=True,
            help="Pixels of the doubled pictures, over the whole window; idle time counts.",
        )
        _behind(history, now)
    if not rates.whole_window:
        st.caption(f"Measured on the newest {rates.pictures:,} results of the window.")


def _behind(history: LagHistory, now: datetime) -> None:
    value, since = "not sampled", None
    if history.taken_at and stale(history.taken_at, now):
        since = f"since {words.utc(history.taken_at)}"
    elif history.taken_at:
        value = words.duration(history.seconds[-1])
    st.metric(
        "Behind",
        value,
        since,
        delta_color="red" if since else "normal",
        delta_arrow="off",
        chart_data=history.seconds or None,
        chart_type="area",
        border=True,
        help="Age of the oldest record that is not settled, over the last hour.",
    )


def _latency(stages: list[StageLatency]) -> None:
    st.markdown(
        "**Latency by stage**",
        help="Each stage begins where the one before it ends for the median picture; the paler "
        "parts are what 95 and 99 of a hundred pictures need.",
    )
    if not stages:
        st.caption("Nothing was doubled in this window.")
        return
    chart, table = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with chart:
        st.altair_chart(_waterfall(stages), height=270, alt="Latency of each stage, as a waterfall")
    with table:
        st.table(
            pd.DataFrame(
                {
                    name: [words.duration(getattr(stage, name)) for stage in stages]
                    for name in PERCENTILES
                },
                index=[stage.stage for stage in stages],
            ),
            border="horizontal",
            alt="Percentiles of each stage's latency",
        )


def _waterfall(stages: list[StageLatency]) -> alt.Chart:
    rows, begins = [], 0.0
    for stage in stages:
        start = 0.0 if stage.stage == WHOLE else begins
        for name in PERCENTILES:
            seconds = getattr(stage, name)
            rows.append((stage.stage, name, seconds, start, start + seconds))
        begins += stage.p50
    spans = pd.DataFrame(rows, columns=["stage", "percentile", "seconds", "start", "end"])
    chart: alt.Chart = (
        alt.Chart(spans)
        .mark_bar(cornerRadius=2)
        .encode(
            y=alt.Y(
                "stage:N",
                sort=[stage.stage for stage in stages],
                title=None,
                axis=alt.Axis(labelOverlap=False, grid=False),
            ),
            x=alt.X("start:Q", title="seconds", stack=None),
            x2="end:Q",
            # One colour, paler with each percentile: the spans lie on each other.
            opacity=alt.Opacity(
                "percentile:N",
                scale=alt.Scale(domain=list(PERCENTILES), range=[1, 0.4, 0.2]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=["stage", "percentile", alt.Tooltip("seconds:Q", format=".3g")],
        )
    )
    return chart


def _lag(standing: Standing, history: LagHistory) -> None:
    waiting = {(at.topic, at.partition): at.lag for at in standing.offsets}
    if not waiting and not history.partitions:
        st.caption("Kafka is away, and nothing was sampled within the hour.")
        return
    if not waiting:
        st.caption("Kafka is away: as it was when last sampled.")
    rows = [
        _lag_row(place, waiting.get(place), history.partitions.get(place), standing)
        for place in sorted(waiting.keys() | history.partitions.keys())
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "Seconds behind": st.column_config.NumberColumn(format="%.1f"),
            "Last hour": st.column_config.AreaChartColumn(y_min=0, help="Seconds behind."),
            "Drained in": st.column_config.TextColumn(
                help="If it goes on as in the last five minutes."
            ),
        },
        alt="Lag of each partition in records and seconds, its trend and the time to drain",
    )


def _lag_row(
    place: tuple[str, int], waiting: int | None, samples: list[Lag] | None, standing: Standing
) -> dict[str, object]:
    row: dict[str, object] = {"Topic": place[0], "Partition": place[1], "Records": waiting}
    if samples is None:
        return row | {"Sampled": "never"}
    sampled = drain(samples)
    records = sampled.records if waiting is None else waiting
    behind: float | None
    if waiting == 0:
        behind, drained = 0.0, ""  # nothing waits now, whatever the last sample said
    elif stale(sampled.taken_at, standing.at):
        behind, drained = None, ""  # how long ago that was stands beside it
    else:
        behind, drained = sampled.seconds_behind, _drained(sampled)
    return row | {
        "Records": records,
        "Seconds behind": behind,
        "Last hour": sampled.trend,
        "Drained in": drained,
        "Sampled": words.ago(sampled.taken_at, standing.at),
    }


def _drained(sampled: Drain) -> str:
    if sampled.records == 0:
        return ""
    if sampled.drained_in is None:
        return "it does not shrink"
    return words.duration(sampled.drained_in)


def _about(part: PartHealth) -> str:
    """Version, device and restarts: in one column, so that the table fits a phone."""
    device = words.literal(part.device)
    if part.on_another_device:
        device = f":red[:material/warning: {device}]"
    restarts = words.plural(part.restarts, "restart") if part.restarts else ""
    return ", ".join(filter(None, [part.version, device, restarts]))


def _parts(standing: Standing) -> None:
    st.table(
        pd.DataFrame(
            {
                "Part": [
                    f"{ICONS[part.health]}\N{NO-BREAK SPACE}{words.literal(part.name)}"
                    for part in standing.parts
                ],
                "Says": [_says(part) for part in standing.parts],
                "Is": [_about(part) for part in standing.parts],
                "Seen": [
                    words.ago(part.seen_at, standing.at) if part.seen_at else "asked now"
                    for part in standing.parts
                ],
            }
        ),
        border="horizontal",
        hide_index=True,
        alt="The parts and their health",
    )


page()
