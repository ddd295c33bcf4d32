"""BioScope and thought-anchors as annotated texts: the real ones, their counts and places, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.domain import Group, ImportProblem
from backend.exchange.labels.formats import anchor_sentences, bioscope

HEAD = '<?xml version="1.0"?><!DOCTYPE Annotation PUBLIC "-//BIOSCOPE//DTD" "BioScope.dtd"><Annotation><DocumentSet>'
SMALL = (
    HEAD + '<Document type="Biological_abstract"><DocID type="PMID">7</DocID>'
    '<DocumentPart type="Title"><sentence id="S1">On &#945; &amp; &lt;b&gt;</sentence></DocumentPart>'
    '<DocumentPart type="AbstractText"><sentence id="S2">It <xcope id="X2"><cue type="speculation" ref="X2">may</cue> '
    '<xcope id="X1"><cue type="negation" ref="X1">not</cue> be <cue type="speculation" ref="X2">or</cue> so</xcope>'
    "</xcope>.</sentence><sentence id=\"S3\">Next.</sentence></DocumentPart></Document></DocumentSet></Annotation>"
)  # fmt: skip


@pytest.mark.parametrize(("file", "documents", "cues"), [("abstracts", 1273, 2694), ("full_papers", 9, 682)])
def test_the_real_corpus(shared_data: Path, file: str, documents: int, cues: int) -> None:
    path = shared_data / "annotations" / "bioscope" / f"{file}.xml"
    raw = path.read_bytes()
    assert bioscope.matches(raw[:4096])
    texts = bioscope.read(raw, path.name)
    assert len(texts) == documents and sum(len(text.spans) for text in texts) == cues
    quotes = [text.text[span.start : span.end] for text in texts for span in text.spans]
    assert all(quote and quote == quote.strip() for quote in quotes)
    assert sum(quote.lower() == "may" for quote in quotes) > cues / 20
    assert len({text.id for text in texts}) == documents
    assert {span.gold for text in texts for span in text.spans} == {True}


def test_nested_scopes_entities_and_parts() -> None:
    (text,) = bioscope.read(SMALL.encode(), "small.xml")
    assert (text.id, text.text) == ("7", "On α & <b>\n\nIt may not be or so.\nNext.")
    assert [text.text[s.start : s.end] for s in text.spans] == ["may", "or"], "cues of negation are left out"
    assert bioscope.SCHEME.get(text.spans[0].label).group is Group.HEDGE  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<Annotation><sentence>", "no well-formed XML"),
        (b"", "no well-formed XML"),
        (b"\xff\xfe\x00", "no well-formed XML"),
        (b"<Annotation/>", "no BioScope document"),
        (b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>', "declares entities"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "declares entities"),
    ],
)
def test_other_files_are_refused_in_a_sentence(raw: bytes, said: str) -> None:
    with pytest.raises(ImportProblem, match=said):
        bioscope.read(raw, "other.xml")


def test_the_real_sentences(shared_data: Path) -> None:
    texts = anchor_sentences.read_folder(shared_data / "traces" / "thought-anchors")
    spans = [span for text in texts for span in text.spans]
    assert len(texts) == 20 and len(spans) == 2929
    positive = {label.key for label in anchor_sentences.SCHEME.positive}
    assert positive == {"uncertainty_management", "self_checking"}
    assert sum(span.label in positive for span in spans) == 305 + 174
    assert all(a.end <= b.start for text in texts for a, b in zip(text.spans, text.spans[1:], strict=False))
    assert {text.meta["labelled by"] for text in texts} == {"a model"}


def chunk(text: str, tag: str = "self_checking") -> dict[str, object]:
    return {"chunk": text, "function_tags": [tag]}


def test_sentences_are_found_again_whatever_white_space_lies_in_them() -> None:
    rows = [chunk("Wait, is 2 + 2 = 4?"), chunk(" "), chunk("So yes.", "problem_setup"), chunk("End.", "unheard_of")]
    text = "Wait, is\n2 + 2 = 4?  So\tyes.\nEnd."
    read = anchor_sentences.read(json.dumps(rows).encode(), "x", text)
    assert [(text[s.start : s.end], s.label) for s in read.spans] == [
        ("Wait, is\n2 + 2 = 4?", "self_checking"),
        ("So\tyes.", "problem_setup"),
    ]
    alone = anchor_sentences.read(json.dumps(rows[:1] + rows[2:]).encode(), "x")
    assert alone.text == "Wait, is 2 + 2 = 4? So yes. End." and len(alone.spans) == 2


@pytest.mark.parametrize("raw", [b"{", b"{}", b"[]", b"[1]", b'[{"chunk": 1, "function_tags": []}]'])
def test_other_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ImportProblem):
        anchor_sentences.read(raw, "x.json")


def test_a_sentence_of_another_response_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match="row 2"):
        anchor_sentences.read(json.dumps([chunk("Yes."), chunk("No.")]).encode(), "x", "Yes. Maybe.")
    with pytest.raises(ImportProblem, match=r"no chunks_labeled\.json"):
        anchor_sentences.read_folder(tmp_path)
