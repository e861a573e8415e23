"""From what the TOML reader and the validator say to problems a person can mend."""

from __future__ import annotations

import re
import tomllib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from densing_bayes.errors import Problem, did_you_mean, listing

__all__ = ["problems_from_toml", "problems_from_validation"]


def problems_from_toml(
    error: tomllib.TOMLDecodeError, *, text: str, file: str | None
) -> list[Problem]:
    """Return the one problem of a text that is not TOML, with its line.

    Parameters
    ----------
    error
        What the TOML reader raised.
    text
        The text it read.
    file
        Its name.

    Returns
    -------
    list of Problem
        One problem.
    """
    match = re.search(r"line (\d+)", str(error))
    row = int(match.group(1)) if match else len(text.splitlines()) or 1
    lines = text.splitlines()
    value = lines[row - 1].strip() if row <= len(lines) else None
    hint = "Mend the line as TOML: strings in quotes, numbers like 5e12, one key a line."
    if text.startswith("\ufeff"):
        hint = "Save the file as UTF-8 without a byte order mark."
    return [
        Problem(message=f"not TOML: {error}", file=file, row=row, value=value or None, hint=hint)
    ]


def problems_from_validation(
    error: ValidationError, *, root: type[BaseModel], file: str | None
) -> list[Problem]:
    """Return a problem for everything that the validator found.

    Parameters
    ----------
    error
        What the validator raised.
    root
        The model that was validated.
    file
        Name of the file.

    Returns
    -------
    list of Problem
        In the order of the file's keys as the model declares them.
    """
    return [_problem(item, root=root, file=file) for item in error.errors()]


def _problem(item: Any, *, root: type[BaseModel], file: str | None) -> Problem:
    loc = tuple(part for part in item["loc"] if not str(part).startswith("function-"))
    key = _dotted(loc)
    value = None if isinstance(item["input"], dict) else _shown(item["input"])
    if item["type"] == "extra_forbidden":
        fields = _fields_at(root, loc[:-1])
        meant = did_you_mean(str(loc[-1]), fields)
        return Problem(
            message="unknown key",
            file=file,
            key=key,
            value=value,
            allowed=f"the keys {listing(fields, most=20)}",
            hint=f"{meant[0].upper()}{meant[1:]}" if meant else "Take it out.",
        )
    if item["type"] == "missing":
        return Problem(
            message="a key is missing", file=file, key=key, hint=f"Add '{loc[-1]}' there."
        )
    if item["type"] == "value_error":
        return Problem(
            message=str(item["ctx"]["error"]), file=file, key=key or None, hint=_HINT_OF_VALUE
        )
    if item["type"] == "literal_error":
        meant = did_you_mean(str(item["input"]), re.findall(r"'([^']+)'", item["ctx"]["expected"]))
        return Problem(
            message="not one of the choices",
            file=file,
            key=key,
            value=value,
            allowed=item["ctx"]["expected"],
            hint=f"{meant[0].upper()}{meant[1:]}" if meant else "Choose one of these.",
        )
    return Problem(
        message="a value is refused",
        file=file,
        key=key,
        value=value,
        allowed=_allowed(item["msg"]),
        hint="Give a value of that kind.",
    )


_HINT_OF_VALUE = "Change the value as said; models/README.md explains every key."


def _dotted(loc: tuple[Any, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _allowed(message: str) -> str:
    text = re.sub(r"^Input should be ", "", message)
    return text[0].lower() + text[1:]


def _fields_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """Return the keys that the table at a place may have."""
    for part in loc:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field is not None else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the table type inside an annotation such as ``LossLawPart | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
