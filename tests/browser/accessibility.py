"""What axe-core finds wrong with a page for people who cannot see it, or use no mouse."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = {"serious", "critical"}


def serious_faults(page: Page) -> list[str]:
    """The serious and critical faults of what the page shows now, one line for each element."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {' '.join(map(str, node['target']))}"
        for fault in violations
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
