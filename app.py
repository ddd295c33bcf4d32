"""The ASGI entry: the app with its security headers and its own routes: live streams, labels, health.

The main script is `pages/shell.py` and not this file: a folder `pages` beside the main script would let
a first request run a page without the shell around it.
"""

from pathlib import Path

import streamlit as st

from pages.components.labelling import annotate_route
from pages.components.live import stream_route
from pages.parts.app import health_route
from pages.parts.app.server import lifespan, middleware, refused

routes = [*stream_route.routes, *annotate_route.routes, *health_route.routes]
shell = Path(__file__).parent / "pages" / "shell.py"
app = st.App(shell, routes=routes, middleware=middleware, lifespan=lifespan, on_script_error=refused)
