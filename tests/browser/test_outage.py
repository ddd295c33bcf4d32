"""PostgreSQL away from a running app, in a real browser: pages come back by themselves, and labels wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.config import Settings
from backend.outages import LedgerUnreachable
from backend.services import Services, build_services
from tests.browser.annotation.annotate_parts import AnnotateView, as_person, fill, project
from tests.browser.app_pages import ROOT, App
from tests.browser.conftest import Serve
from tests.patience import until
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def services(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A store whose ledger is on a PostgreSQL of its own."""
    folder = tmp_path_factory.mktemp("outage")
    with build_services(Settings(store=folder / "store", ledger_url=own_postgres.new(), graders=1)) as wired:
        fill(wired, folder)
        yield wired


def away(page: Page) -> None:
    expect(page.locator(".st-key-sth-outage h1")).to_have_text("The ledger can’t be reached")


def test_an_outage_ends_by_itself_and_loses_nothing(
    services: Services, own_postgres: PostgresServer, serve: Serve, browser: Browser
) -> None:
    mine = project(services, "Outage")
    own_postgres.stop()
    # The app starts while its database is away, and serves once that is there.
    store = str(services.store.folder)
    url = serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": store, "SECOND_THOUGHTS_LEDGER": address(services)})
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    first, labelling = context.new_page(), context.new_page()
    as_person(first, url, "Ana")
    first.goto(url)
    away(first)
    own_postgres.start()
    expect(first.get_by_role("heading", level=1)).not_to_have_text("The ledger can’t be reached")

    view = AnnotateView(App(labelling, url)).open(mine.id)
    own_postgres.stop()
    view.drag(*view.where("Wait"))
    view.press("1")
    expect(view.root.locator(".saved")).to_contain_text("not saved yet")
    first.goto(f"{url}/jobs")
    away(first)
    own_postgres.start()
    view.saved()
    expect(first.get_by_role("heading", level=1)).to_have_text("Jobs")
    until(lambda: reached(services))
    ana = services.people.local("Ana")
    [item] = services.labelling.mine(ana.id, mine.id)
    assert [row.quote for row in services.labelling.history(item.item.id, ana.id)] == ["Wait"]
    context.close()


def reached(services: Services) -> bool:
    with suppress(LedgerUnreachable):
        return services.runs.version() >= 0
    return False


def address(services: Services) -> str:
    return services.store.ledger._engine.url.render_as_string(hide_password=False)
