"""The running app and files that would fill its memory: it stays small, says a sentence of each, and goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.app_pages import ROOT, App
from tests.browser.conftest import start_server
from tests.browser.traces.hostile_files import KINDS, LINE, hostile
from tests.patience import until

pytestmark = pytest.mark.browser
GROWTH = 300  # MB


class Running:
    """An app of its own process, and what that process holds."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        env = {
            "SECOND_THOUGHTS_STORE": str(self.store),
            "SECOND_THOUGHTS_ROOTS": str(folder),
            "SECOND_THOUGHTS_READ_MB": "250",
            "SECOND_THOUGHTS_UPLOADS_MB": "420",
        }
        env["STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"] = "5"
        self.process, self.url = start_server(ROOT / "app.py", env, folder / "log")

    def memory(self, what: str) -> int:
        """MB by a name of the system's: VmRSS now, VmHWM at most since `forget`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(rf"{what}:\s+(\d+)", status)[0]) >> 10

    def forget(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    app = Running(tmp_path_factory.mktemp("hostile"))
    yield app
    app.process.terminate()
    app.process.wait(60)


@pytest.mark.parametrize("each", [1, pytest.param(5, marks=pytest.mark.stress)])
def test_files_that_would_fill_the_memory_cost_a_sentence_each(running: Running, browser: Browser, each: int) -> None:
    folder = running.store.parent / f"in-{each}"
    files = hostile(folder, each)
    assert len(files) == each * len(KINDS)
    (folder / "good.jsonl").write_bytes(LINE)
    app = App(browser.new_page(), running.url).open("import")
    before = running.memory("VmRSS")
    running.forget()
    app.page.get_by_placeholder("/path/to/traces").fill(str(folder))
    app.page.keyboard.press("Enter")
    expect(app.page.get_by_role("heading", name="Will be imported as")).to_be_visible()
    app.settle()
    page = " ".join(app.page.locator("[data-testid=stMain]").all_inner_texts())
    assert [file.name for file in files if not re.search(rf"{file.name}(, row \d+)?: \S+ \S+ \S+", page)] == []
    app.page.get_by_role("button", name="Import", exact=True).click()
    expect(app.page.get_by_text("1 traces of 1 problems").first).to_be_visible()
    grown = running.memory("VmHWM") - before
    print(f"{len(files)} files: the app grew by at most {grown} MB")
    assert grown < GROWTH
    app.page.close()


def test_uploads_lie_on_disk_and_go_with_their_tab(running: Running, browser: Browser, tmp_path: Path) -> None:
    """Five files of 50 MB: four find room, and the app doesn't grow by as much as two of them."""
    files = []
    for number in range(5):
        files.append(tmp_path / f"{number}.jsonl")
        with files[-1].open("wb") as file:
            file.write(LINE)
            file.truncate(50 * 2**20)
    app = App(browser.new_page(), running.url).open("import")
    uploads = running.store / "uploads"
    left = set(uploads.iterdir()) if uploads.is_dir() else set()
    before = running.memory("VmRSS")
    running.forget()
    app.page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(files)
    expect(app.page.get_by_text(re.compile("413"))).to_be_visible()  # half of 420 MB is one tab's
    expect(app.page.get_by_text("row 2", exact=False).first).to_be_visible()
    grown = running.memory("VmHWM") - before
    print(f"200 MB of uploads: the app grew by at most {grown} MB")
    assert grown < 100
    lying = [path.stat().st_size for path in uploads.iterdir() if path not in left and path.is_file()]
    assert lying == [50 * 2**20] * 4
    for number in (0, 1):  # one of them may be the file that found no room
        app.page.get_by_role("button", name=f"Remove {number}.jsonl").click()
        app.settle()
    until(lambda: len([path for path in uploads.iterdir() if path not in left and path.is_file()]) in (2, 3))
    app.page.close()
    until(lambda: set(uploads.iterdir()) <= left)
