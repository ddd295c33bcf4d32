"""Driving the whole application in a browser: opening its pages, waiting until they stand still, reading them.

Owns what every test of a page needs. Knows the pages by their addresses, labels and container keys alone, and nothing
of how their figures are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Locator, Page, expect

from backend.services import Services
from tests.browser.components.trace_view_cases import SELECT
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 1_000 * PATIENCE  # ms
NUMBER = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?")
# Streamlit's page doesn't know that it is busy before the server says so, which may take a while. This listens to both:
# a request to run, of the whole script or of a fragment, is answered by a new session and, later, an end. Runs that a
# fragment asks for by its clock don't count. The numbers are fields of BackMsg and ForwardMsg in Streamlit's protocol.
WIRE = """() => {
    if (window.wire) return;
    const wire = window.wire = {asked: new Set(), running: false, last: 0};
    const bytesOf = (data) => new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
    const fields = (bytes) => {
        const found = {};
        let at = 0;
        const number = () => {
            for (let value = 0, by = 1; ; by *= 128) {
                const byte = bytes[at++];
                value += (byte % 128) * by;
                if (byte < 128) return value;
            }
        };
        while (at < bytes.length) {
            const tag = number(), kind = tag % 8, value = kind === 0 || kind === 2 ? number() : 0;
            (found[Math.floor(tag / 8)] ??= []).push(kind === 2 ? bytes.subarray(at, at + value) : value);
            at += kind === 2 ? value : kind === 1 ? 8 : kind === 5 ? 4 : 0;
        }
        return found;
    };
    const inside = (found, ...numbers) => numbers.reduce((one, number) => one[number] ? fields(one[number][0]) : {}, found);
    const text = (bytes) => new TextDecoder().decode(bytes);
    const heard = (found) => {
        if (found[4]) {
            const fragments = (inside(found, 2, 6)[2] ?? []).map(text);
            fragments.forEach((id) => wire.asked.delete(id));
            if (!fragments.length) wire.asked.clear();
            wire.running = true;
        }
        if (found[6]) wire.running = found[6][0] === 2;  // ended early, for another run
        if (found[4] || found[6]) wire.last = performance.now();
    };
    const said = (found) => {
        if (!found[11]) return;
        const state = inside(found, 11);
        if (state[6]?.[0]) return;
        wire.asked.add(state[5] ? text(state[5][0]) : '');
        wire.last = performance.now();
    };
    window.WebSocket = class extends WebSocket {
        constructor(...given) {
            super(...given);
            this.ours = String(given[0]).includes('_stcore/stream');
            if (!this.ours) return;
            wire.asked.clear();
            wire.running = false;
            this.addEventListener('message', ({data}) => { if (data instanceof ArrayBuffer) heard(fields(bytesOf(data))); });
        }
        send(data) {
            if (this.ours) said(fields(bytesOf(data)));
            super.send(data);
        }
    };
}"""
QUIET = """() => {
    const wire = window.wire, forgotten = wire && performance.now() - wire.last > 20_000;
    const owed = wire && (wire.running || (wire.asked.size && !forgotten));
    const app = document.querySelector('[data-testid=stApp]');
    const busy = owed || !app || app.dataset.testScriptState !== 'notRunning' || !document.querySelector('h1')
        || document.querySelector('[data-testid=stSkeleton], [data-testid=stStatusWidget], [data-stale=true]')
        || [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].some((host) =>
            !host.shadowRoot?.querySelector('.tv[data-painted], .an[data-painted], .adj[data-painted], #kept, #box > *, #rail > *, #files > *'));
    if (busy || window.quietSince === undefined) window.quietSince = performance.now();
    return !busy && performance.now() - window.quietSince > 200;
}"""


class App:
    """The application in one page of the browser."""

    def __init__(self, page: Page, url: str) -> None:
        page.set_default_timeout(TIMEOUT)
        expect.set_options(timeout=TIMEOUT)
        page.add_init_script(f"({WIRE})()")
        self.page, self.url = page, url

    def open(self, path: str = "", **query: str) -> App:
        """Open a page by its address and wait until it stands still."""
        self.page.goto(f"{self.url}/{path}" + (f"?{urlencode(query)}" if query else ""))
        return self.settle()

    def reload(self) -> App:
        """Load the present address anew."""
        self.page.reload()
        return self.settle()

    def settle(self) -> App:
        """Wait until every run that was asked for has ended and the page has not changed its mind for a moment."""
        self.page.evaluate("() => { window.quietSince = undefined }")
        self.page.wait_for_function(QUIET, timeout=TIMEOUT, polling=50)
        return self

    def query(self) -> dict[str, str]:
        """The address's query, the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def wait_query(self, name: str, value: str | None) -> App:
        """Wait until the address holds `name` as `value` (None: not at all), then until the page stands still."""
        self.page.wait_for_function(
            "([name, value]) => new URLSearchParams(location.search).get(name) === value", arg=[name, value]
        )
        return self.settle()

    def choose(self, key: str, option: str) -> App:
        """Choose an option of the select box with this key."""
        self.page.locator(f".st-key-{key}").get_by_role("combobox").click()
        self.page.get_by_role("option", name=option, exact=True).click()
        return self.settle()

    def rail(self) -> Locator:
        """The list of problems in Compare."""
        return self.page.locator(".st-key-problems .rail")

    def listed(self) -> list[str]:
        """The ids of the problems the list shows, in its order."""
        return self.rail().get_by_role("option").evaluate_all("items => items.map((item) => item.dataset.id)")

    def pane(self, number: int = 0) -> Locator:
        """A pane of the trace viewer, from the left."""
        return self.page.locator(".tv .pane").nth(number)

    def chart(self, key: str) -> Locator:
        """A chart with its downloads and its table."""
        return self.page.locator(f".st-key-sth-chart-{key}")

    def drawn(self, key: str) -> list[dict]:
        """The traces Plotly has drawn in a chart."""
        self.chart(key).locator(".js-plotly-plot .plot-container").first.wait_for(state="attached")
        return (
            self.chart(key)
            .locator(".js-plotly-plot")
            .evaluate(
                "plot => plot.data.map(({x, y, text, name}) => JSON.parse(JSON.stringify({"
                "x: x && Array.from(x.length === undefined ? plot._fullData[0].x : x), y: y && Array.from(y), text, name})))"
            )
        )

    def chart_rows(self, key: str) -> list[dict[str, str]]:
        """The table of data under a chart, a record a row."""
        files = self.page.locator(f".st-key-{key}-files")
        files.locator("table").first.wait_for(state="attached")
        return files.locator("table").first.evaluate("""table => {
            const names = [...table.querySelectorAll('thead th')].map((cell) => cell.textContent);
            return [...table.querySelectorAll('tbody tr')].map((row) =>
                Object.fromEntries(names.map((name, at) => [name, row.children[at].textContent])));
        }""")

    def select_text(self, start: int, end: int, pane: int = 0) -> str:
        """Select code points [start, end) of a pane and return what the selection bar says."""
        self.page.evaluate(SELECT, [pane, start, end])
        return str(self.pane(pane).locator(".selected:not([hidden]) .where").get_attribute("data-range"))

    def highlighted(self) -> list[str]:
        """The texts marked as linked."""
        return list(
            self.page.evaluate("[...(CSS.highlights.get('trace-view-linked') ?? [])].map(range => range.toString())")
        )

    def wait_highlight(self) -> None:
        """Wait until a linked stretch is marked."""
        self.page.wait_for_function("() => (CSS.highlights.get('trace-view-linked')?.size ?? 0) > 0")

    def text(self) -> str:
        """Everything written on the page, shadow roots included."""
        return str(
            self.page.evaluate("""() => {
            const parts = [];
            const walk = (node) => {
                if (node.nodeType === 3) parts.push(node.data);
                if (node.nodeName === 'STYLE' || node.nodeName === 'SCRIPT') return;
                if (node.shadowRoot) walk(node.shadowRoot);
                for (const child of node.childNodes) walk(child);
            };
            walk(document.body);
            return parts.join('\\n');
        }""")
        )


@contextmanager
def held(services: Services) -> Iterator[None]:
    """What `harness_held.py` can hold stands still, until the block ends."""
    hold = services.store.folder / "hold"
    hold.touch()
    try:
        yield
    finally:
        hold.unlink()


def table_rows(table: Locator) -> list[dict[str, str]]:
    """A shared table's rows by column heading; links' column is called "". Each row also has its id as "id"."""
    table.locator("tbody tr, thead").first.wait_for(state="attached")
    return table.evaluate("""table => {
        const named = (th) => th.querySelector('.unnamed') ? '' : th.textContent.replace(/[↑↓]/g, '');
        const names = [...table.querySelectorAll('thead th')].map(named);
        return [...table.querySelectorAll('tbody tr')].map((row) => ({id: row.dataset.row,
            ...Object.fromEntries(names.map((name, at) => [name, row.children[at].innerText]))}));
    }""")


def numbers(text: str) -> list[tuple[float, int]]:
    """Every number written in `text`, with how many decimals it is written to."""
    found = [match[0].replace("−", "-").replace(",", "") for match in NUMBER.finditer(text)]
    return [(float(number), len(number.partition(".")[2])) for number in found]


def same_figures(text: str, expected: Sequence[float | None]) -> None:
    """Assert that `text` holds exactly these figures, each rounded to the decimals it is written with; None isn't
    written.
    """
    shown, known = numbers(text), [value for value in expected if value is not None]
    assert len(shown) == len(known), (text, expected)
    for (value, places), wanted in zip(shown, known, strict=True):
        assert abs(value - wanted) <= 0.5 * 10**-places + 1e-9, (text, expected)


def same_record(shown: Mapping[str, str], expected: Mapping[str, str | float | None]) -> None:
    """Assert that a row of a chart's table says what it should: numbers to six digits, "–" for none, texts exactly."""
    assert list(shown) == list(expected)
    for name, wanted in expected.items():
        if wanted is None:
            assert shown[name] == "–", (name, shown, expected)
        elif isinstance(wanted, str):
            assert shown[name] == wanted, (name, shown, expected)
        else:
            value = float(shown[name].replace(",", ""))
            assert abs(value - wanted) <= 1e-5 * max(1.0, abs(wanted)), (name, shown, expected)


def css_rgb(color: str) -> str:
    """`#rrggbb` as browsers write it."""
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"
