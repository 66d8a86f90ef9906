"""The measured part of a model card."""

from pathlib import Path

import pytest

from infra.errors import DoubletError
from serving.evaluation import BEGIN, END
from training.evaluation.model_card import replace_evaluation


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    card = tmp_path / "CARD.md"
    card.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    replace_evaluation(card, "new")
    replace_evaluation(card, "newer")
    assert card.read_text() == f"above\n{BEGIN}\nnewer\n{END}\nbelow\n"


def test_a_card_without_markers_is_left_alone(tmp_path: Path) -> None:
    card = tmp_path / "CARD.md"
    card.write_text("by hand")
    with pytest.raises(DoubletError, match="needs these two lines"):
        replace_evaluation(card, "new")
    assert card.read_text() == "by hand"


def test_a_missing_card_is_said(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="cannot be read"):
        replace_evaluation(tmp_path / "absent.md", "new")
