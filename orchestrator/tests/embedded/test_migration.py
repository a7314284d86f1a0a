"""What is said where the database cannot be used."""

import pytest

from opsrail.embedded.child import StartFailedError
from opsrail.embedded.migration import migrate


@pytest.mark.parametrize("url", ["postgresql+psycopg://ada:secret@127.0.0.1:1/none", "nonsense"])
async def test_a_database_that_cannot_be_used_is_a_message(url: str) -> None:
    with pytest.raises(StartFailedError, match="the database cannot be used") as failure:
        await migrate(url)
    assert "secret" not in str(failure.value)
