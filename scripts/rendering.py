"""Measures how long each page takes to render with many pictures in the database.

    python scripts/rendering.py --pictures 100000 --times 20

Fills a SQLite database of its own, renders every page through Streamlit's AppTest with nothing
cached, and prints the median and the 95th percentile, of the wall's clock and of the processor's:
on a machine that does nothing else the two are about the same. Kafka is taken to be there, with as
many records as there are pictures; the model server and the blob store are not asked.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from sqlalchemy import insert

PAGES = {
    "Now": ("now", {}),
    "Pictures": ("pictures", {}),
    "Pictures, the last page": ("pictures", {"page": "last"}),
    "Pictures, done and of APOD": ("pictures", {"state": "done", "lane": "apod"}),
    "Pictures, a rare name": ("pictures", {"name": "needle"}),
    "One picture": ("pictures", {"picture": "77"}),
    "APOD": ("apod", {}),
    "APOD, a title": ("apod", {"title": "nebula"}),
    "Submit": ("submit", {}),
    "Trouble": ("trouble", {}),
    "Trouble, one reason": ("trouble", {"reason": "failed"}),
    "Models": ("models", {}),
}
BATCH = 5_000
PER_PAGE = 24
"""Cards of the page Pictures; importing the page would render it."""
PARTITIONS = 4
DAYS = 11_400
"""Since 1995-06-16."""
REASONS = ("failed", "undecodable", "model_refused", "too_many_pixels")


def main() -> None:
    """Fill, render, print."""
    parser = argparse.ArgumentParser(description="Measure how long the pages take to render.")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--home", type=Path, help="folder to keep the database in, for next time")
    wanted = parser.parse_args()
    with TemporaryDirectory(prefix="doublet-rendering-") as folder:
        home = wanted.home or Path(folder)
        os.environ |= {
            "DOUBLET_HOME": str(home),
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "MODEL_SERVER": "127.0.0.1:1",
        }
        if not (home / "doublet.sqlite").exists():
            began = time.monotonic()
            fill(wanted.pictures)
            say(f"{wanted.pictures:,} pictures written in {time.monotonic() - began:.0f} s")
        measure(wanted.pictures, wanted.times)


def measure(pictures: int, times: int) -> None:
    """One line for each page."""
    say(f"{'page':28} {'wall p50':>10} {'p95':>8} {'CPU p50':>10} {'p95':>8}")
    for name, (page, query) in PAGES.items():
        visits = [rendered(page, query, pictures) for _ in range(times)]
        line = f"{name:28}"
        for seconds in zip(*visits, strict=True):
            p95 = quantiles(seconds, n=20, method="inclusive")[-1]
            line += f" {median(seconds):8.3f} s {p95:6.3f} s"
        say(line)


def rendered(page: str, query: dict[str, str], pictures: int) -> tuple[float, float]:
    """Seconds on the wall and of the processor that one visit takes, everything read anew."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    from dashboard.probes import KafkaAnswer

    kafka = KafkaAnswer(tuple(offsets(pictures)))
    app = AppTest.from_file(
        str(Path(__file__).parents[1] / "dashboard" / "app.py"), default_timeout=60
    )
    app.run()
    st.cache_data.clear()
    for name, value in query.items():
        last = str(pages_of(pictures))
        app.query_params[name] = last if value == "last" else value
    if page != "now":
        app.switch_page(f"views/{page}.py")
    with patch("dashboard.standing.ask_kafka", return_value=kafka):
        began = time.perf_counter(), time.process_time()
        app.run()
        seconds = time.perf_counter() - began[0], time.process_time() - began[1]
    if app.exception:
        sys.exit(f"{page}: {app.exception[0].message}")
    return seconds


def pages_of(pictures: int) -> int:
    """Of the list without a filter."""
    from dashboard.queries.counting import MOST_COUNTED

    return -(-min(pictures, MOST_COUNTED) // PER_PAGE)


def fill(pictures: int) -> None:
    """Write as many pictures as asked for, one in fifty dead, and a day of everything else."""
    from dashboard.connections import database
    from infra.database.faults import Fault
    from infra.database.migrate import upgrade
    from infra.database.models import (
        ApodDay,
        DeadLetter,
        Delivery,
        Image,
        LagSample,
        Part,
        Result,
    )
    from infra.eventlog.topics import UPLOADS
    from infra.tally import carry_forward, open_partition

    upgrade(database())
    now = datetime.now(UTC)
    chance = random.Random(7)
    for start in range(0, pictures, BATCH):
        numbers = range(start, min(start + BATCH, pictures))
        with database().transaction() as session:
            for table, rows in (
                (Image, (image(n, pictures, now) for n in numbers)),
                (Result, (result(n, pictures, now, chance) for n in numbers if not dead(n))),
                (Delivery, (delivery(n, pictures, now) for n in numbers)),
                (DeadLetter, (letter(n, now) for n in numbers if dead(n))),
            ):
                if found := list(rows):
                    session.execute(insert(table), found)
    with database().transaction() as session:
        session.execute(insert(LagSample), list(lag(now, chance)))
        session.execute(insert(Fault), [fault(n, now) for n in range(500)])
        session.execute(insert(Part), [part(name, now) for name in ("consumer", "scheduler")])
        session.execute(insert(ApodDay), [day(n, pictures, now) for n in range(DAYS)])
        for partition in range(PARTITIONS):
            open_partition(session, UPLOADS, partition)
        carry_forward(session, list(offsets(pictures)))


def dead(number: int) -> bool:
    """One in fifty."""
    return number % 50 == 0


def received(number: int, pictures: int, now: datetime) -> datetime:
    """Spread over the last ten days."""
    return now - timedelta(days=10) * (1 - number / pictures)


def image(number: int, pictures: int, now: datetime) -> dict[str, Any]:
    at = received(number, pictures, now)
    return {
        "id": number + 1,
        "source": "doublet:uploads",
        "event_id": f"upload:{number:064x}",
        "lane": "apod" if number % 9 == 0 else "upload",
        "name": "needle.jpg" if number == pictures // 2 else f"picture {number} of the sky.jpg",
        "sha256": f"{number:064x}",
        "bytes": 400_000,
        "media_type": "image/jpeg",
        "width": 1200,
        "height": 800,
        "state": "dead" if dead(number) else "done",
        "reason": REASONS[number // 50 % 4] if dead(number) else None,
        "attempts": 1,
        "sent_at": at,
        "received_at": at,
        "settled_at": at + timedelta(seconds=5),
    }


def result(number: int, pictures: int, now: datetime, chance: random.Random) -> dict[str, Any]:
    stages = ("queue_s", "decode_s", "tile_s", "model_s", "join_s", "store_s")
    return {
        "image_id": number + 1,
        "model": "doublet",
        "version": 1,
        "sha256": f"{number:064x}",
        "bytes": 4_000_000,
        "width": 2400,
        "height": 1600,
        "tiles": 30,
        "stored_at": received(number, pictures, now) + timedelta(seconds=5),
        **{stage: chance.gammavariate(2, 0.5) for stage in stages},
    }


def delivery(number: int, pictures: int, now: datetime) -> dict[str, Any]:
    from infra.eventlog.topics import UPLOADS

    at = received(number, pictures, now)
    return {
        "topic": UPLOADS,
        "partition": number % PARTITIONS,
        "offset": number // PARTITIONS,
        "image_id": number + 1,
        "outcome": "dead" if dead(number) else "done",
        "attempts": 1,
        "sent_at": at,
        "received_at": at,
        "settled_at": at + timedelta(seconds=5),
    }


def letter(number: int, now: datetime) -> dict[str, Any]:
    from infra.eventlog.topics import UPLOADS

    return {
        "image_id": number + 1,
        "topic": UPLOADS,
        "partition": number % PARTITIONS,
        "offset": number // PARTITIONS,
        "reason": REASONS[number // 50 % 4],
        "stage": "model",
        "detail": "doublet failed with INTERNAL: out of memory",
        "attempts": 3,
        "replays": 0,
        "state": "waiting",
        "first_failed_at": now,
        "last_failed_at": now,
    }


def day(number: int, pictures: int, now: datetime) -> dict[str, Any]:
    """One of APOD's, so many days ago; one in ten has no picture."""
    known = {"day": (now - timedelta(days=number)).date(), "title": f"A nebula, number {number}"}
    if number % 10 == 0:
        return {**known, "state": "skipped", "reason": "a video", "updated_at": now}
    event = image(number * 9 % pictures // 9 * 9, pictures, now)
    named = {"source": event["source"], "event_id": event["event_id"]}
    return {**known, **named, "state": "published", "present_at": now, "updated_at": now}


def lag(now: datetime, chance: random.Random) -> Iterator[dict[str, Any]]:
    """A day of samples, one in ten seconds."""
    from infra.eventlog.topics import UPLOADS

    for step in range(8_640):
        for partition in range(PARTITIONS):
            yield {
                "taken_at": now - timedelta(seconds=10 * step),
                "topic": UPLOADS,
                "partition": partition,
                "end_offset": 1_000,
                "committed_offset": 1_000 - chance.randrange(20),
                "seconds_behind": chance.uniform(0, 40),
            }


def fault(number: int, now: datetime) -> dict[str, Any]:
    began = now - timedelta(hours=number)
    return {
        "part": "consumer",
        "kind": "waiting",
        "detail": "waiting for the model server",
        "began_at": began,
        "ended_at": began + timedelta(seconds=30),
        "ended_as": "running",
    }


def part(name: str, now: datetime) -> dict[str, Any]:
    said = {"name": name, "state": "running", "detail": "", "version": "0.1.0", "restarts": 0}
    return {**said, "changed_at": now, "seen_at": now}


def offsets(pictures: int) -> Iterator[Any]:
    """As Kafka would have it: all of them settled but the last."""
    from infra.eventlog.offsets import PartitionOffsets
    from infra.eventlog.topics import UPLOADS

    for partition in range(PARTITIONS):
        end = len(range(partition, pictures, PARTITIONS))
        yield PartitionOffsets(UPLOADS, partition, 0, end, end)


def say(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
