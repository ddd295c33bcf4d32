"""The Python side of every browser component: a Streamlit v2 component made of files beside its module.

Owns how scripts and style sheets become the strings Streamlit takes, and when the component is registered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import streamlit as st

from pages.components.browser.joined_script import joined_script
from pages.components.palette import css_variables

Text = TypeVar("Text", bound=str | None)
# JSON may carry lone surrogates, the UTF-8 of a WebSocket or an event stream may not.
_SURROGATE = re.compile("[\ud800-\udfff]")


def browser_component(
    name: str, entry: Path, *, styles: Sequence[Path] = (), scope: str | None = ":host", html: str | None = None
) -> BrowserComponent:
    """The component `second_thoughts_NAME`, drawn by the default export of the module `entry`.

    `styles` are its style sheets, in order; `scope` is the selector that gets the palette's colours as custom
    properties, None for none of them. `html` stands in the component before the script runs.
    """
    return BrowserComponent(f"second_thoughts_{name}", entry, tuple(styles), scope, html)


@dataclass(frozen=True)
class BrowserComponent:
    """A component that can be put on a page any number of times, by calling it."""

    name: str
    entry: Path
    styles: tuple[Path, ...]
    scope: str | None
    html: str | None = field(repr=False)

    def __call__(
        self,
        *,
        key: str,
        data: Mapping[str, Any],
        reports: Iterable[str] = (),
        on: Mapping[str, Callable[[], None]] | None = None,
        height: int | None = None,
    ) -> Any:
        """Draw it with `data` and return Streamlit's result, on which the values named in `reports` and `on` appear.

        `on` holds callbacks by the name of the value whose change they answer, before the page runs again.
        """
        # Streamlit puts only those values on the result that have a callback.
        callbacks = dict.fromkeys(reports, lambda: None) | dict(on or {})
        options: dict[str, Any] = {f"on_{name}_change": act for name, act in callbacks.items()}
        if height is not None:
            options["height"] = height
        return self._mounted(key=key, data=data, **options)

    @cached_property
    def _mounted(self) -> Callable[..., Any]:
        """Registered on first use, so that importing a page's modules reads no files."""
        return st.components.v2.component(self.name, html=self.html, css=self.css() or None, js=self.script())

    def css(self) -> str:
        """The palette's colours and the style sheets as one."""
        colours = css_variables(self.scope) if self.scope else ""
        return colours + "\n".join(path.read_text(encoding="utf-8") for path in self.styles)

    def script(self) -> str:
        """The modules as one script. Streamlit takes a string without a line break for a file's name."""
        return joined_script(self.entry) + "\n"


def encodable(text: Text) -> Text:
    """`text` as UTF-8 can carry it: each lone surrogate becomes one replacement character, which keeps offsets."""
    return cast(Text, None if text is None else _SURROGATE.sub("\ufffd", cast(str, text)))
