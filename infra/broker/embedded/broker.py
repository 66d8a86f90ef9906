"""The broker: what all requests work upon."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from infra.broker.claim import claim_folder
from infra.broker.embedded.catalogue import Catalogue
from infra.broker.embedded.coordinator import Coordinator
from infra.broker.embedded.topics import Topics

NODE_ID = 1


class Arrivals:
    """Wakes whoever waits for new records, in whichever partition."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def announce(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until the next record, or for `seconds`."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return


class Broker:
    """One node, its topics and groups, in one data folder. Needs a running event loop."""

    def __init__(self, data: Path, port: int, clock: Callable[[], float] = time.time) -> None:
        """Open the data folder, or begin one.

        Raises:
            BrokerCannotStart: another process has it open.
        """
        self.port = port
        self._lock = claim_folder(data)
        self.catalogue = Catalogue(data / "catalogue.sqlite3")
        self.topics = Topics(data / "topics", self.catalogue, clock)
        self.groups = Coordinator(self.catalogue)
        self.arrivals = Arrivals()

    def close(self) -> None:
        self.groups.close()
        self.topics.close()
        self.catalogue.close()
        os.close(self._lock)
