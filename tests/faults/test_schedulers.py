"""Two schedulers at the same day."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime

from infra.books import Account
from producers.scheduler import ask_due_days
from tests.consumers.consuming import Site
from tests.faults.drills import Drill
from tests.fixtures.apod_servers import ApodServer, Recorded, v2_entry
from tests.producers.conftest import picture

TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_two_schedulers_ask_for_the_same_day(
    site: Site, drill: Callable[[Site], Drill], apod_server: ApodServer
) -> None:
    settings = site.settings.model_copy(update={"apod_v2_url": apod_server.v2_url})
    apod_server.v2(TODAY, v2_entry(apod_server, TODAY))
    apod_server.put(f"/dynamicimage/{TODAY}.png", Recorded(picture()))
    start = threading.Barrier(2)

    def schedule() -> None:
        start.wait()
        ask_due_days(settings, site.world.database, lambda: NOON)

    twins = drill(site)
    with site.consuming():
        with twins.broken("two schedulers run at the same time"):
            threads = [threading.Thread(target=schedule) for _ in range(start.parties)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        after = twins.require_recovery()
    assert after == Account(accepted=1, done=1)
