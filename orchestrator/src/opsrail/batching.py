"""Many small writes as few: what comes while one is under way travels with the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batching(Generic[Item, Answer]):
    """Calls ``write`` with everything that has gathered; each caller gets its own answer, or the error of all."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], *, limit: int) -> None:
        self._write = write
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._drain())
        return await answer

    async def close(self) -> None:
        """Return once what was given has been written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _drain(self) -> None:
        await asyncio.sleep(0)
        while self._waiting:
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            try:
                answers = await self._write([item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 (handed to every caller)
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        self._writing = None
