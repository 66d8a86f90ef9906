"""One picture: before and after, how far to trust it and how it was made; or what became of it."""

from functools import partial

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import files, words
from dashboard.access import Right, may, right
from dashboard.addresses import here
from dashboard.badges import badges
from dashboard.comparison import Frame, Layer, Spread, comparison
from dashboard.connections import database, resubmitter
from dashboard.notices import explained
from dashboard.probes import ModelsAnswer, ask_models
from dashboard.queries.pictures import Picture, ResultFacts, picture
from dashboard.queries.running import STAGES
from dashboard.quota import charged
from infra.clock import utc_now
from infra.database.models import ImageState, LetterState
from infra.model_choice import chosen_version
from infra.publication import PublicationPolicy
from infra.settings import Settings, settings
from producers.following import Follower, Progress, Stage
from producers.submitting import Receipt
from serving.contract import SCALE, SPREAD_STEPS_PER_GREY_LEVEL

FOLLOW_SECONDS = 2  # how often the page of a picture in flight asks again
MODELS_SECONDS = 10  # how long an answer of the model server is good for
PRIVATE = "Somebody has the copyright: its result is not told on the results topic."
ID_SHOWN = 32  # letters of an id: more than tells two apart
IN_FLIGHT = (ImageState.WORKING, ImageState.RETRYING)
LETTERS = {
    LetterState.WAITING: "waiting for an operator",
    LetterState.QUARANTINED: "in quarantine: it failed after every replay",
    LetterState.REPLAYING: "being sent again",
    LetterState.REPLAYED: "sent again",
    LetterState.DISCARDED: "given up",
}


def one_picture(image_id: int) -> None:
    """All of one picture; asks again by itself while it is in flight."""
    with database().reading() as session:
        found = picture(session, image_id)
    st.button("All pictures", icon=":material/arrow_back:", on_click=st.query_params.clear)
    if found is None:
        no_such(str(image_id))
        return
    line = found.line
    st.header(words.literal(line.name), anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        badges(line)
        if PublicationPolicy.of(settings()).is_private(line.lane, found.copyright):
            st.badge("private", icon=":material/copyright:", color="orange", help=PRIVATE)
    if found.remark:
        st.info(words.literal(found.remark), icon=":material/info:")
    if image_id in _receipts():
        _asked_again(image_id)
    elif image_id in _endings():
        _ended_again(image_id)
    if line.state in IN_FLIGHT:
        _follow(image_id)
    elif not found.results:
        _ended(found)
    result = _chosen(found.results)
    if line.sha256 and line.width and line.height:
        _compared(found, result)
    _to_take_away(found, result)
    if result:
        _measures(result)
        _stages(result)
    _provenance(found, result)


def no_such(wanted: str) -> None:
    """An address that leads nowhere."""
    st.info(f"There is no picture {wanted[:20]!r}.", icon=":material/search_off:")


def _chosen(results: tuple[ResultFacts, ...]) -> ResultFacts | None:
    """The result that the address names, or else the newest."""
    if len(results) < 2:
        return results[0] if results else None
    by_id = {str(result.id): result for result in results}
    newest, wanted = str(results[0].id), st.query_params.get("result")
    chosen = st.segmented_control(
        "Doubled with",
        list(by_id),
        format_func=lambda result_id: _model(by_id[result_id]),
        default=wanted if wanted in by_id else newest,
        required=True,
    )
    if chosen != newest:
        st.query_params["result"] = chosen
    elif wanted:
        del st.query_params["result"]
    return by_id[chosen]


def _model(result: ResultFacts) -> str:
    return f"{result.model}, version {result.version}"


def _compared(found: Picture, result: ResultFacts | None) -> None:
    """The original, or bicubic, beside the result; until there is one, beside each other."""
    line = found.line
    sha256, width, height = line.sha256 or "", line.width or 0, line.height or 0
    tiles = here(files.tiles_address(sha256))
    original = Layer(f"Original, {words.pixels(width, height)}", tiles, SCALE)
    bicubic = Layer("Bicubic", tiles, SCALE, enlarged=here(files.bicubic_address(sha256)))
    if result is None:
        befores: tuple[Layer, ...] = (original,)
        after = bicubic
    else:
        befores = (original, bicubic)
        size = words.pixels(result.width, result.height)
        after = Layer(f"Doubled, {size}", here(files.tiles_address(result.sha256)), 1)
    spread = (
        Spread(here(files.tiles_address(result.spread_sha256)), SPREAD_STEPS_PER_GREY_LEVEL)
        if result and result.spread_sha256
        else None
    )
    frame = Frame(line.name, SCALE * width, SCALE * height, befores, after, spread)
    comparison(frame, key=f"comparison-{line.id}-{result.id if result else 0}")
    if result and not spread:
        st.caption(
            f"There is no trust view: {words.literal(_model(result))} gave no spread. Only the "
            "members of an ensemble can disagree, and KEEP_SPREAD must be on."
        )


def _to_take_away(found: Picture, result: ResultFacts | None) -> None:
    with st.container(horizontal=True):
        if result:
            st.link_button(
                f"Doubled picture ({words.size(result.bytes)})",
                here(files.result_address(result.id)),
                icon=":material/download:",
            )
        if found.line.sha256:
            st.link_button(
                f"Original ({words.size(found.bytes or 0)})",
                here(files.original_address(found.line.id)),
                icon=":material/download:",
            )
        if result and found.line.state not in IN_FLIGHT and right() >= Right.SUBMIT:
            with st.popover("Double again with …", icon=":material/replay:"):
                _models_to_choose(found)


def _models_to_choose(found: Picture) -> None:
    answer = _models(settings())
    done = {(result.model, result.version) for result in found.results}
    if answer.trouble:
        st.caption(f"Which models there are is not known: {words.literal(answer.trouble)}.")
    for name, version in answer.served:
        st.button(
            words.literal(f"{name}, version {version}"),
            key=f"again-{name}",
            help="It has doubled this picture already." if (name, version) in done else None,
            disabled=(name, version) in done,
            on_click=_ask_again,
            args=(found.line.id, name),
        )


@st.cache_data(ttl=MODELS_SECONDS, show_spinner=False)
def _models(current: Settings) -> ModelsAnswer:
    return ask_models(current, partial(chosen_version, database()))


# Once more


def _receipts() -> dict[int, Receipt]:
    """What this viewer asked for once more, by picture."""
    receipts: dict[int, Receipt] = st.session_state.setdefault("asked_again", {})
    return receipts


def _endings() -> dict[int, Progress]:
    """How what this viewer asked for ended, by picture, where that was not a new result."""
    endings: dict[int, Progress] = st.session_state.setdefault("ended_again", {})
    return endings


def _forget(image_id: int) -> None:
    """The ending was read, or another wish takes its place."""
    _endings().pop(image_id, None)


def _ask_again(image_id: int, model: str | None = None) -> None:
    _forget(image_id)
    with explained():
        _receipts()[image_id] = charged(lambda: resubmitter().resubmit(image_id, model))


@st.fragment(run_every=FOLLOW_SECONDS)
def _asked_again(image_id: int) -> None:
    """What became of a wish; the whole page again once it has ended."""
    with explained():
        (progress,) = Follower(database()).look([_receipts()[image_id]])
        if not progress.stage.ended:
            st.info(
                f"Handed in once more: {progress.stage.value}.", icon=":material/hourglass_top:"
            )
            return
        del _receipts()[image_id]
        if progress.stage is not Stage.DONE:
            _endings()[image_id] = progress
        st.rerun()


def _ended_again(image_id: int) -> None:
    """Stays until somebody has read it: nothing else on the page tells of a wish without result."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            f"Handed in once more: {words.literal(str(_endings()[image_id]))}.",
            icon=":material/replay:",
        )
        st.button("Dismiss", on_click=_forget, args=(image_id,))


# Not doubled


@st.fragment(run_every=FOLLOW_SECONDS)
def _follow(image_id: int) -> None:
    """Where a picture in flight is; the whole page again once it has ended."""
    with explained():
        with database().reading() as session:
            found = picture(session, image_id)
        if found is None or found.line.state not in IN_FLIGHT:
            st.rerun()
        line = found.line
        tries = words.plural(line.attempts, "attempt")
        if line.state is ImageState.RETRYING:
            because = f" because {words.literal(found.detail)}" if found.detail else ""
            st.warning(f"It is tried again{because} ({tries} so far).", icon=":material/replay:")
        else:
            came = words.ago(line.received_at, utc_now())
            st.info(
                f"It is being worked at ({tries} so far; it came {came}).",
                icon=":material/autorenew:",
            )


def _ended(found: Picture) -> None:
    line, letter = found.line, found.dead_letter
    why = words.plain(line.reason) if line.reason else "no reason is known"
    detail = words.literal(found.detail or "")
    if line.state is ImageState.SKIPPED:
        st.info(detail, title=f"Skipped: {why}", icon=":material/skip_next:")
    else:
        st.error(detail, title=f"Not doubled: {why}", icon=":material/dangerous:")
    if letter:
        _table(
            {
                "Failed in": f"stage {letter.stage}",
                "Tried": words.plural(letter.attempts, "time"),
                "First failure": words.utc(letter.first_failed_at),
                "Last failure": words.utc(letter.last_failed_at),
                "Dead letter": LETTERS[letter.state],
            },
            "Its dead letter",
        )
    if line.sha256 and may(Right.OPERATE, "try it again"):
        st.button(
            "Retry",
            icon=":material/replay:",
            help="Hands the same bytes in once more, under the same id.",
            on_click=_ask_again,
            args=(line.id,),
        )
    elif not line.sha256:
        st.caption(
            "Its bytes were never stored; `doublet dead-letters replay` sends its record again."
        )


# Facts


def _measures(result: ResultFacts) -> None:
    st.subheader("Measures", anchor=False, help="No truth is known: these need none.")
    with st.container(horizontal=True):
        st.metric(
            "Downscale consistency",
            _known(result.consistency, "dB", 1),
            help="PSNR of the result, halved by antialiased bicubic, with the original: how far "
            "it stays true to what came in.",
            border=True,
        )
        st.metric(
            "Mean spread",
            _known(result.mean_spread, "grey levels", 2),
            help="How far the members of the ensemble disagree: the mean over all pixels of the "
            "standard deviation of their luma.",
            border=True,
        )
        st.metric(
            "Seam step",
            _known(result.seam_step, "grey levels", 3),
            help="By how much the steps across the tiles' borders exceed those two pixels beside; "
            "about 0 where no seam is. Not measured where there is one tile.",
            border=True,
        )


def _known(value: float | None, unit: str, digits: int) -> str:
    return "not measured" if value is None else f"{value:.{digits}f} {unit}"


def _stages(result: ResultFacts) -> None:
    st.subheader("Timings", anchor=False, help="Measured while this picture was doubled.")
    seconds = pd.DataFrame({"stage": STAGES, "seconds": result.seconds})
    bars = (
        alt.Chart(seconds)
        .mark_bar(cornerRadius=3)
        .encode(
            y=alt.Y("stage:N", sort=list(STAGES), title=None, axis=alt.Axis(labelOverlap=False)),
            x=alt.X("seconds:Q", title="seconds"),
            tooltip=["stage", alt.Tooltip("seconds:Q", format=".3g")],
        )
    )
    each = (f"{stage} {words.duration(s)}" for stage, s in zip(STAGES, result.seconds, strict=True))
    st.altair_chart(bars, height=230, alt="Seconds that each stage took")
    st.caption(f"{words.duration(sum(result.seconds))} in all: {', '.join(each)}.")


def _provenance(found: Picture, result: ResultFacts | None) -> None:
    line, delivery = found.line, found.delivery
    st.subheader("Provenance", anchor=False)
    facts = {
        "Source": found.source,
        "Event": _short(found.event_id),
        "Kafka record": str(delivery) if delivery else None,
        "Credit": found.credit,
        "Copyright": found.copyright,
        "Size": words.pixels(line.width, line.height) if line.width and line.height else None,
        "Media type": found.media_type,
        "Notes": found.notes,
        "SHA-256, original": _hash(line.sha256),
    }
    if result:
        facts |= {
            "SHA-256, doubled": _hash(result.sha256),
            "SHA-256, spread": _hash(result.spread_sha256),
            "Model": _model(result),
            "Model's commit": result.model_commit,
            "Tile plan": _tile_plan(result),
        }
    facts |= {
        "Attempts": f"{line.attempts}",
        "Sent": words.utc(found.sent_at) if found.sent_at else None,
        "Received": words.utc(line.received_at),
        "Stored": words.utc(result.stored_at) if result else None,
        "Ended": words.utc(line.settled_at) if line.settled_at else None,
    }
    _table(facts, "Where the picture came from and how it was made")


def _tile_plan(result: ResultFacts) -> str:
    tiles = words.plural(result.tiles, "tile")
    if result.tile_side is None or result.halo is None:
        return tiles
    side = words.pixels(result.tile_side, result.tile_side)
    return f"{tiles} of {side} pixels, halo {result.halo}"


def _hash(sha256: str | None) -> str | None:
    """In two halves: a phone shows one beneath the other."""
    return sha256 and f"{sha256[:ID_SHOWN]} {sha256[ID_SHOWN:]}"


def _short(text: str) -> str:
    """An id that may end in a hash, so far as people compare them."""
    return text if len(text) <= ID_SHOWN else f"{text[:ID_SHOWN]}…"


def _table(facts: dict[str, str | None], alt: str) -> None:
    """Facts that are known, by name; their values are shown letter by letter."""
    known = {name: words.literal(value) for name, value in facts.items() if value}
    st.table(known, border="horizontal", width="content", alt=alt)
