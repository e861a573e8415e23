"""Named TOML files, of specifications and of trend models alike: found, read, and rightly named."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from densing_bayes._spec_errors import problems_from_toml
from densing_bayes.errors import Problem, SpecError, did_you_mean

__all__ = ["find_file", "must_be_named", "parse_toml", "read_text"]


def find_file(name_or_path: str | Path, known: Mapping[str, Path], *, what: str) -> Path:
    """Return the file meant, or say what there is.

    Parameters
    ----------
    name_or_path
        One of the names, or a path.
    known
        Shipped files by name.
    what
        What they are, for the message.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    SpecError
        If there is none.
    """
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_file():
        return path
    meant = did_you_mean(path.stem, known)
    raise SpecError(
        [
            Problem(
                message=f"no {what} of that name or path",
                value=str(name_or_path),
                allowed=f"a path, or one of: {', '.join(known)}",
                hint=meant[0].upper() + meant[1:] if meant else "List them: densing-bayes list.",
            )
        ]
    )


def read_text(path: Path) -> str:
    """Read a file that must be UTF-8.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    SpecError
        If it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(
            [
                Problem(
                    message=f"the file is not UTF-8 text (byte {error.start})",
                    file=path.name,
                    hint="Save it as UTF-8.",
                )
            ]
        ) from error


def parse_toml(text: str, *, file: str) -> dict[str, Any]:
    """Read TOML.

    Parameters
    ----------
    text
        The text.
    file
        Its name, for messages.

    Returns
    -------
    dict
        Its tables.

    Raises
    ------
    SpecError
        If it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(problems_from_toml(error, text=text, file=file)) from error


def must_be_named(name: str, path: Path) -> None:
    """Refuse a name that is not that of its file.

    Parameters
    ----------
    name
        The key ``name`` of the file.
    path
        The file.

    Raises
    ------
    SpecError
        If it differs from the file's stem.
    """
    if name != path.stem:
        raise SpecError(
            [
                Problem(
                    message="the name is not that of the file",
                    file=path.name,
                    key="name",
                    value=name,
                    allowed=f"'{path.stem}'",
                    hint="A name stands for one log density: rename the key or the file.",
                )
            ]
        )
