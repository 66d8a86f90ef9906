"""Logging in at an OpenID provider, in a real browser."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import RunningDashboard
from tests.browser.pages import Dashboard, window

pytestmark = pytest.mark.browser

LOCKED = "To hand pictures in: log in as an operator."


def test_only_operators_hand_pictures_in_where_visitors_may_look(
    browser: Browser, guarded_dashboard: RunningDashboard
) -> None:
    with window(browser, guarded_dashboard.address, 1440, "light") as view:
        view.open("/pictures?state=done")
        view.go_to("Submit")
        expect(view.page.get_by_text(LOCKED)).to_be_visible()
        _log_in(view, "anna")
        view.page.get_by_text("anna@example.org, operator").wait_for()
        view.go_to("Submit")
        expect(view.page.get_by_test_id("stFileUploader")).to_be_visible()
        view.page.get_by_role("button", name="Log out").click()
        expect(view.page.get_by_role("button", name="Log in")).to_be_visible()
        view.go_to("Submit")
        expect(view.page.get_by_text(LOCKED)).to_be_visible()


@pytest.mark.parametrize("name", ["otto", "unverified"])
def test_who_is_no_operator_or_not_verified_stays_a_visitor(
    browser: Browser, guarded_dashboard: RunningDashboard, name: str
) -> None:
    with window(browser, guarded_dashboard.address, 1440, "light") as view:
        view.open("/")
        _log_in(view, name)
        view.page.get_by_text(f"{name}@example.org, no operator").wait_for()
        view.go_to("Submit")
        expect(view.page.get_by_text(LOCKED)).to_be_visible()


def _log_in(view: Dashboard, name: str) -> None:
    view.page.get_by_role("button", name="Log in").click()
    view.page.get_by_role("link", name=name, exact=True).click()
    view.settle()
