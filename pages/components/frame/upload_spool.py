"""Uploads on disk: a middleware takes them before Streamlit would hold them in memory, and pages ask where they lie.

Owns the folder of uploads in the store, how much may lie there, and that a file goes when its tab ends or after a day.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, FormParser, create_form_parser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config as streamlit_config
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token

from backend import config

_PLACE = re.compile(r".*/_stcore/upload_file/([^/]+)/([^/]+)")
_NAME = re.compile(r"[\w-]{1,64}")
_DAY = 86_400.0
_FRAMING = 2**20  # bytes of a request around its file
_FORM = {"MAX_MEMORY_FILE_SIZE": 0, "MAX_FIELDS": 9, "MAX_FIELD_SIZE": 4096, "UPLOAD_DELETE_TMP": False}


def uploads_folder() -> Path:
    """Where uploads lie; made where it isn't there."""
    folder = config.load().store / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class SpooledFile(bytes):
    """An upload on disk, where Streamlit holds its bytes: none of them, and as long as it. The file goes with it."""

    _path: Path
    _size: int

    def __new__(cls, path: Path) -> SpooledFile:
        """`path` is the file."""
        self = super().__new__(cls)
        self._path, self._size = path, path.stat().st_size
        return self

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        with suppress(OSError):
            self._path.unlink()


class PlacedFolder:
    """A folder beside the uploads for files under their own names; it goes with whoever holds this."""

    def __init__(self) -> None:
        """Make it."""
        context = get_script_run_ctx()
        self.path = Path(tempfile.mkdtemp(prefix=f"{context.session_id if context else ''}-", dir=uploads_folder()))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def place(upload: Any, target: Path) -> None:
    """Write an uploaded file to `target`, which costs nothing where it lies on disk already."""
    lying = uploads_folder() / upload.file_id
    if not (_NAME.fullmatch(upload.file_id) and lying.is_file()):
        target.write_bytes(upload.getvalue())
        return
    try:
        target.hardlink_to(lying)
    except OSError:  # not every disk has links
        shutil.copyfile(lying, target)


def _follow_sessions() -> None:
    """Remove what sessions uploaded that left long ago. Streamlit forgets those when the next one leaves, or never."""
    seen: dict[str, float] = {}
    while Runtime.exists():
        runtime, now = Runtime.instance(), time.monotonic()
        manager: Any = runtime.uploaded_file_mgr
        for session in list(manager.file_storage):
            if runtime.is_active_session(session):
                seen[session] = now
            elif now - seen.setdefault(session, now) > streamlit_config.get_option("server.disconnectedSessionTTL"):
                manager.remove_session_files(session)
                for folder in uploads_folder().glob(f"{session}-*"):
                    shutil.rmtree(folder, ignore_errors=True)
        time.sleep(10)


class UploadSpool:
    """ASGI middleware that takes uploads in Streamlit's place."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is the application being wrapped."""
        self._app, self._following = app, False
        self._coming: dict[tuple[str, str], int] = {}  # bytes that uploads under way said they have

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take an upload, and pass everything else on."""
        found = _PLACE.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if found is None:
            return await self._app(scope, receive, send)
        if not self._following:
            self._following = True
            Thread(target=_follow_sessions, daemon=True).start()
        key, request = (found[1], found[2]), Request(scope, receive)
        why = self._refused(request, *key)
        if why is None:
            try:
                self._coming[key] = int(request.headers["content-length"])
                await _kept(request, *key)
            except (FormParserError, ValueError):
                why = HTTPStatus.BAD_REQUEST, "This is no upload of one file."
            except ClientDisconnect:
                return None
            except OSError as error:
                why = HTTPStatus.INSUFFICIENT_STORAGE, f"The upload can't be kept ({error.strerror})."
            finally:
                self._coming.pop(key, None)
        response = Response(status_code=204) if why is None else PlainTextResponse(why[1], why[0])
        await response(scope, receive, send)
        return None

    def _refused(self, request: Request, session: str, name: str) -> tuple[HTTPStatus, str] | None:
        """Why an upload isn't taken; None where it is."""
        token, cookie = request.headers.get("x-xsrftoken"), request.cookies.get("_streamlit_xsrf")
        if streamlit_config.get_option("server.enableXsrfProtection") and not validate_xsrf_token(token, cookie):
            return HTTPStatus.FORBIDDEN, "The upload doesn't come from this app's page; load it again."
        taken = {key for key in self._coming if key[1] == name}
        if not (Runtime.exists() and Runtime.instance().is_active_session(session) and _NAME.fullmatch(name)) or taken:
            return HTTPStatus.BAD_REQUEST, "There is no such session; load the page again."
        size, settings = request.headers.get("content-length", ""), config.load()
        if not size.isdecimal():
            return HTTPStatus.LENGTH_REQUIRED, "An upload has to say how long it is."
        if int(size) > streamlit_config.get_option("server.maxUploadSize") * 2**20 + _FRAMING:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The file is larger than one upload may be."
        limit, records = settings.uploads_mb * 2**20, _records(session)
        mine = sum(map(len, records)) + sum(some for key, some in self._coming.items() if key[0] == session)
        if mine + int(size) > limit // 2 or _swept() + sum(self._coming.values()) + int(size) > limit:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "There is no room for the file: remove others, or name a path."
        return None


def _records(session: str) -> list[bytes]:
    manager: Any = Runtime.instance().uploaded_file_mgr
    return [record.data for record in manager.file_storage.get(session, {}).values()]


def _swept() -> int:
    """Remove what is older than a day; returns the bytes that are left."""
    left = 0
    for path in uploads_folder().iterdir():
        with suppress(OSError):
            state = path.stat()
            if time.time() - state.st_mtime < _DAY:
                left += 0 if path.is_dir() else state.st_size  # in folders lie the same files under other names
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    return left


async def _kept(request: Request, session: str, name: str) -> None:
    """Write the file of a request to disk as it comes, and tell Streamlit of it. Raises ValueError for none, or two."""
    folder, files = uploads_folder(), list[File]()
    headers = {"Content-Type": request.headers.get("content-type", "").encode()}
    parser: FormParser = create_form_parser(headers, None, files.append, {**_FORM, "UPLOAD_DIR": str(folder)})
    try:
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
        [file] = files
        if file.in_memory:  # an empty one
            file.flush_to_disk()
        file.file_object.flush()
        target = _lying(file).rename(folder / name)
        shown = (file.file_name or b"").decode("utf-8", "replace")
        record = UploadedFileRec(name, shown, file.content_type or "application/octet-stream", SpooledFile(target))
        manager: Any = Runtime.instance().uploaded_file_mgr
        manager.add_file(session_id=session, file=record)
    finally:
        for file in files:
            file.close()
            with suppress(OSError):
                _lying(file).unlink()


def _lying(file: File) -> Path:
    return Path(os.fsdecode(file.actual_file_name or b"none"))
