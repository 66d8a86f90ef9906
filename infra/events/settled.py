"""The event that tells everybody how a picture ended."""

import json
from datetime import datetime
from typing import Any

from infra.blobs import Blob
from infra.database.models import Delivery, Image, Result
from infra.events.envelope import Envelope

SETTLED = "doublet.picture.settled.v1"
SOURCE = "doublet:consumer"


def settled_event(
    delivery: Delivery,
    image: Image,
    result: Result | None,
    sent_at: datetime,
    traceparent: str | None = None,
    *,
    private: bool = False,
) -> Envelope:
    """Built from what the database knows of the picture now; of a private one, not its result.

    Its id is the address of the record that it answers: a receiver can drop repetitions.
    """
    return Envelope(
        id=f"settled:{delivery.topic}:{delivery.partition}:{delivery.offset}",
        source=SOURCE,
        type=SETTLED,
        subject=image.event_id,
        time=sent_at,
        traceparent=traceparent,
        content_type="application/json",
        data=json.dumps(_data(delivery, image, result, private)).encode(),
    )


def _data(delivery: Delivery, image: Image, result: Result | None, private: bool) -> dict[str, Any]:
    return {
        "source": image.source,
        "id": image.event_id,
        "name": image.name,
        "outcome": delivery.outcome,
        "reason": delivery.reason,
        "detail": image.detail,
        "attempts": image.attempts,
        "credit": image.credit,
        "copyright": image.copyright,
        "remark": image.remark,
        "private": private,
        "result": _result(result) if result and not private else None,
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "dataref": Blob(result.sha256).reference,
        "sha256": result.sha256,
        "length": result.bytes,
        "mediaType": "image/png",
        "width": result.width,
        "height": result.height,
        "model": result.model,
        "version": result.version,
        "meanSpread": result.mean_spread,
        "seconds": {
            stage: getattr(result, f"{stage}_s")
            for stage in ("queue", "decode", "tile", "model", "join", "store")
        },
    }
