"""The commands of infra: the stack, the books, the topics, the database."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.settings import settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from infra.eventlog.offsets import PartitionOffsets
    from infra.verifier import Verification

commands = typer.Typer()
db = typer.Typer(no_args_is_help=True)
commands.add_typer(db, name="db", help="The database's tables.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a script to read.")]


@commands.command()
def up(
    first_picture: Annotated[
        bool,
        typer.Option(
            help="Double a first picture when all parts are up, unless there is one already."
        ),
    ] = True,
) -> None:
    """Start everything on this machine, and stop it again on Ctrl-C.

    Broker, model server, consumer, scheduler and dashboard run as processes of their own. A part
    whose address is configured (KAFKA_BOOTSTRAP_SERVERS, MODEL_SERVER) is used, not started. A
    part that dies is started again. What is on disk is kept: the next start goes on from there.
    """
    from rich.console import Console

    from infra.stack.up import Stack

    Stack(settings(), Console()).run(first_picture)


@commands.command()
def books(
    as_json: Json = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Prove them: go along every offset, reading Kafka.")
    ] = False,
) -> None:
    """Account for every picture that Kafka accepted.

    accepted = done + duplicate + skipped + dead + in flight, for each partition, from Kafka's
    offsets and the database alone. Exit code 1 if it does not add up.

    With --verify every single offset is accounted for: none left out, none counted twice, each
    end with its result or its dead letter. Offsets without a record (a transaction's markers) and
    records that were deleted before their delivery are counted apart. One line a difference.
    """
    from rich.console import Console

    from infra.books import read_books
    from infra.books_table import table
    from infra.database.engine import Database
    from infra.eventlog.offsets import intake_offsets

    offsets = intake_offsets(settings())
    database = Database(settings().database)
    with database.reading() as session:
        drawn_up = read_books(session, offsets)
        proof = _verified(session, offsets) if verify else None
    total = drawn_up.total
    if as_json:
        rows = [
            {"topic": topic, "partition": partition, **asdict(account)}
            for (topic, partition), account in drawn_up.partitions.items()
        ]
        document = {"total": asdict(total), "partitions": rows}
        typer.echo(json.dumps(document | ({"verified": asdict(proof)} if proof else {}), indent=2))
    else:
        Console().print(table(drawn_up))
        if proof:
            typer.echo(
                f"{proof.ended} ended, {proof.in_flight} in flight, {proof.empty} offsets without "
                f"a record, {proof.deleted} deleted before delivery"
            )
    if proof and proof.differences:
        sys.exit("\n".join(f"doublet: {line}" for line in proof.differences))
    if not proof and not total.balanced:
        sys.exit(f"doublet: the books do not balance: {total.difference} records differ")


def _verified(session: "Session", offsets: "list[PartitionOffsets]") -> "Verification":
    from contextlib import closing

    from infra.eventlog.clients import open_reader
    from infra.verifier import KafkaLog, verify

    with closing(open_reader(settings())) as consumer:
        return verify(session, KafkaLog(consumer, settings()), offsets)


@commands.command()
def alerts(
    clear: Annotated[
        int | None, typer.Option("--clear", metavar="NUMBER", help="Say that you have read it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what somebody must know of, or clear one of them.

    What has passed clears its own alert: a partition moves again, a part is back, the books
    balance. Records that were deleted before their delivery stay until somebody clears them. The
    exit code is 1 while there are any.
    """
    from infra.alerts import Alerts, open_alerts
    from infra.database.engine import Database

    database = Database(settings().database)
    if clear is not None and not Alerts(database).acknowledge(clear):
        sys.exit(f"doublet: there is no open alert {clear}")
    with database.reading() as session:
        found = open_alerts(session)
    if as_json:
        rows = [asdict(it) | {"raised_at": it.raised_at.isoformat()} for it in found]
        typer.echo(json.dumps(rows, indent=2))
    else:
        for it in found:
            raised = it.raised_at.strftime("%Y-%m-%d %H:%M:%S UTC")
            typer.echo(f"{it.id}  {raised}  {it.kind}  {it.subject}: {it.detail}")
    if found:
        raise typer.Exit(1)


@commands.command()
def topics(as_json: Json = False) -> None:
    """List the topics and how far the consumers have come; create the ones that are missing."""
    from rich.console import Console
    from rich.table import Table

    from infra.eventlog.clients import open_admin
    from infra.eventlog.offsets import intake_offsets
    from infra.eventlog.topics import ensure_topics

    with open_admin(settings()) as admin:
        created = ensure_topics(admin, settings())
    offsets = intake_offsets(settings())
    if as_json:
        rows = [{**asdict(at), "lag": at.lag} for at in offsets]
        typer.echo(json.dumps({"created": created, "partitions": rows}, indent=2))
        return
    for name in created:
        typer.echo(f"created {name}")
    table = Table("topic", "partition", "beginning", "end", "committed", "lag")
    for at in offsets:
        numbers = (at.partition, at.beginning, at.end, at.committed, at.lag)
        table.add_row(at.topic, *(str(number) for number in numbers))
    Console().print(table)


@commands.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Into which; made if it is not there.")],
) -> None:
    """Copy database, blobs and the local broker's log into a folder, while all parts run.

    Into the same folder again, only new blobs are copied. A PostgreSQL is dumped by its own
    pg_dump. A Kafka of somebody else's is not copied: it keeps its log by itself.
    """
    from infra.backup.backup import back_up

    copied = back_up(settings(), folder)
    log = ", and the broker's log" if copied.broker else ""
    typer.echo(f"{folder}: the database, {copied.blobs} new blobs{log}")


@commands.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What `doublet backup` wrote.")],
) -> None:
    """Bring a backup back into empty places, and set the offsets back to where its books end.

    Stop every part before. Files that are there already are never overwritten.
    """
    from infra.backup.backup import restore
    from infra.backup.local_broker import running

    copied = restore(settings(), folder)
    log = ", and the broker's log" if copied.broker else ""
    typer.echo(f"the database, {copied.blobs} blobs{log}")
    with running(settings()):
        _rewind()


@commands.command()
def rewind() -> None:
    """Set the group's offsets back to where the books end; twice is harmless.

    For a database that is older than what Kafka says was settled, as after a restore: the records
    in between are delivered again, as far as Kafka still has them. Stop every consumer before.
    """
    _rewind()


def _rewind() -> None:
    from contextlib import closing

    from infra.backup.rewind import behind_the_books, rewind
    from infra.database.engine import Database
    from infra.eventlog.offsets import intake_offsets

    offsets = intake_offsets(settings())
    with closing(Database(settings().database)) as database, database.reading() as session:
        found = behind_the_books(session, offsets)
    if not found:
        typer.echo("no offset is ahead of the books: nothing to set back")
        return
    rewind(settings(), found)
    for it in found:
        typer.echo(f"{it.topic} {it.partition}: set back from {it.committed} to {it.books}")


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database's tables to this version's form; nothing is lost, twice is harmless."""
    from infra.database.engine import Database
    from infra.database.migrate import upgrade

    typer.echo(f"the database is at schema {upgrade(Database(settings().database))}")
