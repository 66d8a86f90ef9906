"""Who may do what."""

from collections.abc import Callable

import pytest

from dashboard.access import Right, right_of, secrets
from infra.errors import BadSetting
from infra.settings import Settings
from tests.dashboard.conftest import OpenPage
from tests.dashboard.test_files import fetching

PROVIDER = {
    "oidc_metadata_url": "https://login.example.org/.well-known/openid-configuration",
    "oidc_client_id": "doublet",
    "oidc_client_secret": "secret",
    "cookie_secret": "another secret",
    "dashboard_url": "https://doublet.example.org/",
    "operators": "anna@example.org, 4711",
}
VISITORS = Settings(visitors="look", **PROVIDER)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("identity", "right"),
    [
        ({}, Right.LOOK),
        ({"email": "anna@example.org", "email_verified": True}, Right.OPERATE),
        ({"email": "anna@example.org", "email_verified": False}, Right.LOOK),
        ({"email": "anna@example.org", "email_verified": "true"}, Right.LOOK),
        ({"email": "anna@example.org"}, Right.LOOK),
        ({"sub": "4711"}, Right.OPERATE),
        ({"sub": "anna@example.org"}, Right.OPERATE),
        ({"email": "otto@example.org", "email_verified": True, "sub": "12"}, Right.LOOK),
        ({"sub": ""}, Right.LOOK),
    ],
)
def test_operators_are_those_named_whose_address_is_verified(
    identity: dict[str, object], right: Right
) -> None:
    assert right_of(identity, VISITORS) == right


def test_without_operators_nobody_is_one_by_a_name_that_is_empty() -> None:
    assert right_of({"sub": "", "email": None}, Settings(visitors="none")) == Right.NONE


def test_streamlit_is_told_the_way_back() -> None:
    auth = secrets(VISITORS)["auth"]
    assert auth["redirect_uri"] == "https://doublet.example.org/oauth2callback"
    assert auth["server_metadata_url"] == PROVIDER["oidc_metadata_url"]


@pytest.mark.parametrize("name", sorted(PROVIDER.keys() - {"oidc_metadata_url"}))
def test_a_provider_needs_all_that_goes_with_it(name: str) -> None:
    lacking = Settings(**{**PROVIDER, name: ""})  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match=f"set {name.upper()} as well"):
        secrets(lacking)


@pytest.mark.usefixtures("sqlite")
def test_a_visitor_may_do_what_the_setting_says(
    configure: Callable[..., Settings], open_page: OpenPage
) -> None:
    configure(VISITORS="look")
    app = open_page("submit")
    assert not app.get("file_uploader")
    assert "VISITORS does not allow it" in app.info[0].value


def test_a_visitor_who_may_do_nothing_sees_nothing_and_gets_no_file(
    configure: Callable[..., Settings], open_page: OpenPage
) -> None:
    configure(VISITORS="none")
    app = open_page()
    assert ["To see anything here" in info.value for info in app.info] == [True]
    assert not app.metric
    answer = fetching("/originals/1")
    assert (answer.status_code, answer.text) == (401, "log in to see pictures")
