"""What axe-core finds wrong with a page for people who cannot see it, or use no mouse."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = {"serious", "critical"}
LOOKS = 4
"""While something is asked for anew it is shown paler, with too little contrast for a moment: a
fault is what is there at every look."""


def serious_faults(page: Page) -> list[str]:
    """The serious and critical faults of what the page shows now, one line for each element."""
    found: list[str] = []
    for _ in range(LOOKS):
        found = _faults(page)
        if not found:
            break
    return found


def _faults(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {' '.join(map(str, node['target']))}"
        for fault in violations
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
