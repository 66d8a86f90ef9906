"""The group coordinator: every consumer group, and the offsets that they commit."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from kafka.errors import (
    GroupIdNotFoundError,
    IllegalGenerationError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    NonEmptyGroupError,
    UnknownMemberIdError,
)

from infra.broker.embedded.catalogue import Catalogue, CommittedOffset
from infra.broker.embedded.group import Group, State
from infra.broker.embedded.member import Candidate, Joined, Member

SESSION_TIMEOUT_S = (1.0, 1800.0)  # Kafka's lowest is 6 s; both local forms lower it to 1 s


class Coordinator:
    """All groups of the broker. Needs a running event loop: sessions are its timers."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take up the groups as they were: members have a whole session to be heard from."""
        self._catalogue = catalogue
        self._groups: dict[str, Group] = {}
        for group_id, state in catalogue.groups():
            self._groups[group_id] = _restored(group_id, state, self._save)

    def __iter__(self) -> Iterator[Group]:
        yield from self._groups.values()
        for group_id in self._catalogue.groups_with_offsets() - self._groups.keys():
            yield Group(group_id, self._save)

    def find(self, group_id: str) -> Group | None:
        """The group, if it has members, had some, or has committed offsets."""
        return next((group for group in self if group.id == group_id), None)

    def require(self, group_id: str) -> Group:
        """The group of one who says that he is its member; raises UnknownMemberIdError."""
        if not group_id:
            raise InvalidGroupIdError
        if group_id not in self._groups:
            raise UnknownMemberIdError
        return self._groups[group_id]

    async def join(
        self,
        group_id: str,
        member_id: str,
        candidate: Candidate,
        *,
        id_required: bool,
        may_skip_assignment: bool,
    ) -> Joined:
        """`Group.join`, which begins the group where there is none.

        Raises:
            InvalidGroupIdError, InvalidSessionTimeoutError, and what `Group.join` raises.
        """
        shortest, longest = SESSION_TIMEOUT_S
        if not shortest <= candidate.session_timeout <= longest:
            raise InvalidSessionTimeoutError
        if member_id == "" and group_id:
            self._groups.setdefault(group_id, Group(group_id, self._save))
        return await self.require(group_id).join(
            member_id, candidate, id_required=id_required, may_skip_assignment=may_skip_assignment
        )

    def commit(
        self,
        group_id: str,
        member_id: str,
        instance_id: str | None,
        generation: int,
        offsets: Sequence[CommittedOffset],
    ) -> None:
        """Store offsets.

        Raises:
            IllegalGenerationError: there is no such group; and what `Group.check_commit` raises.
        """
        if group_id in self._groups:
            self._groups[group_id].check_commit(member_id, instance_id, generation)
        elif generation >= 0:
            raise IllegalGenerationError
        self._catalogue.commit_offsets(group_id, offsets)

    def offsets(self, group_id: str) -> dict[tuple[str, int], CommittedOffset]:
        """What the group has committed, by (topic, partition)."""
        return self._catalogue.offsets(group_id)

    def delete(self, group_id: str) -> None:
        """Forget a group and its offsets; raises GroupIdNotFoundError, NonEmptyGroupError."""
        group = self.find(group_id)
        if group is None:
            raise GroupIdNotFoundError
        if group.state is not State.EMPTY:
            raise NonEmptyGroupError
        self._groups.pop(group_id, None)
        self._catalogue.drop_group(group_id)

    def close(self) -> None:
        for group in self._groups.values():
            group.close()

    def _save(self, group: Group) -> None:
        self._catalogue.save_group(group.id, _saved(group))


def _saved(group: Group) -> str:
    members = [
        {"id": member.id, "assignment": _text(member.assignment)}
        | asdict(member.candidate)
        | {"protocols": {k: _text(v) for k, v in member.candidate.protocols.items()}}
        for member in group.members.values()
    ]
    return json.dumps(
        {
            "generation": group.generation,
            "protocol_type": group.protocol_type,
            "protocol": group.protocol,
            "leader_id": group.leader_id,
            "members": members,
        }
    )


def _restored(group_id: str, state: str, settled: Callable[[Group], None]) -> Group:
    saved = json.loads(state)
    group = Group(group_id, settled)
    group.generation = saved["generation"]
    group.protocol_type = saved["protocol_type"]
    group.protocol = saved["protocol"]
    group.leader_id = saved["leader_id"]
    for row in saved["members"]:
        member_id, assignment = row.pop("id"), base64.b64decode(row.pop("assignment"))
        protocols = {k: base64.b64decode(v) for k, v in row.pop("protocols").items()}
        group.restore(Member(member_id, Candidate(**row, protocols=protocols), assignment))
    group.state = State.STABLE if group.members else State.EMPTY
    return group


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
