"""Formats of annotated texts as others write them, told apart by content; whatever is amiss is refused by its name."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.annotation import DEFAULT_SCHEME, NOT_A_CUE, AnnotatedSpan, AnnotatedText
from backend.domain import UserError
from backend.exchange.labels import span_formats
from backend.exchange.labels.archive import FILE_LIMIT
from backend.exchange.labels.parts import Bundle

TEXT = "Wait 😀, maybe\nso. Hmm, I think 7 is right."
MADE = Bundle(
    (
        AnnotatedText(
            "t/1",
            TEXT,
            (
                AnnotatedSpan(0, 4, "hesitation", "Ann", flag="filler", comment="one\ntwo"),
                AnnotatedSpan(8, 17, "hedge", "Ann"),
                AnnotatedSpan(8, 13, "hedge", "Bob"),
                AnnotatedSpan(24, 31, NOT_A_CUE, "Bob"),
                AnnotatedSpan(0, 6, "hesitation", gold=True),
            ),
            done=("Ann", "Bob"),
        ),
    ),
    DEFAULT_SCHEME,
)


def zipped(files: dict[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def unzipped(raw: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Reads bytes by their content."""

    def read(raw: bytes | str, name: str = "labels.x", form: str = "") -> Bundle:
        (tmp_path / name).write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return span_formats.read(tmp_path / name, name, form)

    return read


def places(text: AnnotatedText) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.label) for span in text.spans]


# -- our own ----------------------------------------------------------------------------------------------------------


def test_rows_of_text_and_spans_need_no_first_line(read: Any) -> None:
    rows = [
        {"text": TEXT, "spans": [{"start": 0, "end": 4, "label": "hesitation", "quote": "Wait"}]},
        {"id": 7, "text": "x", "spans": None},
    ]
    found = read("\n".join(map(json.dumps, rows)))
    assert [places(text) for text in found.texts] == [[(0, 4, "hesitation")], []] and found.scheme is None
    assert [text.id for text in found.texts] == ["text 1", "7"] and found.texts[0].end is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spans": [{"start": 0, "end": 4, "label": "a", "quote": "wait"}]}, r"row 2: span 1 quotes 'wait', but .* 'Wait'"),
        ({"spans": [{"start": 0, "end": 99, "label": "a"}]}, r"row 2: span 1 \(a, 0 to 99\) lies outside"),
        ({"spans": [{"start": -3, "end": 2, "label": "a"}]}, "row 2: .* outside"),
        ({"spans": [{"start": 3, "end": 3, "label": "a"}]}, "row 2: .* is empty"),
        ({"spans": [{"start": 4, "end": 3, "label": "a"}]}, "row 2: .* outside"),
        ({"spans": [{"start": 0, "end": 4}]}, "row 2: span 1 has no 'label'"),
        ({"spans": [{"start": "0", "end": 4, "label": "a"}]}, "'start' of span 1 should be a whole number, but is text"),
        ({"spans": [{"start": True, "end": 4, "label": "a"}]}, "but is true or false"),
        ({"spans": [{"start": 0, "end": 2**40, "label": "a"}]}, "out of all bounds"),
        ({"spans": [7]}, "span 1 should be an object, but is a number"),
        ({"spans": "a"}, "'spans' should be a list"),
        ({"spans": [{"start": 0, "end": 4, "label": "a", "machine": {"start": 0}}]}, "machine's cue of span 1"),
        ({"spans": [{"start": 0, "end": 4, "label": "a",
                     "machine": {"lexicon": "l", "entry": "e", "start": 0, "end": 99}}]}, "cue at 0 to 99, outside"),
        ({"start": 3, "end": 2}, "stretch 3 to 2 lies outside"),
        ({"start": 1, "spans": [{"start": 0, "end": 4, "label": "a"}]}, "of which 1 to"),
        ({"text_sha256": "00"}, "the text isn't the one|its text isn't the one"),
        ({"text": None, "text_sha256": "00"}, "should be text"),
        ({"text": 7}, "'text' of it should be text, but is a number"),
        ({"done": "Ann"}, "'done' should be a list"),
        ({"meta": [1]}, "'meta' should be an object"),
    ],
)  # fmt: skip
def test_json_lines_that_cant_be(read: Any, change: dict[str, Any], reason: str) -> None:
    head = {"format": "second-thoughts annotations", "version": 1, "project": {"name": "p"}}
    row = {"id": "t", "text": TEXT, "spans": []} | change
    with pytest.raises(UserError, match=reason):
        read("\n".join(map(json.dumps, (head, row))))


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ({"version": 2}, "row 1: it is of version 2; 1 can be read"),
        ({"project": 7}, "its project should be an object"),
        ({"project": {"name": 7}}, "'name' of its project should be text"),
        ({"project": {"scheme_version": 0}}, "counts from 1"),
        ({"project": {"scheme": {"labels": [{"name": "x"}]}}}, "'key' of label 1 of its scheme"),
        ({"project": {"scheme": {"labels": [{"key": "x", "group": "y"}]}}}, "the group 'y', which is none of"),
        ({"project": {"scheme": {"labels": [], "flags": "f"}}}, "flags of its scheme should be a list"),
    ],
)
def test_first_lines_that_cant_be(read: Any, head: dict[str, Any], reason: str) -> None:
    usual = {"format": "second-thoughts annotations", "version": 1, "project": {}}
    with pytest.raises(UserError, match=reason):
        read("\n".join(map(json.dumps, (usual | head, {"text": "x", "spans": []}))))


def test_a_text_is_written_once_and_named_by_its_hash(read: Any) -> None:
    bundle = Bundle((AnnotatedText("1", TEXT, end=10), AnnotatedText("2", TEXT, start=10)))
    for form in ("jsonl", "parquet", "brat", "label-studio"):
        raw = span_formats.write(form, bundle).data
        assert raw.count(b"I think") <= 2, form
        assert [(text.text, text.start, text.end) for text in read(raw).texts] == [(TEXT, 0, 10), (TEXT, 10, len(TEXT))]
    lines = span_formats.write("jsonl", bundle).data.split(b"\n")
    with pytest.raises(UserError, match=r"row 2: it names the text .* by its hash, which no line before it holds"):
        read(b"\n".join([lines[0], lines[2]]))


def test_parquet_is_rows_of_spans(read: Any) -> None:
    raw = span_formats.write("parquet", MADE).data
    rows = pq.read_table(io.BytesIO(raw)).to_pylist()
    assert [(row["annotator"], row["start"], row["quote"]) for row in rows][:2] == [
        ("Ann", 0, "Wait"),
        ("Ann", 8, "maybe\nso."),
    ]
    assert [row["text"] for row in rows] == [TEXT, None, None, None, None] and rows[0]["done"] == ["Ann", "Bob"]
    stream = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(raw)).slice(1), stream)
    with pytest.raises(UserError, match="row 1: it names the text"):
        read(stream.getvalue())
    pq.write_table(pa.table({"a": [1]}), stream := io.BytesIO())
    with pytest.raises(UserError, match="no annotations that an export from here wrote"):
        read(stream.getvalue())
    with pytest.raises(UserError, match="can't be read as Parquet"):
        read(raw[:200])


# -- brat -------------------------------------------------------------------------------------------------------------

SOUTH = "North and South America, perhaps.\nWe doubt it."


def test_brat_as_brat_writes_it(read: Any, tmp_path: Path) -> None:
    lines = [
        "T1\tPlace 0 5;16 23\tNorth America",
        "T2\tHedge 25 33;34 36\tperhaps. We",
        "A1\tNegation T2",
        "#1\tAnnotatorNotes T2\tthis one is odd: \\n",
        "R1\tOf Arg1:T1 Arg2:T2",
        "E1\tHedge:T2 Theme:T1",
        "*\tEquiv T1 T2",
        "N1\tReference T1 Wikipedia:1\tx",
        "",
    ]
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "doc.txt").write_bytes(SOUTH.encode())
    (tmp_path / "corpus" / "doc.ann").write_bytes("\r\n".join(lines).encode())
    found = span_formats.read(tmp_path / "corpus")
    (text,) = found.texts
    assert places(text) == [(0, 5, "Place"), (16, 23, "Place"), (25, 36, "Hedge")] and text.text == SOUTH
    assert text.spans[2].flag == "Negation" and text.spans[2].comment == "this one is odd: \\n"
    assert text.done == ("",) and text.spans[0].annotator == ""
    for left in ("1 relation", "1 event", "1 equivalence", "1 normalisation", "1 gap inside a span"):
        assert left in found.notes[0]
    assert span_formats.read(tmp_path / "corpus" / "doc.ann").texts[0].spans == text.spans
    assert span_formats.read(tmp_path / "corpus" / "doc.txt").texts[0].spans == text.spans
    files = {f"corpus/{path.name}": path.read_bytes() for path in (tmp_path / "corpus").iterdir()}
    assert read(zipped(files)).texts[0].spans == text.spans


def test_brat_folders_of_the_same_documents_are_annotators(read: Any) -> None:
    note = "T1\tHedge 25 32\tperhaps\n"
    files = {f"c/{who}/doc.txt": SOUTH for who in ("ann", "bob", "gold")}
    files |= {
        "c/ann/doc.ann": note,
        "c/bob/doc.ann": "",
        "c/gold/doc.ann": note,
        "c/ann/own.txt": "x",
        "c/ann/own.ann": "",
    }
    first, own = sorted(read(zipped(files)).texts, key=lambda text: text.id)[::-1]
    if first.text != SOUTH:
        first, own = own, first
    assert {(span.annotator, span.gold) for span in first.spans} == {("ann", False), ("", True)}
    assert sorted(first.done) == ["ann", "bob"] and own.done == ("",)


def test_brat_lines_as_we_write_them() -> None:
    written = span_formats.write("brat", MADE)
    files = unzipped(written.data)
    assert files["Ann/0001-t-1.txt"] == TEXT and set(files) >= {
        "Bob/0001-t-1.ann",
        "gold/0001-t-1.ann",
        "annotation.conf",
    }
    assert files["Ann/0001-t-1.ann"].splitlines() == [
        "T1\thesitation 0 4\tWait",
        "A1\tFlag T1 filler",
        "#1\tAnnotatorNotes T1\tone\\ntwo",
        "T2\thedge 8 13;14 17\tmaybe so.",
    ]
    assert "Flag\tArg:<ENTITY>, Value:genuine-doubt|filler|quoted" in files["annotation.conf"] and not written.notes


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("T1\tHedge 25 32\tmaybe", r"c/d.ann, row 2: T1 says 'maybe', but the text has 'perhaps' there"),
        ("T1\tHedge 25 99\tx", "row 2: T1 at 25 to 99 lies outside the 46 characters"),
        ("T1\tHedge 5 5\t", "row 2: T1 is empty"),
        ("T1\tHedge 5\tx", "row 2: T1 has no place like '0 5'"),
        ("T1\tHedge -1 5\tx", "no place like"),
        ("T1\tHedge 1 99999999999999999999\tx", "no place like"),
        ("T0\tHedge 0 5\tNorth", "the id T0 was given to another span before"),
        ("nonsense", "row 2: it doesn't begin with an id and a tab: nonsense"),
        ("A1\tNegation", "row 2: an attribute names"),
    ],
)
def test_brat_lines_that_cant_be(read: Any, line: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read(zipped({"c/d.txt": SOUTH, "c/d.ann": f"T0\tHedge 25 32\tperhaps\n{line}\n"}), "brat.zip")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../d.ann": "", "../d.txt": ""}, r"'../d.ann' has a path that leads out of the archive"),
        ({"/d.ann": ""}, "leads out"),
        ({"a/../../d.ann": ""}, "leads out"),
        ({"..\\d.ann": ""}, "leads out"),
        ({"C:\\d.ann": ""}, "leads out"),
        ({"d.ann": ""}, "d.ann: the text it belongs to is missing"),
        ({"d.ann": "", "d.txt": b"\xff"}, "d.txt: its byte 1 is not valid UTF-8"),
        ({"d.doc": ""}, "it holds no .ann file"),
        ({"d.ann": "", "d.txt": b"\0" * (FILE_LIMIT + 1)}, "its file 'd.txt' is larger than 64 MiB"),
        ({"second-thoughts.json": '{"format": "second-thoughts brat"}', "d.ann": "", "d.txt": "x"}, "names no folders"),
        ({"second-thoughts.json": "{", "d.ann": "", "d.txt": "x"}, "middle of a JSON value"),
    ],
)
def test_archives_that_cant_be(read: Any, files: dict[str, bytes | str], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read(zipped(files))


def test_a_locked_or_broken_archive_is_refused(read: Any) -> None:
    raw = zipped({"d.ann": "T1\tHedge 0 1\tx\n" * 50, "d.txt": "x" * 900})
    with pytest.raises(UserError, match="no readable zip archive"):
        read(raw[:-30])
    locked = raw.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    with pytest.raises(UserError, match="can't be unpacked"):
        read(locked if locked != raw else raw.replace(b"\x08\x00", b"\x63\x00"))


def test_what_an_archive_says_is_checked_against_its_texts(read: Any) -> None:
    """A manifest that claims another window or whole text than the documents have is not believed."""
    cut = Bundle((AnnotatedText("t", TEXT, (AnnotatedSpan(8, 13, "hedge", "Ann"),), 8, 20, ("Ann",)),))
    files = unzipped(span_formats.write("brat", cut).data)
    manifest = json.loads(files["second-thoughts.json"])
    assert read(zipped(files)).texts == cut.texts
    manifest["documents"][0]["window"]["start"] = 3
    (found,) = read(zipped(files | {"second-thoughts.json": json.dumps(manifest)})).texts
    assert (found.text, found.start, places(found)) == (TEXT[8:20], 0, [(0, 5, "hedge")])


# -- Label Studio -----------------------------------------------------------------------------------------------------


def task(text: str, *regions: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A task with one annotation, as its export has it."""
    result = [
        {"id": f"r{n}", "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual", "value": value}
        for n, value in enumerate(regions)
    ]
    annotation = {"id": 9, "completed_by": 3, "result": result, "was_cancelled": False, "ground_truth": False}
    return {"id": 41, "data": {"text": text}, "annotations": [annotation | given]}


def region(start: Any, end: Any, text: str | None = None, label: str = "Hedge") -> dict[str, Any]:
    return {"start": start, "end": end, "labels": [label]} | ({} if text is None else {"text": text})


CAT = "🐱 Warning:\n🐱 This is a test text"


@pytest.mark.parametrize(
    ("text", "start", "end", "said", "found"),
    [
        # What Label Studio's own tests expect of its editor today: code points, line breaks written as "\n".
        ("🐱 Warning: This is a test text", 21, 25, "test", (21, 25)),
        (CAT, 2, 27, "Warning:\\n🐱 This is a test", (2, 27)),
        # And what its users reported of it before (its issue 1347): UTF-16 units.
        ("💩This is an annotation.", 13, 23, "annotation", (12, 22)),
        (CAT, 3, 29, "Warning:\\n🐱 This is a test", (2, 27)),
        ("a\r\nmaybe so", 3, 8, "maybe", (3, 8)),
        ("plain maybe", "6", "11", "maybe", (6, 11)),
    ],
)
def test_label_studio_counts_one_way_or_the_other(
    read: Any, text: str, start: Any, end: Any, said: str, found: tuple[int, int]
) -> None:
    (one,) = read(json.dumps([task(text, region(start, end, said))])).texts
    assert places(one) == [(*found, "Hedge")] and one.id == "task 41"
    assert one.spans[0].annotator == "annotator 3" and one.done == ("annotator 3",)


def test_label_studio_without_texts_of_regions(read: Any) -> None:
    """Where nothing tells, UTF-16 is taken, with a note; another task of the file may tell, and so may who imports."""
    silent = task("😀 maybe so", region(3, 8))
    found = read(json.dumps([silent]))
    assert places(found.texts[0]) == [(2, 7, "Hedge")] and "UTF-16 was taken" in found.notes[0]
    assert places(read(json.dumps([task("😀 maybe so", region(2, 7))]), form="label-studio").texts[0]) == [
        (2, 7, "Hedge")
    ]
    told = read(json.dumps([task("😀 maybe so", region(2, 7)), task("😀 so", region(2, 4, "so"))]))
    assert places(told.texts[0]) == [(2, 7, "Hedge")] and not told.notes


def test_label_studio_people_flags_notes_and_what_is_left(read: Any) -> None:
    row = task("Maybe so", region(0, 5, "Maybe"), completed_by={"id": 1, "first_name": "Ann", "last_name": "Lee"})
    results = row["annotations"][0]["result"]
    results[0]["meta"] = {"text": ["look", "here"]}
    results += [
        {"id": "r0", "from_name": "use", "type": "choices", "value": {"start": 0, "end": 5, "choices": ["filler"]}},
        {"id": "x", "from_name": "all", "type": "choices", "value": {"choices": ["good"]}},
        {"type": "relation", "from_id": "r0", "to_id": "x"},
    ]
    row["annotations"] += [
        {"id": 10, "completed_by": {"email": "bob@x"}, "result": [], "ground_truth": True},
        {"id": 11, "completed_by": 5, "result": [], "was_cancelled": True},
    ]
    row["predictions"] = [{"result": []}]
    found = read(json.dumps([row]))
    (span,) = found.texts[0].spans
    assert (span.annotator, span.flag, span.comment, span.id) == ("Ann Lee", "filler", "look\nhere", "r0")
    assert found.texts[0].done == ("Ann Lee",)
    for left in ("1 prediction", "1 relation", "1 skipped annotation", "1 answer about a whole text"):
        assert left in found.notes[0]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([task("Maybe so", region(0, 5, "Maybe")), task("Maybe so", region(1, 5, "Maybe"))],
         r"labels.x, row 2: its region 1 \(Hedge, 1 to 5\) says 'Maybe', but the text has 'aybe' there"),
        ([task("😀 maybe", region(1, 8))], "begins or ends inside a character"),
        ([task("Maybe", region(0, 99, "Maybe"))], "row 1: .* outside the 5 characters"),
        ([task("Maybe", region(2, 2))], "row 1: .* is empty"),
        ([task("Maybe", region("/p[1]", "/p[1]"))], "start of its region 1 should be a whole number, but is /p"),
        ([task("Maybe", region(1.5, 2))], "should be a whole number"),
        ([{"data": {"html": "a", "other": "b"}, "annotations": []}], r"no field 'text' .*\(it has html, other\)"),
        ([{"data": {}, "annotations": []}], "it has nothing"),
        ([task("x"), 7], "row 2: it is no task"),
        ([{"data": {"text": "x"}, "annotations": 7}], "its annotations should be a list, but are a number"),
        ([{"data": {"text": "x"}, "annotations": [{"result": 7}]}], "no list 'result'"),
        ([{"data": {"text": "x"}, "annotations": [{"result": [7]}]}], "a result of it should be an object"),
    ],
)  # fmt: skip
def test_tasks_that_cant_be(read: Any, rows: list[Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read(json.dumps(rows))


def test_label_studio_takes_what_we_write() -> None:
    """Accounts it doesn't know would make it refuse a file: names stand in a text field of the annotation."""
    tasks = json.loads(span_formats.write("label-studio", MADE).data)
    old = json.loads(span_formats.write("label-studio-utf16", MADE).data)
    ann = tasks[0]["annotations"][0]
    assert "completed_by" not in ann and ann["ground_truth"] is False and isinstance(ann["id"], int)
    assert ann["result"][0]["value"] == {"text": ["Ann"]} and ann["result"][1]["value"] == {"choices": ["done"]}
    assert ann["result"][2] | {"id": ""} == {
        "id": "", "to_name": "text", "from_name": "label", "type": "labels", "origin": "manual",
        "value": {"start": 0, "end": 4, "text": "Wait", "labels": ["hesitation"]}, "meta": {"text": ["one\ntwo"]},
    }  # fmt: skip
    assert ann["result"][3]["value"]["choices"] == ["filler"] and ann["result"][3]["id"] == ann["result"][2]["id"]
    where = [(each["value"]["start"], each["value"]["end"]) for each in ann["result"][4:]]
    earlier = [(each["value"]["start"], each["value"]["end"]) for each in old[0]["annotations"][0]["result"][4:]]
    assert (where, earlier) == ([(8, 17)], [(9, 18)])
    assert tasks[0]["annotations"][2]["ground_truth"] is True
    assert '<Label value="hedge"/>' in tasks[0]["meta"]["second-thoughts"]["config"]


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_conll_lists_what_it_cant_hold() -> None:
    spans = (
        AnnotatedSpan(8, 17, "hedge", "Ann"),
        AnnotatedSpan(8, 13, "hesitation", "Ann"),
        AnnotatedSpan(13, 14, "hedge", "Ann"),
        AnnotatedSpan(19, 20, "hesitation", "Ann"),
        AnnotatedSpan(24, 31, NOT_A_CUE, "Ann"),
    )
    text = AnnotatedText("t 1", TEXT, spans, done=("Ann",))
    written = span_formats.write("conll", Bundle((text, AnnotatedText("nobody's", "x")), DEFAULT_SCHEME))
    files = unzipped(written.data)
    lines = files["Ann.conll"].split("\n")
    assert lines[:2] == ["-DOCSTART-\tt_1\t-X-\tO", ""]
    assert [line.split("\t")[3] for line in lines if line.startswith(("maybe", "so", "."))][:3] == [
        "B-hedge",
        "I-hedge",
        "I-hedge",
    ]
    assert "Hmm\t18\t21\tB-hesitation" in lines and "think\t25\t30\tO" in lines
    lost = [line.split("\t") for line in files["left-out.tsv"].splitlines()]
    assert [row[4:] for row in lost[1:]] == [
        ["hesitation", "maybe", "overlaps a span that was kept"],
        ["hedge", "\\n", "holds no token"],
        ["hesitation", "m", "widened to whole tokens"],
    ]
    assert written.notes == (
        "1 span is left out, which holds no token; 1 span is left out, which overlaps one that was kept; "
        "1 span was widened to whole tokens.",
        "1 text that nobody has labelled is left out.",
    )


# -- which is which ---------------------------------------------------------------------------------------------------


def test_formats_are_told_apart_by_content(read: Any, shared_data: Path) -> None:
    for each in span_formats.FORMATS:
        if each.write and each.read:
            found = read(span_formats.write(each.name, MADE).data, "misleading.csv")
            assert [len(text.spans) for text in found.texts] == [5], each.name
    assert len(span_formats.read(shared_data / "annotations" / "bioscope").texts) == 1_282
    abstracts = (shared_data / "annotations" / "bioscope" / "abstracts.xml").read_bytes()
    assert sum(len(text.spans) for text in read(abstracts).texts) == 2_694
    folder = shared_data / "traces" / "thought-anchors"
    assert len(span_formats.read(folder).texts) == 20
    one = sorted(folder.rglob("chunks_labeled.json"))[0]
    (text,) = span_formats.read(one).texts
    assert text.spans and text.text == json.loads((one.parent / "base_solution.json").read_bytes())["solution"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "it is empty"),
        (b"a,b\n1,2\n", "of no format that can be read; there are our own JSON Lines"),
        (b"{}", "it is JSON, but no annotations"),
        (b"[1]", "it is JSON, but no annotations"),
        (b"[]", "it is JSON, but no annotations"),
        (b'[{"data": ', "middle of a JSON value"),
        (b"[" * 200 + b"]" * 200, "nested more than 100 levels"),
        (b"<a/>", "no format that can be read"),
        (b"<DocumentSet>", "no well-formed XML"),
    ],
)
def test_what_is_nothing_of_these_is_refused(read: Any, raw: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read(raw)


def test_a_huge_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(b'[{"data": {"text": "')
        file.truncate(129 * 2**20)
    with pytest.raises(UserError, match="larger than 128 MiB"):
        span_formats.read(path)
    with pytest.raises(UserError, match="no such file"):
        span_formats.read(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="a folder without annotations"):
        span_formats.read(tmp_path / "empty")


def test_what_can_only_be_read_or_written_says_so(tmp_path: Path) -> None:
    for work, reason in (
        (lambda: span_formats.write("bioscope", MADE), "can be read from BioScope, but not written"),
        (lambda: span_formats.read(tmp_path, name="conll"), "can be written as CoNLL, but not read"),
        (lambda: span_formats.write("word", MADE), "no format 'word' of annotations; there are jsonl, parquet"),
    ):
        with pytest.raises(UserError, match=reason):
            work()
