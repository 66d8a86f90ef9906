"""The part of a model card that is measured, never written by hand."""

from pathlib import Path

from infra.errors import DoubletError
from serving.evaluation import BEGIN, END


def replace_evaluation(card: Path, report: str) -> None:
    """Put a report between the card's two marker lines.

    Raises:
        DoubletError: there is no such file, or the markers are not in it.
    """
    try:
        before, rest = card.read_text(encoding="utf-8").split(BEGIN)
        _, after = rest.split(END)
    except OSError as error:
        raise DoubletError(f"{card} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DoubletError(f"{card} needs these two lines once each: {BEGIN} {END}") from error
    card.write_text(f"{before}{BEGIN}\n{report}\n{END}{after}", encoding="utf-8")
