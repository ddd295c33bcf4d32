"""Token counts from a `tokenizer.json` that a person names at an import."""

from pathlib import Path

from tokenizers import Tokenizer

from backend.domain import UserError, visible


class FileTokenizer:
    """A fast tokenizer read from a `tokenizer.json`; its name is the folder it lies in."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where the file is none."""
        file = path / "tokenizer.json" if path.is_dir() else path
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception for whatever is wrong with the file
            raise UserError(
                f"{visible(str(file))}: it can't be read as a tokenizer ({visible(str(error), 120)})."
            ) from error
        # Runs remember it: lengths compare only under the same tokenizer.
        self._name = f"{file.parent.name}/{file.name}"

    def count(self, text: str) -> int:
        """Tokens of `text`, special tokens not added."""
        # A response's own length: the special tokens around it belong to a template that isn't known here.
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def __str__(self) -> str:
        return self._name
