"""The browser component of a labelling view: an entry script and its style sheet over the look both views share."""

from pathlib import Path

from pages.components.browser.component import BrowserComponent, browser_component

_SHARED_STYLE = Path(__file__).parent / "labelling_view.css"


def labelling_component(name: str, entry: Path, style: Path) -> BrowserComponent:
    """The component `second_thoughts_NAME`; `style` comes after the shared sheet, so that it may change it."""
    # The palette's colours go to .an and not to :host: the sheets name the view's own element everywhere.
    return browser_component(name, entry, styles=[_SHARED_STYLE, style], scope=".an")
