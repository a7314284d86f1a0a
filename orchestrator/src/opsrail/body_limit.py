"""Refuses request bodies beyond the limit, by their declared length or as they arrive, and compressed ones."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsrail.errors import Packed, TooLarge
from opsrail.problem import render


class BodyLimitMiddleware:
    """For routes that read a JSON body; the hook route, mounted on its own, has its own limit."""

    def __init__(self, app: ASGIApp, *, limit: int, exempt: tuple[str, ...]) -> None:
        self._app = app
        self._limit = limit
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._exempt):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity") != b"identity":
            packed = Packed("send the body as it is: we unpack nothing that comes in")
            await render(Request(scope), packed)(scope, receive, send)
            return
        declared = headers.get(b"content-length", b"0")
        seen = 0
        over = answered = False

        async def refuse() -> None:
            nonlocal answered
            answered = True
            error = TooLarge(f"the body may have {self._limit} bytes at most")
            await render(Request(scope), error)(scope, receive, send)

        async def counted() -> Message:
            nonlocal seen, over
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                over = True
                raise TooLarge("body over the limit")
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if over:  # whatever the application made of the cut-off body, the answer is 413
                if not answered:
                    await refuse()
                return
            answered = True
            await send(message)

        if declared.isdigit() and int(declared) > self._limit:
            await refuse()
            return
        try:
            await self._app(scope, counted, watched)
        except TooLarge:
            if answered:
                raise
            await refuse()
