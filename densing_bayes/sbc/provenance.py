"""What code and what tables a replicate was made with."""

from __future__ import annotations

import ast
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["code_digest", "commit"]

_PACKAGE = Path(__file__).parents[1]
_NAME = _PACKAGE.name


def code_digest(*modules: str) -> str:
    """Return a hash of the code of modules of this package, and of all of ours that they import.

    Docstrings and comments are not in it, nor how lines are broken: a replicate does not depend
    on them.

    Parameters
    ----------
    modules
        Full names, ``densing_bayes.sbc.study``.

    Returns
    -------
    str
        SHA-256.
    """
    seen: dict[str, str] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        path = _path(name)
        if name in seen or path is None:
            continue
        tree = _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
        seen[name] = ast.unparse(tree)
        todo += _imported(tree)
    text = "\n".join(f"# {name}\n{seen[name]}" for name in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()


def commit() -> dict[str, Any]:
    """Return the commit that the package's files are of.

    Returns
    -------
    dict
        ``commit`` and ``changed`` (whether a tracked file differs from it); both None outside of a
        repository.
    """

    def git(*arguments: str) -> str | None:
        done = subprocess.run(
            ["git", "-C", str(_PACKAGE), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {
        "commit": git("rev-parse", "HEAD"),
        "changed": None if status is None else bool(status),
    }


def _path(name: str) -> Path | None:
    """Return the file of a module of this package; None for what is none."""
    parts = name.split(".")
    if parts[0] != _NAME:
        return None
    place = _PACKAGE.joinpath(*parts[1:])
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
