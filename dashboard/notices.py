"""What went wrong, said on the page in one line instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.words import literal
from infra.database.engine import TablesMissing
from infra.errors import DoubletError, Unavailable


@contextmanager
def explained() -> Iterator[None]:
    """Show an error of ours where it happened; the rest of the page goes on."""
    try:
        yield
    except TablesMissing as error:
        st.info(f"{literal(str(error))}.", icon=":material/database_off:")
    except Unavailable as error:
        said = f"{literal(str(error))}. It goes on by itself once that is back."
        st.error(said, icon=":material/cloud_off:")
    except DoubletError as error:
        st.error(literal(str(error)), icon=":material/error:")
