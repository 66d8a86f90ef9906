"""A member of a consumer group, and the answers that it waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeVar

from kafka.errors import BrokerResponseError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Candidate:
    """What a client says of itself when it joins; times in seconds."""

    instance_id: str | None  # static membership (KIP-345): the name that survives a restart
    client_id: str
    client_host: str
    session_timeout: float
    rebalance_timeout: float
    protocol_type: str
    protocols: dict[str, bytes]  # assignor name: subscription, in the client's order of preference


@dataclass(frozen=True)
class Joined:
    """The answer to a join: what the member is told of the new generation."""

    generation: int
    protocol_type: str
    protocol: str
    leader_id: str
    member_id: str
    members: list[tuple[str, str | None, bytes]]  # id, instance id, subscription; leader only
    skip_assignment: bool = False


@dataclass(eq=False)
class Member:
    """One consumer; `joining` and `syncing` are its requests that are not answered yet."""

    id: str
    candidate: Candidate
    assignment: bytes = b""
    joining: asyncio.Future[Joined] | None = None
    syncing: asyncio.Future[bytes] | None = None
    expiry: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def is_waiting(self) -> bool:
        """Whether the next word is the broker's: a member that waits is not silent."""
        return self.joining is not None or self.syncing is not None

    def answer_join(self, answer: Joined | BrokerResponseError) -> None:
        _settle(self.joining, answer)
        self.joining = None

    def answer_sync(self, answer: bytes | BrokerResponseError) -> None:
        _settle(self.syncing, answer)
        self.syncing = None

    def dismiss(self, reason: BrokerResponseError) -> None:
        """Stop its session, and let whatever it waits for fail."""
        self.answer_join(reason)
        self.answer_sync(reason)
        if self.expiry is not None:
            self.expiry.cancel()


def _settle(future: asyncio.Future[Answer] | None, answer: Answer | BrokerResponseError) -> None:
    if future is None or future.done():  # done: its connection went away meanwhile
        return
    if isinstance(answer, BrokerResponseError):
        future.set_exception(answer)
    else:
        future.set_result(answer)
