"""The routes for whoever watches the app: `/healthz` (ledger, store, worker) and `/readyz` (may it take requests).

Owns their form: 200 or 503, `{"ok": false, "ledger": true, "store": true, "worker": false}`, null for what isn't known.
They are open to anybody, so they name no address and no reason; the log does.
"""

from collections.abc import Callable, Mapping

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.domain import UserError
from backend.services.health import HealthService

_SECONDS = 1.5  # a second for the parts, and some for a store that isn't open yet


async def healthz(_: Request) -> Response:
    """Whether everything works that an installation needs."""
    return await _answer(HealthService.parts, ledger=False, store=None, worker=None)


async def readyz(_: Request) -> Response:
    """Whether this app can take requests."""
    return await _answer(HealthService.ready, schema=False, store=None)


async def _answer(look: Callable[[HealthService], Mapping[str, bool]], **unopened: bool | None) -> Response:
    from pages.components.frame.session import services  # noqa: PLC0415 - its caches need the runtime, which starts later

    found: Mapping[str, bool | None] = dict.fromkeys(unopened)
    try:
        with anyio.move_on_after(_SECONDS):
            # A limiter of its own: the threads of all other routes may be waiting for the database.
            own = CapacityLimiter(1)
            found = await to_thread.run_sync(lambda: look(services().health), abandon_on_cancel=True, limiter=own)
    except UserError:
        found = unopened
    well = all(found.values())
    return JSONResponse({"ok": well, **found}, 200 if well else 503, {"Cache-Control": "no-store"})


routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
