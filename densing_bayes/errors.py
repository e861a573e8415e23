"""What is wrong with an input, where it stands, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = ["InputError", "Problem", "SpecError", "TableError", "did_you_mean", "listing"]

_MOST_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with an input.

    Parameters
    ----------
    message
        What is wrong, in a few words; shown when there is no received value to quote.
    file
        Name of the file, or None when the problem is not in a file.
    row
        Line number in the file as an editor counts, the header being line 1.
    column
        Column of a table.
    key
        Dotted key of a specification, for example ``"reference.priors.alpha"``.
    value
        The value received, as text.
    allowed
        What would have been accepted.
    hint
        The way out, a sentence.
    """

    message: str
    file: str | None = None
    row: int | None = None
    column: str | None = None
    key: str | None = None
    value: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """One readable line: place, what was received, what is allowed, the way out."""
        return self.line()

    def line(self, *, with_file: bool = True) -> str:
        """Return the problem as one line, optionally without the name of the file."""
        place = [self.file] if with_file and self.file else []
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column '{self.column}'")
        if self.key is not None:
            place.append(f"key '{self.key}'")
        said = self.message
        if self.value is not None:
            said += f"; got '{self.value}'"
        if self.allowed is not None:
            said += f"; allowed: {self.allowed}"
        text = f"{', '.join(place)}: {said}" if place else said
        text = text if text.endswith((".", "!", "?")) else f"{text}."
        return f"{text} Mend: {self.hint}" if self.hint else text


class InputError(ValueError):
    """An input was refused; every problem found is in ``problems``.

    Parameters
    ----------
    problems
        All problems found, in reading order; at least one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        if not self.problems:
            raise AssertionError("an InputError needs at least one problem")
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Problems as a numbered list, under the name of the file if they share one.

        A list longer than a screen is cut at 60, and says so; ``problems`` holds them all.
        """
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        files = {problem.file for problem in self.problems}
        shared = len(files) == 1 and None not in files
        where = f" in {self.problems[0].file}" if shared else ""
        lines = [
            f"  {number}. {problem.line(with_file=not shared)}"
            for number, problem in enumerate(self.problems[:_MOST_SHOWN], start=1)
        ]
        if count > _MOST_SHOWN:
            lines.append(
                f"  ... and {count - _MOST_SHOWN} more, of which the first may be the cause"
            )
        return "\n".join([f"{count} {noun}{where}:", *lines])


class TableError(InputError):
    """A table, or an argument that selects from one, was refused."""


class SpecError(InputError):
    """A specification file was refused."""


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return "did you mean 'x'?" for the nearest known word, or None when none is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"did you mean '{by_lower[near[0]]}'?" if near else None


def listing(words: Sequence[str], *, most: int = 12) -> str:
    """Return the words joined by commas, saying how many are left out beyond ``most``."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown
