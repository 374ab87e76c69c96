"""How the model server refuses a request: a gRPC code and TF Serving's own text."""

from __future__ import annotations

from inference_graph.clients.tf_serving_protocol.model_pb2 import Code

_LONGEST_TEXT = 1024


class Refused(Exception):
    """A request, a model or a configuration that is not served; `code` is gRPC's number, `text` what TF Serving would say."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> str:
        """The name of the code: INVALID_ARGUMENT."""
        return Code.Name(self.code)

    def __str__(self) -> str:
        return f"{self.status}: {self.text}"

    def short(self) -> str:
        """The text as gRPC carries it: TF Serving cuts it, because it travels in a header."""
        return self.text if len(self.text) <= _LONGEST_TEXT else self.text[:_LONGEST_TEXT] + "...TRUNCATED"


def invalid(text: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, text)
