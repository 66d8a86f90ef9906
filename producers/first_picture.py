"""The first picture that a new installation doubles, so that there is one to look at."""

import time
from contextlib import closing
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import typer
from sqlalchemy import select

from infra.clock import utc_now
from infra.database.engine import Database
from infra.database.models import ApodDay, ApodState, Image, ImageState
from infra.events.pictures import APOD_SOURCE, apod_id
from infra.settings import Settings
from producers.apod.days import newest_day
from producers.batches import follow
from producers.following import POLL_SECONDS, Follower
from producers.ledger import Ledger
from producers.publishing import open_publisher
from producers.reporting import Report
from producers.submitting import Receipt, open_submitter

_ASKING_SECONDS = 30
"""How long the scheduler's own question to the service is waited for."""
_TAKING_SECONDS = 60
"""How long a consumer may take to begin with an event."""
_DOUBLING_SECONDS = 600
"""How long the doubling may take: the largest days' pictures need minutes on two cores."""

_HUBBLE = "Hubble Deep Field (NASA/ESA, public domain)"
"""It comes with scikit-image, as a file of 1000 x 872 pixels."""


def double_first_picture(settings: Settings, report: Report) -> bool:
    """Double the newest APOD that is a picture, or one that needs no network.

    Returns:
        Whether there is a doubled picture to look at, from now or from before.

    Raises:
        Unavailable, FollowTimeout: a part is away or too slow; every event that was sent stays.
    """
    with closing(Database(settings.database)) as database:
        if _any_done(database):
            typer.echo("There are doubled pictures already.")
            return True
        follower = Follower(database)
        receipt = _apod(settings, database, follower)
        if receipt is not None and follow([receipt], follower, report, _DOUBLING_SECONDS):
            return True
        return follow([_hubble(settings)], follower, report, _DOUBLING_SECONDS)


def _any_done(database: Database) -> bool:
    with database.reading() as session:
        done = select(Image.id).where(Image.state == ImageState.DONE).limit(1)
        return session.scalar(done) is not None


def _apod(settings: Settings, database: Database, follower: Follower) -> Receipt | None:
    today = newest_day(utc_now())
    for day in (today, today - timedelta(days=1)):
        row = _settled(settings, database, day)
        if row.state is ApodState.PUBLISHED:
            typer.echo(f"Doubling the Astronomy Picture of {day}: {row.title}")
            return _taken(follower, day)
        if row.state is not ApodState.SKIPPED:
            typer.echo(
                f"The Astronomy Picture of {day} stays waiting ({row.reason or 'no answer yet'}); "
                f"doubling the {_HUBBLE} instead."
            )
            return None
    typer.echo(f"Neither today nor yesterday had a picture; doubling the {_HUBBLE} instead.")
    return None


def _settled(settings: Settings, database: Database, day: date) -> ApodDay:
    # The scheduler may be asking at this moment: one of the two does, the other one waits.
    deadline = time.monotonic() + _ASKING_SECONDS
    ledger = Ledger(database)
    with open_publisher(settings, database) as publisher:
        while True:
            claim = ledger.claim(day)
            if claim is not None:
                publisher.publish(claim)
            row = ledger.read(day)
            if row.state is not ApodState.ASKING or time.monotonic() > deadline:
                return row
            time.sleep(POLL_SECONDS)


def _taken(follower: Follower, day: date) -> Receipt | None:
    deadline = time.monotonic() + _TAKING_SECONDS
    while time.monotonic() < deadline:
        receipt = follower.find(APOD_SOURCE, apod_id(day))
        if receipt is not None:
            return receipt
        time.sleep(POLL_SECONDS)
    return None


def _hubble(settings: Settings) -> Receipt:
    path = Path(str(files("skimage.data").joinpath("hubble_deep_field.jpg")))
    with open_submitter(settings) as submitter:
        return submitter.submit(_HUBBLE, path)
