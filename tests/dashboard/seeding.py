"""A database and a blob store as they look after an hour of work, computed when called.

The doubled pictures are made by Pillow's bicubic resampling and say so: the model of their rows
is called ``bicubic``.
"""

import io
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from PIL import Image as Picture
from sqlalchemy.orm import Session

from infra.blobs import BlobStore
from infra.database.engine import Database
from infra.database.models import (
    DeadLetter,
    Delivery,
    Image,
    ImageState,
    LagSample,
    Lane,
    Outcome,
    Part,
    PartState,
    Result,
)
from infra.eventlog.topics import APOD, UPLOADS
from infra.events.reasons import Reason
from infra.tally import open_partition

NAMES = (
    "The Veil Nebula",
    "A Halo around the Moon",
    "Messier 31 over the Alps",
    "Comet and Crescent",
    "The Pillars of Creation",
    "Saturn at opposition",
    "northern-lights.jpg",
    "The Hubble deep field",
    "Star trails above a lighthouse, with a rather long name that does not fit in one line",
    "holiday.png",
)
PARTITIONS = 2
TOPICS = {Lane.UPLOAD: UPLOADS, Lane.APOD: APOD}
STAGE_COLUMNS = ("queue_s", "decode_s", "tile_s", "model_s", "join_s", "store_s")


@dataclass
class Seed:
    """What was filled in: ids of pictures, and how far each partition reaches."""

    pictures: dict[ImageState, int] = field(default_factory=dict)
    """The first picture in each state."""
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Records in each partition of each topic."""
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    """Offset of the first record that is in flight."""

    def deliver(self, session: Session, image: Image, outcome: Outcome | None) -> Delivery:
        """Note the next Kafka record of the picture's lane."""
        partition = (TOPICS[image.lane], image.id % PARTITIONS)
        delivery = Delivery(
            topic=partition[0],
            partition=partition[1],
            offset=self.ends[partition],
            image_id=image.id,
            outcome=outcome,
            reason=image.reason,
            sent_at=image.sent_at or image.received_at,
            received_at=image.received_at,
            settled_at=image.settled_at if outcome else None,
        )
        session.add(delivery)
        open_partition(session, *partition)
        self.ends[partition] += 1
        if outcome:
            self.committed[partition] = self.ends[partition]
        self.pictures.setdefault(image.state, image.id)
        return delivery


def seed(
    database: Database, blobs: BlobStore, now: datetime, *, done: int = 8, side: int = 48
) -> Seed:
    """Fill both: so many pictures done within the last hour, and one in each other state.

    Args:
        side: shortest side of the pictures; the longest is twice as long.
    """
    random = np.random.default_rng(7)
    filled = Seed()
    with database.transaction() as session:
        for index in range(done):
            sky = starfield(random, *(int(length) for length in random.integers(side, 2 * side, 2)))
            image = _done(session, blobs, random, sky, index, now)
            filled.deliver(session, image, Outcome.DONE)
        filled.deliver(session, image, Outcome.DUPLICATE)
        _ended_otherwise(session, blobs, random, now, filled)
        _in_flight(session, blobs, random, now, filled)
        _lag(session, random, now)
        _parts(session, now)
    return filled


def starfield(random: np.random.Generator, width: int, height: int) -> Picture.Image:
    """A made-up sky: some glowing gas, and stars."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    sky = np.zeros((height, width, 3), np.float32)
    for _ in range(5):
        colour = random.uniform(0.1, 1.0, 3) * 130
        centre = random.uniform(0, 1, 2) * (width, height)
        spread = random.uniform(0.08, 0.3) * max(width, height)
        distance = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * spread**2)
        sky += np.exp(-distance)[..., None] * colour
    for left, top in random.integers(0, (width, height), (width * height // 900, 2)):
        extent = int(random.integers(1, 3))
        sky[top : top + extent, left : left + extent] += random.uniform(80, 255)
    sky += random.normal(0, 3, sky.shape)
    return Picture.fromarray(np.clip(sky, 0, 255).astype(np.uint8))


def encoded(picture: Picture.Image, format: str) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    picture.save(file, format, compress_level=1)
    return file.getvalue()


def _done(
    session: Session,
    blobs: BlobStore,
    random: np.random.Generator,
    original: Picture.Image,
    index: int,
    now: datetime,
) -> Image:
    width, height = original.size
    doubled = original.resize((2 * width, 2 * height), Picture.Resampling.BICUBIC)
    seconds = [float(stage) for stage in random.gamma(2, (1.5, 0.03, 0.01, 2.2, 0.08, 0.1))]
    image = _image(session, blobs, encoded(original, "JPEG"), now - timedelta(minutes=index))
    image.name = NAMES[index % len(NAMES)]
    image.width, image.height = width, height
    image.state, image.settled_at = (
        ImageState.DONE,
        image.received_at + timedelta(seconds=sum(seconds)),
    )
    if index % 3:
        image.lane, image.credit = Lane.APOD, "Vera Example, Jan Example"
        image.copyright = "Vera Example"
    content = encoded(doubled, "PNG")
    disagreement = np.minimum(random.gamma(1, 3, (2 * height, 2 * width)), 255)
    spread = Picture.fromarray(disagreement.astype(np.uint8))
    session.add(
        Result(
            image_id=image.id,
            model="bicubic",
            version=1,
            sha256=blobs.put(content).sha256,
            bytes=len(content),
            width=2 * width,
            height=2 * height,
            spread_sha256=blobs.put(encoded(spread, "PNG")).sha256,
            mean_spread=float(np.asarray(spread).mean() / 4),
            consistency=float(random.normal(45, 3)),
            seam_step=float(random.normal(0, 0.02)),
            tiles=-(-width // 240) * -(-height // 240),
            tile_side=256,
            halo=8,
            model_commit="8117874",
            stored_at=image.settled_at,
            **dict(zip(STAGE_COLUMNS, seconds, strict=True)),
        )
    )
    return image


def _ended_otherwise(
    session: Session, blobs: BlobStore, random: np.random.Generator, now: datetime, filled: Seed
) -> None:
    sky = encoded(starfield(random, 400, 300), "JPEG")
    skipped = _image(session, blobs, sky, now - timedelta(seconds=50))
    skipped.name, skipped.state, skipped.settled_at = "Too late.jpg", ImageState.SKIPPED, now
    skipped.reason, skipped.detail = "superseded", "a newer version of the event came first"
    skipped.width, skipped.height = 400, 300
    filled.deliver(session, skipped, Outcome.SKIPPED)
    dead = _image(session, blobs, sky[: len(sky) // 2], now - timedelta(seconds=40))
    dead.name, dead.state, dead.settled_at = "torn-in-half.jpg", ImageState.DEAD, now
    dead.reason, dead.detail = Reason.UNDECODABLE, "OSError: image file is truncated"
    delivery = filled.deliver(session, dead, Outcome.DEAD)
    session.add(
        DeadLetter(
            image_id=dead.id,
            topic=delivery.topic,
            partition=delivery.partition,
            offset=delivery.offset,
            reason=Reason.UNDECODABLE,
            stage="decode",
            detail="OSError: image file is truncated",
            attempts=1,
            first_failed_at=now - timedelta(seconds=39),
            last_failed_at=now - timedelta(seconds=39),
        )
    )


def _in_flight(
    session: Session, blobs: BlobStore, random: np.random.Generator, now: datetime, filled: Seed
) -> None:
    sky = encoded(starfield(random, 640, 480), "JPEG")
    retrying = _image(session, blobs, sky, now - timedelta(seconds=30))
    retrying.name, retrying.state, retrying.attempts = "stubborn.jpg", ImageState.RETRYING, 2
    retrying.reason, retrying.detail = Reason.FAILED, "doublet failed with INTERNAL: out of memory"
    retrying.width, retrying.height = 640, 480
    filled.deliver(session, retrying, None)
    working = _image(session, blobs, sky + b"\0", now - timedelta(seconds=4))
    working.name, working.width, working.height = "just-arrived.jpg", 640, 480
    filled.deliver(session, working, None)


def _image(session: Session, blobs: BlobStore, content: bytes, received_at: datetime) -> Image:
    blob = blobs.put(content)
    image = Image(
        source="doublet:uploads",
        event_id=f"upload:{blob.sha256}",
        lane=Lane.UPLOAD,
        name="unnamed",
        sha256=blob.sha256,
        bytes=len(content),
        media_type="image/jpeg",
        state=ImageState.WORKING,
        attempts=1,
        sent_at=received_at - timedelta(seconds=1),
        received_at=received_at,
    )
    session.add(image)
    session.flush()
    return image


def _lag(session: Session, random: np.random.Generator, now: datetime) -> None:
    for step in range(60):
        behind = max(0.0, 20 * float(np.sin(step / 9)) + float(random.normal(0, 2)))
        for topic in TOPICS.values():
            for partition in range(PARTITIONS):
                session.add(
                    LagSample(
                        taken_at=now - timedelta(seconds=10 * (59 - step)),
                        topic=topic,
                        partition=partition,
                        end_offset=10 + int(behind / 3),
                        committed_offset=10,
                        seconds_behind=behind / (partition + 1),
                    )
                )


def _parts(session: Session, now: datetime) -> None:
    for name, detail in (
        ("consumer", "doubling just-arrived.jpg"),
        ("scheduler", "next day at 00:05 in New York"),
        ("dashboard", ""),
    ):
        session.add(
            Part(
                name=name,
                state=PartState.RUNNING,
                detail=detail,
                version="0.1.0",
                restarts=1 if name == "consumer" else 0,
                changed_at=now - timedelta(minutes=50),
                seen_at=now,
            )
        )
