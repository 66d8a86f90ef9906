"""Is every picture accounted for, and is it keeping up?"""

from datetime import timedelta

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import health, readings, words
from dashboard.flow import StageLatency, Throughput, latencies, throughput
from dashboard.health import Health, PartHealth
from dashboard.notices import explained
from dashboard.queries.running import Lag
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
# What a logarithmic axis shows of a stage that took no time.
LEAST_SECONDS = 0.001


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
        doublings = readings.doublings(window)
        _rates(throughput(doublings, window, utc_now()), readings.lag(LAG_WINDOW).seconds)
        _latency(latencies(doublings))


@st.fragment(run_every=REFRESH_SECONDS)
def lag_and_parts() -> None:
    """Lag by partition, and the parts with their health."""
    with explained():
        standing = readings.standing()
        left, right = st.columns(2, gap="medium")
        with left:
            st.subheader("Lag", help="Records that wait, now; how old the oldest is, when sampled.")
            _lag(standing, readings.lag(LAG_WINDOW).latest)
        with right:
            st.subheader("Parts", help="By their own answers and heartbeats.")
            _parts(standing)


def _alerts(standing: Standing) -> None:
    away = [part for part in standing.parts if part.health is Health.AWAY]
    waiting = [part for part in standing.parts if part.health is Health.WAITING]
    if standing.alerts:
        lines = [
            f"- **{alert.kind}**, {alert.subject}: {alert.detail}, {words.utc(alert.raised_at)} "
            f"(`doublet alerts --clear {alert.id}`)"
            for alert in standing.alerts
        ]
        st.error("\n".join(lines), title="Alerts", icon=":material/notifications:")
    if away:
        st.error(_said(away), title="Not there", icon=":material/error:")
    if waiting:
        st.warning(_said(waiting), title="Waiting", icon=":material/hourglass_top:")


def _said(parts: list[PartHealth]) -> str:
    return "\n".join(f"- **{part.name}**: {part.says}" for part in parts)


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


def _rates(rates: Throughput, seconds_behind: list[float]) -> None:
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
        st.metric(
            "Behind",
            words.duration(seconds_behind[-1]) if seconds_behind else "not sampled",
            chart_data=seconds_behind or None,
            chart_type="area",
            border=True,
            help="Age of the oldest record that is not settled, over the last hour.",
        )
    if not rates.whole_window:
        st.caption(f"Measured on the newest {rates.pictures:,} results of the window.")


def _latency(stages: list[StageLatency]) -> None:
    st.markdown("**Latency by stage**")
    if not stages:
        st.caption("Nothing was doubled in this window.")
        return
    chart, table = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with chart:
        st.altair_chart(
            _latency_chart(stages), height=260, alt="Median and 95th percentile of each stage"
        )
    with table:
        st.table(
            pd.DataFrame(
                {
                    "p50": [words.duration(stage.p50) for stage in stages],
                    "p95": [words.duration(stage.p95) for stage in stages],
                },
                index=[stage.stage for stage in stages],
            ),
            border="horizontal",
            alt="Median and 95th percentile of each stage",
        )


def _latency_chart(stages: list[StageLatency]) -> alt.LayerChart | alt.FacetChart:
    spans = pd.DataFrame(
        {
            "stage": [stage.stage for stage in stages],
            "p50": [max(stage.p50, LEAST_SECONDS) for stage in stages],
            "p95": [max(stage.p95, LEAST_SECONDS) for stage in stages],
        }
    )
    points = spans.melt("stage", var_name="percentile", value_name="seconds")
    order = [stage.stage for stage in stages]
    y = alt.Y("stage:N", sort=order, title=None, axis=alt.Axis(labelOverlap=False, grid=False))
    scale = alt.Scale(type="log", nice=True)
    rules = (
        alt.Chart(spans)
        .mark_rule(strokeWidth=3, color="gray", opacity=0.6)
        .encode(y=y, x=alt.X("p50:Q", scale=scale, title="seconds, logarithmic"), x2="p95:Q")
    )
    marks = (
        alt.Chart(points)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(
            y=y,
            x=alt.X("seconds:Q", scale=scale),
            color=alt.Color("percentile:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["stage", "percentile", alt.Tooltip("seconds:Q", format=".3g")],
        )
    )
    return alt.layer(rules, marks)


def _lag(standing: Standing, samples: list[Lag]) -> None:
    sampled = {(sample.topic, sample.partition): sample for sample in samples}
    waiting = {(at.topic, at.partition): at.lag for at in standing.offsets}
    if not waiting and not sampled:
        st.caption("Kafka is away, and nothing was sampled within the hour.")
        return
    if not waiting:
        st.caption("Kafka is away: as it was when last sampled.")
    rows = []
    for place in sorted(waiting.keys() | sampled.keys()):
        sample = sampled.get(place)
        records = waiting.get(place, sample.records if sample else None)
        rows.append(
            {
                "Topic": place[0],
                "Partition": place[1],
                "Records": records,
                # Nothing waits now, whatever the last sample said.
                "Seconds behind": 0.0 if records == 0 else sample and sample.seconds,
                "Sampled": words.ago(sample.taken_at, standing.at) if sample else "never",
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"Seconds behind": st.column_config.NumberColumn(format="%.1f")},
        alt="Lag of each partition in records and seconds",
    )


def _parts(standing: Standing) -> None:
    st.table(
        pd.DataFrame(
            {
                "Part": [
                    f"{ICONS[part.health]}\N{NO-BREAK SPACE}{part.name}" for part in standing.parts
                ],
                "Says": [part.says for part in standing.parts],
                "Restarts": [part.restarts for part in standing.parts],
                "Seen": [
                    words.ago(part.seen_at, standing.at) if part.seen_at else "just now"
                    for part in standing.parts
                ],
            }
        ),
        border="horizontal",
        hide_index=True,
        alt="The parts and their health",
    )


page()
