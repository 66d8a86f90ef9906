"""From a submission to the picture's bytes, checked against what the event states."""

import hashlib

from infra.blobs import Blob, BlobMissing, BlobStore
from infra.events.envelope import BadEvent
from infra.events.pictures import ClaimCheck, Submission
from infra.events.reasons import Reason


def fetch(submission: Submission, blobs: BlobStore, max_bytes: int) -> tuple[Blob, bytes]:
    """The picture's bytes and their blob; bytes that came in the event itself are stored.

    Raises:
        BadEvent: the blob is missing, too large, or not what the event says.
        BlobStoreUnavailable: the store is away.
    """
    if isinstance(submission.content, ClaimCheck):
        return submission.content.blob, _claimed(submission.content, blobs, max_bytes)
    return blobs.put(submission.content), submission.content


def _claimed(claim: ClaimCheck, blobs: BlobStore, max_bytes: int) -> bytes:
    try:
        length = blobs.size(claim.blob)
        if length != claim.length:
            raise BadEvent(
                Reason.HASH_MISMATCH, f"the blob has {length} bytes, the event says {claim.length}"
            )
        if length > max_bytes:
            raise BadEvent(Reason.TOO_MANY_BYTES, f"{length} bytes; at most {max_bytes} are taken")
        content = blobs.get(claim.blob)
    except BlobMissing as error:
        raise BadEvent(Reason.BLOB_MISSING, str(error)) from error
    if hashlib.sha256(content).hexdigest() != claim.blob.sha256:
        raise BadEvent(Reason.HASH_MISMATCH, "the blob's bytes are not those of its name")
    return content
