"""The short way to an answer: from the request's path to KServe's data plane, past a web framework's routes and middlewares.

Every other verb and path goes to the app, which could answer these as well, with more on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from inference_graph.serving.error_answers import Fault, Refused, log


class DataPlane(Protocol):
    """What is used of KServe's."""

    async def model_ready(self, model_name: str, disable_predictor_health_check: bool) -> bool: ...
    async def infer(self, model_name: str, request: Any, headers: dict[str, str]) -> tuple[Any, dict[str, str]]: ...


class Predicting:
    """`models` maps a path to the model whose predict answers its POSTs; `vendors` the errors of KServe to what is told of them."""

    def __init__(
        self,
        app: ASGIApp,
        plane: DataPlane,
        models: Mapping[str, str],
        not_ready: type[Exception],
        vendors: Mapping[type[Exception], Callable[[Exception], Fault]],
    ) -> None:
        self._app, self._plane, self._models, self._not_ready, self._vendors = app, plane, models, not_ready, vendors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        model = self._models.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if model is None:
            await self._app(scope, receive, send)
            return
        body = (await receive())["body"]  # whole: whoever is in front has read it
        answer = await self._answer(model, body, scope)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, model: str, body: bytes, scope: Scope) -> bytes:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            if not await self._plane.model_ready(model, True):
                raise self._not_ready(model)
            answer, _ = await self._plane.infer(model, body, headers)
        except tuple(self._vendors) as error:
            fault = self._vendors[type(error)](error)
            log(fault, error, scope["method"], scope["path"], headers.get("x-request-id", ""))
            raise Refused(fault) from error
        return bytes(answer)
