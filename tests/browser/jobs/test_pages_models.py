"""Models in a real browser: look before adding, refusals that lose nothing, the tree, evaluate, change and remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from backend.config import Settings
from backend.job import JobKind
from backend.services import Services, build_services
from backend.services.generation.specs import GenerationSpec
from tests.browser.app_pages import ROOT, App

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> **b** :material/bug: $x$"
CONTRAST = """(host) => {
    const light = (c) => { const v = c / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    const of = (css) => { const [r, g, b] = css.match(/[\\d.]+/g).map(Number);
        return 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b); };
    const solid = (e) => { for (; e; e = e.parentElement ?? e.getRootNode().host) {
        const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$|transparent/.test(c)) return c; } };
    return [...host.querySelectorAll('bdi, small, .yes, .no, .runs')].map((e) => {
        const [a, b] = [of(getComputedStyle(e).color), of(solid(e))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); });
}"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("models")
    return Settings(store=folder / "store", lab=folder / "lab", graders=1)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.engines import tiny

    return tiny.save_model(tmp_path_factory.mktemp("tiny") / "tiny-model")


@pytest.fixture(scope="module")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    from tests.engines import tiny

    return tiny.save_adapter(tiny_model, tmp_path_factory.mktemp("tiny") / "tiny-adapter")


@pytest.fixture(scope="module")
def services(store: Settings) -> Iterator[Services]:
    """Everything wired over the store that the application shows."""
    with build_services(store) as wired:
        yield wired


@pytest.fixture(scope="module")
def address(store: Settings, serve: Callable[..., str]) -> str:
    names = {"STORE": store.store, "LAB": store.lab, "DEMO": "off", "WORKER": "off"}
    return serve(ROOT / "app.py", {f"SECOND_THOUGHTS_{name}": str(value) for name, value in names.items()})


@pytest.fixture
def app(tab: Page, address: str, services: Services) -> App:
    """The application; no model is left of another test."""
    for info in reversed(services.models.all()):
        services.store.registry.remove_model(info.model.id)
    return App(tab, address)


def rows(app: App) -> Locator:
    return app.page.locator(".st-key-lineage button[data-model]")


def fill(app: App, label: str, value: str) -> None:
    field = app.page.get_by_role("dialog").get_by_role("textbox", name=label)
    field.fill(value)
    field.press("Tab")
    app.settle()


def test_a_folder_is_recognised_before_it_is_added_and_a_refusal_loses_nothing(
    app: App,
    services: Services,
    tiny_model: Path,
    tiny_adapter: Path,
    tmp_path: Path,
) -> None:
    page = app.open("models").page
    assert "No model is known here yet." in app.text()
    page.get_by_role("button", name="Add a model").click()
    dialog = page.get_by_role("dialog")
    fill(app, "Note", "a small one")
    fill(app, "Folder of this machine", str(tmp_path))
    expect(dialog).to_contain_text("holds no model: neither config.json nor adapter_config.json is in it.")
    fill(app, "Folder of this machine", str(tiny_adapter))
    expect(dialog).to_contain_text("It holds an adapter: LORA")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_contain_text("add that model first, then the adapter.")
    expect(dialog.get_by_role("textbox", name="Note")).to_have_value("a small one")
    expect(dialog.get_by_role("textbox", name="Folder of this machine")).to_have_value(str(tiny_adapter))
    fill(app, "Folder of this machine", str(tiny_model))
    expect(dialog).to_contain_text("It holds a checkpoint: Qwen3ForCausalLM")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(rows(app)).to_have_count(1)
    expect(rows(app).first).to_contain_text("can be served by ✓ transformers")
    app.settle()
    [info] = services.models.all()
    assert (info.model.name, info.model.note) == (tiny_model.name, "a small one")
    assert "a small one" in app.text() and app.query()["model"] == tiny_model.name


def test_a_server_and_a_hub_name_are_added_or_refused_in_place(app: App, services: Services) -> None:
    page = app.open("models").page
    page.get_by_role("button", name="Add a model").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("A server", exact=True).click()
    fill(app, "Address", "ftp://somewhere")
    fill(app, "Model, by its name there", "Qwen/Qwen3-8B")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_contain_text("'ftp://somewhere' is no address of a server")
    expect(dialog.get_by_role("textbox", name="Model, by its name there")).to_have_value("Qwen/Qwen3-8B")
    fill(app, "Address", "http://127.0.0.1:9")
    fill(app, "Name here", HOSTILE)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(rows(app)).to_have_count(1)
    app.settle()
    assert app.text().count(HOSTILE) >= 2 and page.locator("img[src='x']").count() == 0
    page.get_by_role("button", name="Add a model").click()
    dialog.get_by_text("A hub name", exact=True).click()
    expect(dialog).to_contain_text("Nothing is downloaded.")
    fill(app, "Name on the hub", "no-such/model")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(rows(app)).to_have_count(2)
    expect(page.get_by_role("button", name="Answer live")).to_be_disabled()
    app.settle()
    assert "no-such/model has not been downloaded to this machine" in app.text()
    rows(app).filter(has_text="onerror").click()
    expect(page.get_by_role("button", name="Answer live")).to_be_enabled()
    assert app.settle().query()["model"] == HOSTILE


def test_the_tree_leads_to_evaluating_changing_and_removing(
    app: App,
    services: Services,
    tiny_model: Path,
    tiny_adapter: Path,
) -> None:
    base = services.models.add_folder(tiny_model, "base")
    adapter = services.models.add_folder(tiny_adapter, "tuned")
    page = app.open("models").page
    inner = page.locator(".st-key-lineage li li button")
    expect(inner).to_have_attribute("data-model", adapter.id)
    rows(app).first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(inner).to_have_attribute("aria-current", "true")
    app.settle()
    assert app.query()["model"] == "tuned" and "Sits on base." in app.text()
    page.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    fill(app, "Name", "base")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("Another model is called 'base' already")
    fill(app, "Name", "tuned twice")
    dialog.get_by_role("button", name="Save").click()
    expect(inner).to_contain_text("tuned twice")
    app.settle()
    rows(app).first.click()
    app.wait_query("model", "base")
    page.get_by_role("button", name="Remove").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(dialog).to_contain_text("base can't be removed: tuned twice sits on it.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Evaluate").click()
    dialog.get_by_role("spinbutton", name="Problems").fill("3")
    dialog.get_by_role("spinbutton", name="Samples of each").fill("2")
    dialog.get_by_role("spinbutton", name="Temperature").fill("0")
    page.keyboard.press("Tab")
    expect(dialog).to_contain_text("6 traces in 1 run.")
    app.settle()
    dialog.get_by_role("button", name="Evaluate").click()
    page.wait_for_url("**/jobs")
    [job] = services.jobs.open()
    spec = GenerationSpec.from_json(job.spec)
    assert (job.kind, spec.arms[0].model, spec.problem_set) == (JobKind.EVALUATE, base.id, "lab-cd3-test")
    assert (spec.limit, spec.samples, spec.decoding.temperature, spec.decoding.max_tokens) == (3, 2, 0, 256)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_legible_and_nothing_overflows(app: App, services: Services, tiny_model: Path, scheme: str) -> None:
    base = services.models.add_folder(tiny_model, "a" * 120)
    services.models.add_endpoint("http://127.0.0.1:9", "served", parent=base.id)
    app.page.emulate_media(color_scheme=scheme)
    app.page.set_viewport_size({"width": 1024, "height": 900})
    page = app.open("models").page
    found = page.locator(".st-key-lineage .tree").evaluate(CONTRAST)
    assert len(found) > 8 and min(found) >= 4.5
    assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth <= e.clientWidth")
    page.get_by_role("button", name="Answer live").click()
    page.wait_for_url("**/live?models=*")
    app.settle()
    page.emulate_media(color_scheme="light")
