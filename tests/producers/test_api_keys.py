"""Keys, quotas and places of the HTTP door, and watched files, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.database.engine import Database
from producers.api_keys import ApiKeys, BadKey
from producers.api_pictures import ABANDONED, WINDOW, ApiPictures, Holder, QuotaUsedUp
from producers.submitting import Receipt
from producers.watched_files import Version, WatchedFiles
from tests.producers.conftest import SettableClock

RECEIPT = Receipt("s", "1", "moon.png", "ab" * 32, 9, "t", 0, 7)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.fixture
def keys(database: Database, clock: SettableClock) -> ApiKeys:
    return ApiKeys(database, clock)


@pytest.fixture
def pictures(database: Database, clock: SettableClock) -> ApiPictures:
    return ApiPictures(database, clock)


def holder(keys: ApiKeys, per_day: int = 2) -> Holder:
    key = keys.find(keys.create("telescope", per_day))
    assert key is not None
    return Holder(key.id, key.per_day)


def test_a_key_is_known_by_its_secret_until_it_is_revoked(keys: ApiKeys) -> None:
    secret = keys.create("telescope", 5)
    found = keys.find(secret)
    assert found is not None
    assert secret not in (found.sha256, found.name)
    assert keys.find(secret + "x") is None
    with pytest.raises(BadKey, match="already"):
        keys.create("telescope", 5)
    keys.revoke("telescope")
    assert keys.find(secret) is None
    with pytest.raises(BadKey, match="no key"):
        keys.revoke("telescope")


def test_a_quota_counts_what_was_handed_in_within_24_hours(
    keys: ApiKeys, pictures: ApiPictures, clock: SettableClock
) -> None:
    mine = holder(keys)
    for _ in range(2):
        pictures.fill(pictures.keep_place(mine), RECEIPT)
        clock.forward(hours=1)
    with pytest.raises(QuotaUsedUp) as refused:
        pictures.keep_place(mine)
    assert refused.value.free_in == timedelta(hours=22)
    assert [key.used for key in keys.list()] == [2]
    pictures.keep_place(Holder(None, 1))  # another quota
    clock.now += refused.value.free_in
    pictures.keep_place(mine)


def test_what_was_not_handed_in_does_not_count(
    keys: ApiKeys, pictures: ApiPictures, clock: SettableClock
) -> None:
    mine = holder(keys, per_day=1)
    pictures.give_up(pictures.keep_place(mine))
    pictures.keep_place(mine)  # and its server dies
    with pytest.raises(QuotaUsedUp) as refused:
        pictures.keep_place(mine)
    assert refused.value.free_in <= WINDOW
    clock.now += ABANDONED
    pictures.keep_place(mine)
    assert [key.used for key in keys.list()] == [0]


def test_a_place_is_a_picture_once_it_is_filled_and_its_holders_alone(
    keys: ApiKeys, pictures: ApiPictures
) -> None:
    mine = holder(keys)
    picture_id = pictures.keep_place(mine)
    assert pictures.find(picture_id, mine) is None
    pictures.fill(picture_id, RECEIPT)
    assert pictures.find(picture_id, mine) == RECEIPT
    assert pictures.find(picture_id, Holder(None, 1)) is None


def test_of_many_at_once_no_more_come_in_than_the_quota_has(
    keys: ApiKeys, pictures: ApiPictures
) -> None:
    mine = holder(keys, per_day=3)

    def keep(_: int) -> bool:
        try:
            pictures.keep_place(mine)
        except QuotaUsedUp:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(keep, range(8))) == 3


def test_watched_files_are_known_after_a_restart_by_their_version(database: Database) -> None:
    odd = Path("/sky/\udce9\x01" + "x" * 900 + ".png")
    files = WatchedFiles(database)
    files.note(odd, Version(1, 2), "upload:1")
    files.note(odd, Version(3, 4), refused="not a readable picture")
    again = WatchedFiles(database)
    again.read()
    assert again.knows(odd, Version(3, 4))
    assert not again.knows(odd, Version(1, 2))
    assert not again.knows(Path("/sky/other.png"), Version(3, 4))
