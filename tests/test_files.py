"""Whole files: the old one or the new one, whatever goes wrong, and nothing else left in the folder."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from backend.files import replacing, write_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_arrive_as_they_are(tmp_path: Path) -> None:
    write_file(tmp_path / "a", "ü\r\n\n")
    write_file(tmp_path / "b", b"\xff\x00")
    assert (tmp_path / "a").read_bytes() == "ü\r\n\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\xff\x00"
    assert names(tmp_path) == ["a", "b"]


def test_whoever_could_read_a_file_written_here_can_read_this_one(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    write_file(tmp_path / "whole", "x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "whole")}
    assert len(modes) == 1


def test_what_breaks_off_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_file(path, "old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as half:
        half.write_text("ne")
        assert half.parent == tmp_path and path.read_text() == "old"
        raise KeyboardInterrupt
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "\ud800")
    assert path.read_text() == "old" and names(tmp_path) == ["a.json"]
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "nowhere" / "a.json", "x")


def test_the_bytes_are_flushed_before_the_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    really = os.fsync

    def watched(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").resolve()
        done.append("folder" if path.is_dir() else f"file, {(tmp_path / 'a').exists()}")
        really(handle)

    monkeypatch.setattr(os, "fsync", watched)
    write_file(tmp_path / "a", "x")
    assert done == ["file, False", "folder"]
    write_file(tmp_path / "b", "x", durable=False)
    assert len(done) == 2 and (tmp_path / "b").read_text() == "x"


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_can_not_be_flushed_is_no_failure_but_a_broken_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: bool
) -> None:
    def refuse(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").resolve().is_dir():
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    if raised:
        with pytest.raises(OSError, match="error"):
            write_file(tmp_path / "a", "x")
    else:
        write_file(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"


def test_many_writers_of_one_file_leave_one_of_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "shared.json"
    texts = [str(number) * 50_000 for number in range(8)]
    threads = [threading.Thread(target=write_file, args=(path, text)) for text in texts for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts and names(tmp_path) == ["shared.json"]
