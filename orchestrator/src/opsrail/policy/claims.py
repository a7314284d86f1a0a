"""What a caller says about its wish beyond the input: the ``context`` of ``POST /v1/dispatch``."""

from decimal import Decimal
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

Count = Annotated[int, Field(ge=0, le=2**53)]
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr | None

_MOST_EXTRA = 50
_LONGEST = 512


class Claims(BaseModel):
    """Claims inform policies and can only tighten what the input itself says about its target.

    Any further key with a plain value is handed to policies as ``key=value`` in ``context.claims``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Scalar]

    environment: str | None = Field(
        default=None, max_length=128, description="Where the target is, such as production"
    )
    blast_radius: Count | None = Field(default=None, description="How many things may be hit")
    change_size: Count | None = Field(default=None, description="Lines, resources or whatever the change counts")
    cost: Annotated[Decimal, Field(ge=0, le=10**12)] | None = Field(
        default=None, description="What it costs, in the organisation's currency"
    )
    protected: bool = Field(default=False, description="The target must not be touched")

    @model_validator(mode="after")
    def _few(self) -> "Claims":
        if len(self.__pydantic_extra__) > _MOST_EXTRA:
            raise ValueError(f"more than {_MOST_EXTRA} further keys")
        if any("\0" in text or len(text) > _LONGEST for text in (self.environment or "", *self.further())):
            raise ValueError(f"a text with the character U+0000, or of more than {_LONGEST} characters")
        return self

    def further(self) -> list[str]:
        """The keys that have no meaning of their own, as ``key=value``, sorted."""
        return sorted(f"{key}={_text(value)}" for key, value in self.__pydantic_extra__.items())


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


NONE = Claims()
