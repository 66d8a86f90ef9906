"""Is it any good: versions, scores, costs; and which version doubles."""

from datetime import timedelta

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import files, readings, words
from dashboard.access import Right, may
from dashboard.addresses import here
from dashboard.connections import database
from dashboard.notices import explained
from dashboard.probes import ModelServerAnswer
from dashboard.queries.pictures import PictureFilter, PictureLine, pictures
from dashboard.samples import BICUBIC, SIDE
from dashboard.versions import Roles, roles
from infra.database.models import ImageState
from infra.model_choice import Choice, choose, latest_choices
from infra.settings import settings
from serving.curves import read_curves
from serving.evaluation import BICUBIC as PLAIN
from serving.evaluation import Evaluation, Score, read_evaluation

SAMPLES = 3  # pictures that versions are compared on; each costs two calls to the model server
CHOICES = 10
RECENT = timedelta(hours=24)
HALF = "bfloat16"  # in the server's words and in the card's; whoever says nothing has float32
INPUT_SHARE = 4  # a result has so many times the pixels of what came in


def page() -> None:
    """Versions, then what is known of them."""
    answer = readings.model_server()
    with database().reading() as session:
        choices = latest_choices(session, settings().model_name, CHOICES)
    roles_now = roles(answer.versions, choices[0].version if choices else None)
    versions(answer, roles_now, choices)
    side_by_side(roles_now)
    evaluation = read_evaluation()
    subject = _subject(evaluation, roles_now)
    measured = _as_computed(subject, answer)
    scores(evaluation, measured)
    energy(evaluation, measured)
    curves(subject)


def _subject(evaluation: Evaluation, now: Roles) -> str:
    """What doubles, as the model card calls it; while nobody knows, what the card speaks of."""
    name = settings().model_name
    if now.stable is not None:
        return f"{name}/{now.stable}"
    of_it = (it.subject for it in evaluation.scores if it.subject.startswith(f"{name}/"))
    return next(of_it, name)


def _as_computed(subject: str, answer: ModelServerAnswer) -> str:
    """As the model card calls it in the precision that the model server says it has."""
    return f"{subject}, {HALF}" if (answer.device or "").endswith(f", {HALF}") else subject


def versions(answer: ModelServerAnswer, now: Roles, choices: list[Choice]) -> None:
    """What the model server has, and what doubles."""
    st.subheader("Versions", help="Asked of the model server just now.")
    if answer.trouble:
        st.error(words.literal(answer.trouble), title="Not there", icon=":material/cloud_off:")
    elif now.stable is not None and not now.served:
        st.warning(
            f"Version {now.stable} was chosen and is not loaded, so every picture waits: load it, "
            "or choose another one.",
            icon=":material/hourglass_top:",
        )
    if answer.versions:
        rows = {
            "Version": [str(it.version) for it in answer.versions],
            "State": [it.state.lower() for it in answer.versions],
            "Role": [now.of(it.version) for it in answer.versions],
            "Server's labels": [", ".join(it.labels) for it in answer.versions],
            "Trouble": [words.literal(it.error) for it in answer.versions],
        }
        st.table(
            pd.DataFrame(rows),
            border="horizontal",
            hide_index=True,
            width="content",
            alt=f"Versions of {settings().model_name}",
        )
    if may(Right.OPERATE, "promote a version or roll back"):
        _choosing(now)
    if choices:
        said = [f"version {it.version} since {words.utc(it.chosen_at)}" for it in choices]
        st.caption(f"Chosen: {'; before: '.join(said)}.")
    elif now.stable is not None:
        st.caption(
            "No version was chosen: the newest doubles, and a newer one takes over once it is "
            "loaded. Keep one, and newer ones wait as canaries."
        )


def _choosing(now: Roles) -> None:
    with st.container(horizontal=True):
        if now.canary is not None and st.button(
            f"Promote version {now.canary}", icon=":material/upgrade:"
        ):
            confirm(now.canary)
        for version in now.earlier:
            if st.button(f"Roll back to version {version}", icon=":material/undo:"):
                confirm(version)
        if (
            now.stable is not None
            and not now.chosen
            and st.button(f"Keep version {now.stable}", icon=":material/keep:")
        ):
            _choose(now.stable)


@st.dialog("Another version", icon=":material/swap_horiz:")
def confirm(version: int) -> None:
    """Says what changes, and asks."""
    st.markdown(
        f"Version {version} of {settings().model_name} will double every picture from the next "
        "one on. Pictures under way end with the version that they began with. It stays so over "
        "restarts, until another one is chosen."
    )
    if st.button(f"Double with version {version}", key="confirm-version"):
        _choose(version)


def _choose(version: int) -> None:
    """The page again with it; where that failed, one line beside the button."""
    with explained():
        choose(database(), settings().model_name, version)
        st.toast(f"Version {version} doubles from the next picture on.")
        st.rerun()


def side_by_side(now: Roles) -> None:
    """The same pictures by two versions."""
    other = now.canary or next(iter(now.earlier), None)
    st.subheader(
        "Side by side",
        help=f"The middle {SIDE} x {SIDE} pixels of the newest pictures, doubled for this page.",
    )
    if other is None or now.stable is None or not now.served:
        st.caption("There is one version at most: nothing to compare.")
        return
    with database().reading() as session:
        lines = pictures(session, PictureFilter((ImageState.DONE,)), offset=0, limit=SAMPLES)
    if not lines:
        st.caption("Nothing was doubled yet: there is no picture to compare on.")
    for line in lines:
        _compared(line, now, other)


def _compared(line: PictureLine, now: Roles, other: int) -> None:
    if line.sha256 is None or now.stable is None:
        return
    name = words.literal(line.name)
    st.markdown(f"**{name}**")
    with st.grid(3, min_column_width=150, gap="small"):
        for version, label in (
            (BICUBIC, "bicubic"),
            (now.stable, f"version {now.stable}, stable"),
            (other, f"version {other}, {now.of(other) or 'earlier'}"),
        ):
            address = here(files.sample_address(line.sha256, version))
            st.image(address, caption=label, width="stretch", alt=f"{line.name}, {label}")


def scores(evaluation: Evaluation, subject: str) -> None:
    """PSNR on the benchmarks, beside bicubic."""
    st.subheader(
        "How good",
        help="PSNR on Y in dB, the mean over each set, as `doublet evaluate` measured it and wrote "
        "it into the model card that ships with the models.",
    )
    if not evaluation.scores:
        st.caption("No evaluation ships with these models: `doublet evaluate` writes one.")
        return
    ours = [it for it in evaluation.scores if it.subject == subject]
    if not ours:
        st.info(f"The model card has no figures of {subject}.", icon=":material/query_stats:")
    else:
        st.caption(f"{subject}, and what it gains over bicubic:")
    with st.grid(6, min_column_width=150):
        for score in ours:
            st.metric(score.pictures, f"{score.psnr:.2f} dB", f"{score.gain:+.2f} dB", border=True)
    st.altair_chart(
        _gains(evaluation.scores), alt="Gain over bicubic of every subject on every set"
    )
    with st.expander("All scores", icon=":material/table_rows:"):
        st.table(
            pd.DataFrame(
                {
                    "Set": [it.pictures for it in evaluation.scores],
                    "Subject": [it.subject for it in evaluation.scores],
                    "PSNR on Y": [f"{it.psnr:.2f} dB" for it in evaluation.scores],
                    "SSIM on Y": [f"{it.ssim:.4f}" for it in evaluation.scores],
                }
            ),
            border="horizontal",
            hide_index=True,
            alt="Scores of every subject on every set",
        )
    st.caption("  \n".join(words.literal(note) for note in evaluation.notes))


def _gains(every: list[Score]) -> alt.Chart:
    gains = pd.DataFrame(
        [(it.pictures, it.subject, it.gain) for it in every if it.subject != PLAIN],
        columns=["set", "subject", "gain"],
    )
    chart: alt.Chart = (
        alt.Chart(gains)
        .mark_bar(cornerRadius=3)
        .encode(
            y=alt.Y("set:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
            yOffset=alt.YOffset("subject:N", sort=None),
            x=alt.X("gain:Q", title="gain over bicubic, dB"),
            color=alt.Color(
                "subject:N", sort=None, legend=alt.Legend(orient="top", title=None, columns=1)
            ),
            tooltip=["set", "subject", alt.Tooltip("gain:Q", format="+.2f")],
        )
        .properties(height=alt.Step(14))
    )
    return chart


def energy(evaluation: Evaluation, subject: str) -> None:
    """What a picture costs."""
    st.subheader("What it costs")
    cost = next((it for it in evaluation.costs if it.subject == subject), None)
    if cost is None:
        st.caption(f"No cost of {subject} was measured: `doublet evaluate` writes it down.")
        return
    how = (
        f"{cost.energy.capitalize()}, on {cost.processor}, per megapixel of input, as in the model "
        "card; not measured on this machine."
    )
    with st.grid(3, min_column_width=220):
        st.metric("Seconds a megapixel", f"{cost.seconds:.2f} s", border=True, help=how)
        st.metric(
            f"Energy a megapixel, {cost.energy}", f"{cost.joules:,.0f} J", border=True, help=how
        )
        recent = readings.doublings(RECENT, readings.standing().ended)
        if recent:
            megapixels = sum(it.pixels for it in recent) / len(recent) / INPUT_SHARE / 1e6
            st.metric(
                f"Energy a picture, {cost.energy}",
                f"{cost.joules * megapixels:,.1f} J",
                border=True,
                help=f"Of {megapixels:.2f} megapixels, the mean of the last day's "
                f"{words.plural(len(recent), 'picture')}. {how}",
            )
        else:
            st.caption("Nothing was doubled in the last day: no energy a picture to tell.")


def curves(subject: str) -> None:
    """How the version's networks got better while they were fitted."""
    st.subheader("Training", help="PSNR on the validation pictures at each evaluation.")
    name, _, version = subject.rpartition("/")
    points = read_curves(name, int(version)) if name else []
    if not points:
        st.caption(f"No curves ship with {subject}: it was exported without them.")
        return
    frame = pd.DataFrame([(it.run, it.step, it.psnr) for it in points])
    frame.columns = pd.Index(["run", "step", "psnr"])
    chart = (
        alt.Chart(frame)
        .mark_line(point=True)
        .encode(
            x=alt.X("step:Q", title="step"),
            y=alt.Y("psnr:Q", title="PSNR, dB", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "run:N", sort=None, legend=alt.Legend(orient="top", title=None, columns=3)
            ),
            tooltip=["run", "step", alt.Tooltip("psnr:Q", format=".2f")],
        )
    )
    st.altair_chart(chart, height=460, alt="Validation PSNR over the steps of training")


page()
