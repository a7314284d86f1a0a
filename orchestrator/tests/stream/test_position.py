"""Positions of the merged stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsrail.stream.position import Position

SEQUENCE = st.integers(1, 10**17)


@given(SEQUENCE, st.integers(0, 10**8), SEQUENCE)
def test_what_is_written_is_read_back(event: int, index: int, run: int) -> None:
    assert Position.parse(str(Position(event, index, run))) == Position(event, index, run)


@pytest.mark.parametrize(
    "text", ["", "e1-r2", "e1.2-r", "e-1.0-r3", "e1.0-r3 ", "e1.0-r3\n", "e٣.0-r1", "e" + "9" * 30 + ".0-r1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="position"):
        Position.parse(text)
