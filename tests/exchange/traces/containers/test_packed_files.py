"""Packed files: what is in them is read as if it lay beside them, within bounds, and nothing leads out."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from backend.domain import TraceDraft
from backend.exchange.traces.containers import scratch
from backend.exchange.traces.read import read
from backend.exchange.traces.scan import scan
from backend.import_plan import ImportPlan
from backend.services import Services
from backend.services.traces.source_importer import identity_of
from tests.services.made_files import row, take, write

ROWS = [row(f"What is {n} + 1?", f"Wait, it is \\boxed{{{n + 1}}}.", gold=str(n + 1)) for n in range(5)]
PLAIN = "".join(json.dumps(each) + "\n" for each in ROWS).encode()


def zstd(raw: bytes) -> bytes:
    return pa.compress(raw, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


def zipped(**members: bytes) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return raw.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def entry(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


def looked(path: Path, raw: bytes) -> ImportPlan:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return scan([path])


IN_ZIP = zipped(**{"base/M/aime.jsonl": PLAIN})
IN_TAR = tarred(entry("base/M/aime.jsonl", PLAIN))
PACKED: dict[str, tuple[bytes, str]] = {
    "aime.jsonl.gz": (gzip.compress(PLAIN), ""),
    "aime.jsonl.zst": (zstd(PLAIN), ""),
    "aime.jsonl.bz2": (bz2.compress(PLAIN), ""),
    "aime.jsonl.xz": (lzma.compress(PLAIN), ""),
    "several.jsonl.gz": (gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:]), ""),
    "several.jsonl.zst": (zstd(PLAIN[:100]) + zstd(PLAIN[100:]), ""),
    "named like what is in it.jsonl": (gzip.compress(PLAIN), ""),
    "x.zip": (IN_ZIP, "/base/M/aime.jsonl"),
    "x.tar": (IN_TAR, "/base/M/aime.jsonl"),
    "x.tar.gz": (gzip.compress(IN_TAR), "/base/M/aime.jsonl"),
    "x.tgz": (gzip.compress(IN_TAR), "/base/M/aime.jsonl"),
    "x.tar.zst": (zstd(IN_TAR), "/base/M/aime.jsonl"),
    "outer.zip": (zipped(**{"in/x.zip": IN_ZIP}), "/in/x.zip/base/M/aime.jsonl"),
    "mixed.zip": (zipped(**{"aime.jsonl.gz": gzip.compress(PLAIN)}), "/aime.jsonl.gz"),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_and_plain_are_the_same_run(tmp_path: Path, name: str) -> None:
    plain = looked(tmp_path / "plain" / "aime.jsonl", PLAIN).sources[0]
    raw, inner = PACKED[name]
    plan = looked(tmp_path / name, raw)
    (source,) = plan.sources
    assert not plan.failed and identity_of(source) == identity_of(plain)
    assert source.files[0].shown == f"{tmp_path / name}{inner}"
    drafts = [draft for draft in read(source) if isinstance(draft, TraceDraft)]
    assert [replace(d, source=None) for d in drafts] == [replace(d, source=None) for d in read(plain)]  # type: ignore[type-var, arg-type]
    # In a folder as well.
    assert [identity_of(each) for each in scan([tmp_path]).sources].count(identity_of(plain)) == 2


def test_a_packed_file_is_already_here(services: Services, tmp_path: Path) -> None:
    take(services, write(tmp_path / "aime.jsonl", ROWS))
    path = tmp_path / "aime.jsonl.gz"
    path.write_bytes(gzip.compress((tmp_path / "aime.jsonl").read_bytes()))
    (outcome,) = take(services, path)
    assert outcome.state == "present" and "aime.jsonl.gz: already in the store" in outcome.sentence


def test_an_upload_is_shown_by_its_own_name_and_unpacked_anew_when_swept(services: Services, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "x.zip").write_bytes(IN_ZIP)
    for _ in range(2):
        (source,) = services.imports.plan([tmp_path / "up" / "x.zip"], base=tmp_path / "up").sources
        assert source.files[0].shown == "x.zip/base/M/aime.jsonl"
        (path,) = source.paths
        assert path.is_relative_to(tmp_path / "store" / "unpacked")
        shutil.rmtree(tmp_path / "store" / "unpacked")


def test_a_packed_table_is_looked_at_and_mapped(services: Services, tmp_path: Path) -> None:
    rows = "".join(json.dumps({"q": f"Is it {n}?", "base": "Wait.", "tuned": "No."}) + "\n" for n in range(3)).encode()
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(**{"a/t.jsonl": rows}))
    assert [column.name for column in services.imports.peek(path).columns] == ["q", "base", "tuned"]
    plan = services.imports.plan([path], {"question": "q", "text": ["base", "tuned"]})
    assert [source.info.model for source in plan.sources] == ["base", "tuned"]


@pytest.mark.parametrize("raw", [zipped(), zipped(**{"folder/": b""}), tarred(), gzip.compress(tarred())])
def test_an_empty_archive_is_told(tmp_path: Path, raw: bytes) -> None:
    (problem,) = looked(tmp_path / "x.tar", raw).failed
    assert "nothing in it" in problem.reason


def test_members_that_lead_out_or_are_no_files_are_left_by_name(tmp_path: Path) -> None:
    members = [
        *(entry("../out.jsonl", PLAIN), entry("/etc/out.jsonl", PLAIN), entry("a/../../out.jsonl", PLAIN)),
        *(entry("link.jsonl", kind=tarfile.SYMTYPE, link="/etc/passwd"), entry("dev", kind=tarfile.CHRTYPE)),
        *(entry("hard.jsonl", kind=tarfile.LNKTYPE, link="good.jsonl"), entry("pipe", kind=tarfile.FIFOTYPE)),
        *(entry("good.jsonl", PLAIN), entry("good.jsonl", PLAIN), entry("good.jsonl/x", b"x"), entry("a" * 300, b"x")),
        *(entry(".hidden", PLAIN), entry("w.safetensors", b"x" * 9)),
    ]
    plan = looked(tmp_path / "x.tar", tarred(*members))
    assert [source.files[0].shown for source in plan.sources] == [f"{tmp_path}/x.tar/good.jsonl"]
    told = {each.file.removeprefix(f"{tmp_path}/x.tar/"): each.reason for each in [*plan.failed, *plan.skipped]}
    out = "its name leads out of the archive"
    assert told["../out.jsonl"] == told["/etc/out.jsonl"] == told["a/../../out.jsonl"] == out
    assert "link" in told["link.jsonl"] and "link" in told["hard.jsonl"] and "device" in told["dev"] + told["pipe"]
    assert "twice" in told["good.jsonl"] and "twice" in told["good.jsonl/x"] and "can't be" in told["a" * 300]
    assert told[".hidden"] == "a hidden file" and "not a data file" in told["w.safetensors"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.tar"]
    bad = {"..\\out.jsonl": PLAIN, "C:\\out.jsonl": PLAIN, "/out.jsonl": PLAIN}
    plan = looked(tmp_path / "x.zip", zipped(**bad))
    assert {each.reason for each in plan.failed} == {out} and len(plan.failed) == 3 and not plan.sources


def test_encrypted_members_are_said_so(tmp_path: Path) -> None:
    raw = bytearray(IN_ZIP)
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (problem,) = looked(tmp_path / "x.zip", bytes(raw)).failed
    assert problem.file.endswith("x.zip/base/M/aime.jsonl") and "encrypted" in problem.reason


BOMBS: dict[str, Callable[[], bytes]] = {
    "ratio.jsonl.gz": lambda: gzip.compress(bytes(2**21)),
    "ratio.jsonl.zst": lambda: zstd(bytes(2**21)),
    "ratio.zip": lambda: zipped(a=bytes(2**20), b=bytes(2**20)),
    "members.zip": lambda: zipped(**{f"{n}.txt": b"" for n in range(60)}),
    "members.tar": lambda: tarred(*(entry(f"{n}.txt") for n in range(60))),
    "total.tar": lambda: tarred(entry("a.bin2", bytes(2**22 + 1))),
    "depth.zip": lambda: zipped(a=zipped(a=zipped(a=zipped(a=PLAIN)))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_grows_too_much_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_FREELY", 2**20)
    monkeypatch.setattr(scratch, "_MOST_BYTES", 2**22)
    monkeypatch.setattr(scratch, "_MOST_MEMBERS", 50)
    plan = looked(tmp_path / name, BOMBS[name]())
    assert len(plan.failed) == 1 and not plan.sources
    reasons = {"ratio": "times as large", "members": "more than 50 files", "total": "come out", "depth": "3 times"}
    assert reasons[name.split(".")[0]] in plan.failed[0].reason


@pytest.mark.parametrize("name", PACKED)
def test_damaged_ones_are_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    raw = PACKED[name][0]
    for damaged in (raw[: len(raw) // 2], raw[:-5], raw[:20] + bytes(8) + raw[28:]):
        plan = looked(tmp_path / name, damaged)
        told = [*plan.failed, *plan.skipped]
        # What a tar archive ends with may be missing; whatever is read is what was packed.
        assert told or name.endswith("x.tar"), name
        assert not any("\n" in str(each) for each in told)
        for source in plan.sources:
            assert [d.text for d in read(source) if isinstance(d, TraceDraft)] == [
                r["generated_responses"][0] for r in ROWS
            ]


def test_pickles_and_documents_are_told_for_what_they_are(tmp_path: Path) -> None:
    torch = zipped(**{"rollout_0/data.pkl": b"\x80\x02.", "rollout_0/version": b"3"})
    for name, raw, word in (
        ("rollout_0.pt", torch, "save the rows as JSON Lines or Parquet"),
        ("rows.pkl", b"\x80\x04K\x01.", "save the rows as JSON Lines or Parquet"),
        ("x.xlsx", zipped(**{"[Content_Types].xml": b"<x/>"}), "save its table as CSV"),
        ("x.npz", zipped(**{"a.npy": b"\x93NUMPY"}), "NumPy"),
        ("x.7z", b"7z\xbc\xaf\x27\x1c", "pack it as zip"),
    ):
        (problem,) = looked(tmp_path / name, raw).failed
        assert word in problem.reason
    assert len(scan([tmp_path]).skipped) == 5
