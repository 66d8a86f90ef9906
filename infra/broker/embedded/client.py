"""Who sent a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """`id` is what the client calls itself, `host` where it connects from."""

    id: str
    host: str
