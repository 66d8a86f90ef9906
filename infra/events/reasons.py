"""Why a picture was not doubled: the codes that people filter, count and replay by."""

from enum import StrEnum

from infra.errors import DoubletError


class Reason(StrEnum):
    """One code for each way in which a record can end without a result."""

    BAD_ENVELOPE = "bad_envelope"
    """The CloudEvents attributes are missing or malformed."""
    UNKNOWN_TYPE = "unknown_type"
    """An event type or version that this consumer does not know."""
    BAD_DATA = "bad_data"
    """The data is not what the event's schema says."""
    BAD_DATAREF = "bad_dataref"
    """The claim check points outside our blob store."""
    BLOB_MISSING = "blob_missing"
    """The claim check names a blob that is not there."""
    HASH_MISMATCH = "hash_mismatch"
    """The blob's length or hash is not the one that the event states."""
    EMPTY = "empty"
    """There are no bytes at all."""
    TOO_MANY_BYTES = "too_many_bytes"
    """The file is larger than MAX_PICTURE_BYTES."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """The picture has more pixels than MAX_PICTURE_PIXELS."""
    SIDE_TOO_LONG = "side_too_long"
    """A side is longer than MAX_PICTURE_SIDE."""
    UNSUPPORTED_FORMAT = "unsupported_format"
    """Not a picture, or one whose header no decoder of the allow-list understands."""
    UNDECODABLE = "undecodable"
    """The format is known; the bytes are broken, or of a rare kind that its decoder lacks."""
    MODEL_REFUSED = "model_refused"
    """The model server calls the request itself wrong."""
    FAILED = "failed"
    """It failed for another reason, as often as MAX_ATTEMPTS allows."""
    CRASH_LOOP = "crash_loop"
    """It ended the consumer's process, as often as MAX_ATTEMPTS allows."""


class Refused(DoubletError):
    """What was handed in can never be doubled; its reason is that of its dead letter."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
