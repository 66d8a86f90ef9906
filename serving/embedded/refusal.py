"""An answer other than OK."""

import grpc
import tensorflow as tf

STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}

LIMIT = 1024
"""Characters of a message that the official server sends."""


class Refusal(Exception):
    """A canonical status code, and the text that TensorFlow Serving gives with it."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        """Keep both; the text is cut as the official server cuts it."""
        super().__init__(message)
        self.code = code
        self.message = message if len(message) <= LIMIT else f"{message[:LIMIT]}...TRUNCATED"

    @property
    def number(self) -> int:
        """The code as a number, as messages carry it."""
        number: int = self.code.value[0]
        return number

    def __str__(self) -> str:
        """As TensorFlow prints a status."""
        return f"{self.code.name}: {self.message}"


def invalid(message: str) -> Refusal:
    """INVALID_ARGUMENT."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> Refusal:
    """NOT_FOUND."""
    return Refusal(grpc.StatusCode.NOT_FOUND, message)


def failed_precondition(message: str) -> Refusal:
    """FAILED_PRECONDITION."""
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, message)


def from_tensorflow(error: tf.errors.OpError) -> Refusal:
    """TensorFlow's own error, under the same code."""
    code = STATUS_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
    return Refusal(code, str(error.message))


def unimplemented(message: str) -> Refusal:
    """UNIMPLEMENTED."""
    return Refusal(grpc.StatusCode.UNIMPLEMENTED, message)
