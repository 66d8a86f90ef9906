"""One consumer group: who is in it, and which generation of it they agree on.

The classic protocol, as Apache Kafka's coordinator keeps it: members join, the first one leads and
assigns the partitions, all sync to learn theirs and then send heartbeats; any change begins a
rebalance. Static members (KIP-345) come back under their own name without one.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum

from kafka.errors import (
    FencedInstanceIdError,
    IllegalGenerationError,
    InconsistentGroupProtocolError,
    MemberIdRequiredError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from infra.broker.embedded.member import Candidate, Joined, Member


class State(StrEnum):
    """Kafka's names, as DescribeGroups shows them."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


class Group:
    """A consumer group. `settled` is called whenever it has become stable or empty."""

    def __init__(self, group_id: str, settled: Callable[[Group], None]) -> None:
        self.id = group_id
        self.state = State.EMPTY
        self.generation = 0
        self.protocol_type = ""
        self.protocol = ""
        self.leader_id = ""
        self.members: dict[str, Member] = {}
        self._settled = settled
        self._invited: dict[str, asyncio.TimerHandle] = {}  # given an id, not yet back with it
        self._deadline: asyncio.TimerHandle | None = None  # of the rebalance under way

    # What members ask for

    async def join(
        self,
        member_id: str,
        candidate: Candidate,
        *,
        id_required: bool,
        may_skip_assignment: bool,
    ) -> Joined:
        """Take part in the next generation; returns when it has begun.

        `id_required`: a new member is first given its id, with which it then joins (KIP-394).
        `may_skip_assignment`: a leader that comes back may be told to assign nothing (KIP-814).

        Raises:
            MemberIdRequiredError: its one argument is the id to come back with.
            UnknownMemberIdError, FencedInstanceIdError, InconsistentGroupProtocolError.
        """
        self._require_common_protocol(candidate)
        if member_id == "":
            previous = self._static_member(candidate.instance_id)
            if previous is not None:
                return await self._succeed(previous, candidate, may_skip_assignment)
            member_id = f"{candidate.instance_id or candidate.client_id}-{uuid.uuid4()}"
            if id_required and candidate.instance_id is None:
                self._invite(member_id, candidate.session_timeout)
                raise MemberIdRequiredError(member_id)
            return await self._rejoin(self._add(member_id, candidate))
        if member_id in self._invited:
            self._invited.pop(member_id).cancel()
            return await self._rejoin(self._add(member_id, candidate))
        member = self._member(member_id, candidate.instance_id)
        unchanged = member.candidate.protocols == candidate.protocols
        if unchanged and (
            self.state is State.COMPLETING
            or (self.state is State.STABLE and member.id != self.leader_id)
        ):
            return self._joined(member)  # it did not hear the answer the first time
        member.candidate = candidate
        return await self._rejoin(member)

    async def sync(
        self,
        member_id: str,
        instance_id: str | None,
        generation: int,
        assignments: Mapping[str, bytes],
    ) -> bytes:
        """The member's assignment, once the leader has brought all `assignments`.

        Raises:
            UnknownMemberIdError, FencedInstanceIdError, IllegalGenerationError,
            RebalanceInProgressError.
        """
        member = self._member(member_id, instance_id)
        self._require_generation(generation)
        self._touch(member)
        if self.state is State.PREPARING:
            raise RebalanceInProgressError
        if self.state is State.STABLE:
            return member.assignment
        member.answer_sync(RebalanceInProgressError())  # an earlier request of the same member
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        member.syncing = waiting
        if member.id == self.leader_id:
            self._assign(assignments)
        return await waiting

    def heartbeat(self, member_id: str, instance_id: str | None, generation: int) -> None:
        """The member is alive.

        Raises:
            RebalanceInProgressError: it must join again. UnknownMemberIdError,
            FencedInstanceIdError, IllegalGenerationError.
        """
        member = self._member(member_id, instance_id)
        self._require_generation(generation)
        self._touch(member)
        if self.state is State.PREPARING:
            raise RebalanceInProgressError

    def leave(self, member_id: str, instance_id: str | None) -> None:
        """Raises UnknownMemberIdError, FencedInstanceIdError."""
        if member_id in self._invited:
            self._invited.pop(member_id).cancel()
            self._complete_if_all_joined()
            return
        if member_id == "" and instance_id is not None:  # an operator removes a static member
            static = self._static_member(instance_id)
            member_id = static.id if static is not None else ""
        self._remove(self._member(member_id, instance_id))

    def check_commit(self, member_id: str, instance_id: str | None, generation: int) -> None:
        """Whether offsets may be committed by this member of this generation.

        Raises:
            UnknownMemberIdError: also where an outsider commits for a group that has members.
            FencedInstanceIdError, IllegalGenerationError, RebalanceInProgressError.
        """
        if generation < 0 and member_id == "" and not self.members:
            return  # a consumer that assigns its own partitions, or an operator
        member = self._member(member_id, instance_id)
        self._require_generation(generation)
        if self.state is State.COMPLETING:
            raise RebalanceInProgressError
        self._touch(member)

    # Rebalancing

    async def _rejoin(self, member: Member) -> Joined:
        member.answer_join(RebalanceInProgressError())  # an earlier request of the same member
        waiting: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        member.joining = waiting
        if self.state is State.PREPARING:
            self._complete_if_all_joined()
        else:
            self._prepare()
        return await waiting

    async def _succeed(
        self, previous: Member, candidate: Candidate, may_skip_assignment: bool
    ) -> Joined:
        """Let a static member that has restarted take its own place again."""
        member = Member(
            f"{candidate.instance_id}-{uuid.uuid4()}", candidate, assignment=previous.assignment
        )
        led = self.leader_id == previous.id
        previous.dismiss(FencedInstanceIdError())
        self.members = {
            (member.id if known is previous else key): (member if known is previous else known)
            for key, known in self.members.items()
        }
        self.leader_id = member.id if led else self.leader_id
        self._touch(member)
        if self.state is not State.STABLE or self._vote() != self.protocol:
            return await self._rejoin(member)
        self._settled(self)
        if led and not may_skip_assignment:
            # An older client would assign anew if it were told that it leads.
            return self._joined(member, leader_id=previous.id)
        return self._joined(member, skip_assignment=led)

    def _prepare(self) -> None:
        """Begin a rebalance: every member has to join again before its deadline."""
        for member in self.members.values():
            member.answer_sync(RebalanceInProgressError())
        self.state = State.PREPARING
        self._set_deadline()
        self._complete_if_all_joined()

    def _set_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        longest = max((m.candidate.rebalance_timeout for m in self.members.values()), default=0.0)
        self._deadline = asyncio.get_running_loop().call_later(longest, self._complete)

    def _complete_if_all_joined(self) -> None:
        if self.state is not State.PREPARING or self._invited:
            return
        if all(member.joining for member in self.members.values()):
            self._complete()

    def _complete(self) -> None:
        """Begin the next generation with those who have joined, and static members."""
        for absent in [m for m in self.members.values() if not m.joining]:
            if absent.candidate.instance_id is None:
                absent.dismiss(UnknownMemberIdError())
                del self.members[absent.id]
        present = [member for member in self.members.values() if member.joining]
        if self.members and not present:
            self._set_deadline()  # until their sessions end, or they are back
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.generation += 1
        if not self.members:
            self.state, self.protocol, self.leader_id = State.EMPTY, "", ""
            self._settled(self)
            return
        self.state = State.COMPLETING
        self.protocol = self._vote()
        if self.leader_id not in {member.id for member in present}:
            self.leader_id = present[0].id
        for member in present:
            member.answer_join(self._joined(member))
            self._touch(member)

    def _assign(self, assignments: Mapping[str, bytes]) -> None:
        self.state = State.STABLE
        for member in self.members.values():
            member.assignment = assignments.get(member.id, b"")
            member.answer_sync(member.assignment)
            self._touch(member)
        self._settled(self)

    def _vote(self) -> str:
        """The protocol that all support and most prefer."""
        supported = self._common_protocols()
        choices = (
            next(name for name in member.candidate.protocols if name in supported)
            for member in self.members.values()
        )
        return Counter(choices).most_common(1)[0][0]

    def _common_protocols(self) -> set[str]:
        offers = [set(member.candidate.protocols) for member in self.members.values()]
        return set.intersection(*offers)

    # Members

    def restore(self, member: Member) -> None:
        """Take a member in again that the broker knew before it was restarted."""
        self.members[member.id] = member
        self._touch(member)

    def close(self) -> None:
        """Stop all timers."""
        for timer in (*self._invited.values(), self._deadline):
            if timer is not None:
                timer.cancel()
        for member in self.members.values():
            member.dismiss(UnknownMemberIdError())

    def _joined(
        self, member: Member, leader_id: str | None = None, *, skip_assignment: bool = False
    ) -> Joined:
        leader_id = self.leader_id if leader_id is None else leader_id
        members = [
            (m.id, m.candidate.instance_id, m.candidate.protocols[self.protocol])
            for m in self.members.values()
        ]
        return Joined(
            self.generation,
            self.protocol_type,
            self.protocol,
            leader_id,
            member.id,
            members if member.id == leader_id else [],
            skip_assignment,
        )

    def _add(self, member_id: str, candidate: Candidate) -> Member:
        self.protocol_type = candidate.protocol_type
        member = self.members[member_id] = Member(member_id, candidate)
        self._touch(member)
        return member

    def _remove(self, member: Member) -> None:
        del self.members[member.id]
        member.dismiss(UnknownMemberIdError())
        if self.state is State.PREPARING:
            self._complete_if_all_joined()
        else:
            self._prepare()

    def _member(self, member_id: str, instance_id: str | None) -> Member:
        static = self._static_member(instance_id)
        if static is not None and static.id != member_id:
            raise FencedInstanceIdError(f"{instance_id} has been taken over by a newer instance")
        if member_id not in self.members:
            raise UnknownMemberIdError
        return self.members[member_id]

    def _static_member(self, instance_id: str | None) -> Member | None:
        if instance_id is None:
            return None
        return next(
            (m for m in self.members.values() if m.candidate.instance_id == instance_id), None
        )

    def _invite(self, member_id: str, session_timeout: float) -> None:
        def forget() -> None:
            del self._invited[member_id]
            self._complete_if_all_joined()

        loop = asyncio.get_running_loop()
        self._invited[member_id] = loop.call_later(session_timeout, forget)

    def _touch(self, member: Member) -> None:
        """Let the member's session start anew."""
        if member.expiry is not None:
            member.expiry.cancel()
        member.expiry = asyncio.get_running_loop().call_later(
            member.candidate.session_timeout, self._expire, member
        )

    def _expire(self, member: Member) -> None:
        if member.is_waiting:
            self._touch(member)
        else:
            self._remove(member)

    def _require_common_protocol(self, candidate: Candidate) -> None:
        if not candidate.protocols or (
            self.members
            and (
                candidate.protocol_type != self.protocol_type
                or self._common_protocols().isdisjoint(candidate.protocols)
            )
        ):
            raise InconsistentGroupProtocolError

    def _require_generation(self, generation: int) -> None:
        if generation != self.generation:
            raise IllegalGenerationError
