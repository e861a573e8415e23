#!/bin/sh
# Prints the path of a Python >= 3.12 (< 3.15, PyMC's bound): on PATH, in pyenv, or through uv.
# PyMC 6 needs it, and an older Python would silently install an older PyMC.
# Inside a virtual environment the Python behind it is printed: the environment may be the one
# that is about to be made anew.

ok() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))' \
        >/dev/null 2>&1
}

try() {
    [ -n "$1" ] && ok "$1" && "$1" -c 'import sys; print(sys._base_executable)' && exit 0
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON"
    echo "PYTHON=$PYTHON is no Python 3.12, 3.13 or 3.14 with venv; name another, or none" >&2
    exit 1
fi
for name in python3.13 python3.12 python3.14 python3 python; do
    try "$(command -v $name 2>/dev/null)"
done
for root in "${PYENV_ROOT:-}" "$HOME/.pyenv" "$(command -v pyenv >/dev/null 2>&1 && pyenv root)"; do
    [ -d "$root/versions" ] || continue
    for version in 3.13 3.12 3.14; do
        for python in "$root/versions/$version"*/bin/python; do
            try "$python"
        done
    done
done
if command -v uv >/dev/null 2>&1; then
    try "$(uv python find '>=3.12,<3.15' 2>/dev/null)"
    echo "no Python >= 3.12 here; asking uv to download 3.13" >&2
    uv python install 3.13 >&2 && try "$(uv python find 3.13 2>/dev/null)"
fi
echo "densing_bayes needs Python 3.12, 3.13 or 3.14, and none was found on PATH, in pyenv or" \
    "through uv. Install one, or name it: make run PYTHON=/path/to/python3.13" >&2
exit 1
