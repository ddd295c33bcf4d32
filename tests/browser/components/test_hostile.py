"""Hostile traces, names and files on every page: nothing runs, nothing is fetched, everything is shown as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from backend.config import Settings
from backend.import_plan import Overrides
from backend.services import build_services
from tests.browser.app_pages import App

ROOT = Path(__file__).resolve().parents[3]
BEACON = "http://198.51.100.7/beacon"
MODEL = f'<img src="{BEACON}/model.png" onerror="alert(1)"> ![m]({BEACON}/md.png) :material/bug: **M**'
TEXT = f"""<think>wait, <script>alert('script')</script> </script> hmm
<img src=x onerror="alert('img')"><style>* {{ display: none !important }}</style>
<a href="javascript:alert('link')">maybe</a> [perhaps](javascript:alert(1)) ![p]({BEACON}/md.png)
<svg onload="alert('svg')"></svg><form action="{BEACON}/form"><button>go</button></form>
\u202eabc\u202c \u2066iso\u2069 \x1b[31mred\x1b[0m \x07 $\\href{{javascript:alert(1)}}{{x}}$ $\\unicode{{x}}$
$<mglyph src="{BEACON}/m.png"/>$ \\(\\style{{background:url({BEACON}/css)}}{{y}}\\)</think>
Actually the answer is \\boxed{{<img src=y onerror=alert(2)>}} <iframe src="{BEACON}/frame"></iframe>"""
QUESTION = f"<img src='{BEACON}/q.png' onerror=alert(3)> What is $1+1$? ![q]({BEACON}/q2.png)"
SHOWN = ["<script>alert('script')</script>", "onerror=\"alert('img')\"", "javascript:alert('link')", "<iframe src="]


def hostile_rows(samples: int) -> list[dict[str, object]]:
    """Rows as the paper's evaluation writes them."""
    texts = [TEXT + " again" * i for i in range(samples)]
    return [
        {
            "question": QUESTION + " " * i + "?" * i,
            "generated_responses": texts,
            "generated_answers": ["<b>2</b>"] * samples,
            "gold_answer": "<i>2</i>",
            "is_correct": False,
            "answers_correctness": [False] * samples,
            "id": i,
        }
        for i in range(3)
    ]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> tuple[str, Settings]:
    """The app over a store of two hostile runs: (address, settings)."""
    folder = tmp_path_factory.mktemp("hostile")
    settings = Settings(store=folder / "store")
    for side, suffix in (("base", ""), ("limo", " <u>B</u>")):
        path = folder / side / "<img src=x onerror=alert(4)>" / "t\u202exet" / f"te'st\"<b>{side}.jsonl"
        path.parent.mkdir(parents=True)
        rows = hostile_rows(2 if side == "base" else 1)
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        with build_services(settings) as services:
            chosen = Overrides(model=MODEL + suffix, dataset="<h1>set</h1>", template="<script>1</script>")
            outcomes = list(services.imports.run([path], chosen))
            assert [outcome.state for outcome in outcomes] == ["imported"], outcomes
    return serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(settings.store)}), settings


@pytest.fixture
def watched(browser: Browser, hostile: tuple[str, Settings]) -> Iterator[tuple[Page, list[str]]]:
    """A page, and the list of what must not happen: dialogs, requests to elsewhere, script errors."""
    address, _ = hostile
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened, seen = App(context.new_page(), address).page, []
    opened.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    opened.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else seen.append(r.url))
    opened.on("popup", lambda popup: seen.append(f"popup {popup.url}"))
    yield opened, seen
    context.close()


def settle(page: Page) -> None:
    """Wait until the page stands still, and has asked for all it wants."""
    App(page, "").settle()
    page.wait_for_load_state("networkidle")


def planted(page: Page) -> list[str]:
    """Elements that could only come from hostile text, in the page and in every shadow root."""
    return page.evaluate(
        """() => {
        const found = [];
        const walk = (root) => {
            for (const e of root.querySelectorAll('*')) {
                if (['IFRAME', 'FORM', 'U', 'MGLYPH'].includes(e.tagName) && !e.closest('[data-testid=stForm]')) found.push(e.outerHTML.slice(0, 200));
                for (const a of e.attributes)
                    if (a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value) || (['src', 'href', 'action'].includes(a.name) && a.value.includes('198.51.100.7')))
                        found.push(`${e.tagName} ${a.name}=${a.value}`.slice(0, 200));
                if (e.shadowRoot) walk(e.shadowRoot);
            }
        };
        walk(document);
        return found;
    }"""
    )


TEXT_OF_PAGE = """() => {
    const parts = [];
    const walk = (node) => {
        if (node.nodeType === 3) parts.push(node.data);
        if (node.nodeName === 'STYLE' || node.nodeName === 'SCRIPT') return;
        if (node.shadowRoot) walk(node.shadowRoot);
        for (const child of node.childNodes) walk(child);
    };
    walk(document.body);
    return parts.join('');
}"""


def visible_text(page: Page) -> str:
    """Everything written on the page, shadow roots included."""
    return str(page.evaluate(TEXT_OF_PAGE))


def wait_for_text(page: Page, pieces: list[str]) -> None:
    """Wait until every piece stands on the page, letter for letter."""
    page.wait_for_function(f"(pieces) => {{ const shown = ({TEXT_OF_PAGE})(); return pieces.every(p => shown.includes(p)) }}",
                           arg=pieces)  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/browse", "/compare", "/runs"])
def test_pages_show_hostile_names_as_they_are(
    path: str, hostile: tuple[str, Settings], watched: tuple[Page, list[str]]
) -> None:
    page, seen = watched
    page.goto(hostile[0] + path)
    settle(page)
    wait_for_text(page, ['<img src="' + BEACON])
    assert planted(page) == []
    assert seen == []


def test_the_reader_shows_hostile_text_as_it_is(hostile: tuple[str, Settings], watched: tuple[Page, list[str]]) -> None:
    page, seen = watched
    with build_services(hostile[1]) as services:
        trace = services.runs.all()[0].id + "-00000"
        cues = len(services.traces.open(trace, services.lexicons.get("doubts").id).response_cues)
    page.goto(f"{hostile[0]}/reader?trace={trace}")
    settle(page)
    wait_for_text(page, SHOWN)
    assert page.locator("mark").count() >= cues > 0
    page.keyboard.press("m")
    settle(page)
    page.get_by_role("button", name="Source", exact=True).click()
    page.get_by_role("button", name="Verdicts", exact=True).click()
    settle(page)
    assert planted(page) == []
    assert seen == []


def test_compare_shows_hostile_text_as_it_is(hostile: tuple[str, Settings], watched: tuple[Page, list[str]]) -> None:
    page, seen = watched
    page.goto(f"{hostile[0]}/compare")
    settle(page)
    page.keyboard.press("j")
    settle(page)
    wait_for_text(page, SHOWN)
    assert planted(page) == []
    assert seen == []


def test_hostile_addresses_are_only_text(hostile: tuple[str, Settings], watched: tuple[Page, list[str]]) -> None:
    page, seen = watched
    for query in ("/reader?trace=<img src=x onerror=alert(9)>", "/compare?runs=<script>alert(9)</script>&mode=<b>&problem=<i>",
                  "/browse?q=<img src=x onerror=alert(9)>&as=regex&sort=<b>", "/browse?q=(&as=regex"):  # fmt: skip
        page.goto(hostile[0] + query)
        settle(page)
        assert planted(page) == []
        assert "Traceback" not in visible_text(page)
    assert seen == []
