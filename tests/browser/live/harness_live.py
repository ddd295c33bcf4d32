"""A server that shows the live view alone, on the job named in its address, with the stream's own route.

Owns the application around `harness_live_page.py`. Knows nothing of how streams are made: tests write them.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components.live.stream_route import routes
from pages.parts.app.server import lifespan, middleware

app = st.App(Path(__file__).with_name("harness_live_page.py"), middleware=middleware, lifespan=lifespan, routes=routes)
