"""The routes that stand outside Streamlit's session: what they answer to bodies of no form, and whose tokens they take."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, Item, Project
from backend.config import Settings
from backend.services import Services, build_services
from pages.components.frame import session
from pages.components.labelling import annotate_route
from pages.components.labelling.annotate_route import GOLD_PATH, HEADER, PATH, annotate_token, gold_token
from pages.components.live import stream_route
from tests.pages.test_pages import forget

TEXT = "Wait, maybe so."
CLIENT = TestClient(Starlette(routes=[*annotate_route.routes, *stream_route.routes]), raise_server_exceptions=True)


class Desk:
    """A person with an item open before them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.person = services.people.local("Ada").id
        self.project: Project = services.projects.import_texts(
            self.person, "made", DEFAULT_SCHEME, [AnnotatedText("t", TEXT)]
        )
        self.item: Item = services.projects.items(self.project.id)[0]
        services.labelling.open(self.person, self.item.id)

    def send(self, path: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        token = {PATH: annotate_token, GOLD_PATH: gold_token}[path](self.person, self.project.id)
        answer = CLIENT.post(path, content=raw, headers={HEADER: token})
        return answer.status_code, answer.json()

    def row(self, **changes: Any) -> dict[str, Any]:
        fields = {"id": uuid.uuid4().hex, "start": 0, "end": 4, "quote": "Wait", "label": "hesitation"}
        return fields | {"text_sha256": self.item.text_sha256} | changes

    def body(self, *rows: object, **changes: Any) -> dict[str, Any]:
        return {"item": self.item.id, "rows": list(rows), "mark": None, "after": 0} | changes


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    url = request.getfixturevalue("postgres").prefix.format("postgres") if request.param == "postgresql" else ""
    with pytest.MonkeyPatch.context() as patch:
        names = {"STORE": folder / "store", "LAB": folder / "lab", "DEMO": "off", "LEDGER": url}
        for name, value in names.items():
            patch.setenv(f"SECOND_THOUGHTS_{name}", str(value))
        forget()
        with build_services(Settings(store=folder / "store", lab=folder / "lab", ledger_url=url)) as services:
            yield Desk(services)
            session.services().close()  # the routes' own: a database doesn't end while somebody is connected
        forget()


def refused(desk: Desk, raw: bytes) -> None:
    """Both routes take it for no labels: a sentence, and nothing is in the log."""
    for path in (PATH, GOLD_PATH):
        status, answer = desk.send(path, raw)
        assert status == 400 and str(answer["error"]).endswith((".", "…")), (status, answer, raw[:80])
        assert "\n" not in answer["error"] and len(answer["error"]) < 400
    assert not desk.services.labelling.history(desk.item.id)


DEEP = "[" * 50_000 + "]" * 50_000
HALF = '"\\ud800"'


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b'{"item": 3}', b"{} {}", DEEP.encode(), b'{"rows": ' + DEEP.encode() + b"}",
     b'{"item": ' + HALF.encode() + b"}", b'{"item": "i", "after": NaN}', b'{"item": "i", "after": 1e999}', b'{"item": "i", "rows": {}}',
     b'{"item": "i", "rows": [3]}', b'{"item": "i", "mark": [1]}', b" " * (9 * 2**20), b'{"item": "' + b"x" * (9 * 2**20) + b'"}'],
    ids=range(19),
)  # fmt: skip
def test_a_body_that_holds_no_labels_is_a_sentence(raw: bytes, desk: Desk) -> None:
    refused(desk, raw)


def test_a_good_body_is_still_taken(desk: Desk) -> None:
    row = desk.row()
    status, answer = desk.send(PATH, written(desk.body(row, mark={"place": 4, "seconds": 1.5})))
    assert status == 200 and [one[0] for one in answer["saved"]] == [row["id"]] and answer["rows"][0]["id"] == row["id"]


ODD = ["\ud800", 2**53, 10**400, -1, 1.5, True, None, [], {"a": {"b": []}}, "", "\0", json.loads("[" * 60 + "]" * 60)]


def written(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode("utf-8")


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_odd_value_in_any_field_is_no_error_of_ours(odd: object, desk: Desk) -> None:
    machine = {"lexicon": "doubts", "entry": "e", "start": 0, "end": 4}
    mark = {"state": "open", "place": 0, "seconds": 1.0, "note": ""}
    row = desk.row(root="", op="put", flag="", comment="", how="", reason="", at="", machine=machine)
    bodies = [desk.body(row, mark=mark) | {name: odd} for name in ("item", "rows", "mark", "after", "more")]
    bodies += [desk.body(row | {name: odd}) for name in (*row, "more")] + [desk.body(odd)]
    bodies += [desk.body(row | {"machine": machine | {name: odd}}) for name in (*machine, "more")]
    bodies += [desk.body(mark=mark | {name: odd}) for name in (*mark, "more", "settled")]
    for path, some in ((PATH, bodies), (GOLD_PATH, bodies[::6])):
        for body in some:
            status, answer = desk.send(path, written(body))
            assert status in (200, 400) and (status == 200 or answer["error"]), (status, answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["id", "start", "op"]), inner)
    ),
    max_leaves=8,
)


@given(
    body=st.fixed_dictionaries({}, optional={"item": JSON, "rows": JSON | st.lists(JSON), "mark": JSON, "after": JSON})
)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_body_is_an_error_of_ours(body: dict[str, Any], desk: Desk) -> None:
    for path in (PATH, GOLD_PATH):
        for one in (body, {"item": desk.item.id, **body}):
            assert desk.send(path, written(one))[0] in (200, 400)


# -- tokens -----------------------------------------------------------------------------------------


def test_a_token_outlives_the_process_and_is_another_stores_nonsense(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def token(folder: str) -> str:
        forget()  # as a process that starts
        monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(tmp_path / folder))
        return annotate_token("p", "x")

    monkeypatch.setenv("SECOND_THOUGHTS_DEMO", "off")
    monkeypatch.setenv("SECOND_THOUGHTS_LEDGER", "")
    monkeypatch.setenv("SECOND_THOUGHTS_LAB", str(tmp_path / "lab"))
    held, other = token("store"), token("other")

    def status(given: str | bytes, path: str = PATH) -> int:
        return CLIENT.post(path, content=b"{}", headers={HEADER: given}).status_code

    token("store")
    assert (
        status(held) == 400
        and status(other) == status("é".encode("latin-1")) == status("") == status(held, GOLD_PATH) == 403
    )
    monkeypatch.setattr(annotate_route, "TOKEN_SECONDS", -1)
    assert status(held) == 403
    forget()
