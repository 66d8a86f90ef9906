"""The root of every error that Doublet raises on purpose."""

from typing import ClassVar


class DoubletError(Exception):
    """Something a person can act on; its text is one line that says what is wrong and what to do.

    Each room hangs its own branch below this one. The command line prints the text and exits
    with code 1; anything else that reaches it is a bug.
    """


class Unavailable(DoubletError):
    """A part that we depend on is away or slow: wait and try again, nothing is wrong with the work.

    The first of the two kinds of failure (the second is an error of the picture itself): it
    consumes no attempt and fills no dead letter.
    """

    part: ClassVar[str] = "a part"
    """Who is away, in an operator's words."""


class BadSetting(DoubletError):
    """A variable has a value that its setting does not take."""
