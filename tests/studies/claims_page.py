"""The article's claims put to the test on a finished run, and the page that says so.

    python tests/studies/claims_page.py results/densing_law

writes tests/artefacts/claims.json (commit, seed, versions inside) and docs/what_the_data_say.md
from it. Without a folder the page alone is written, from the artefact as it is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from densing_bayes.finished import load_densities
from densing_bayes.report.claims import claims_page, claims_record
from densing_bayes.trend.claim_fits import check_claims

ROOT = Path(__file__).parents[2]
ARTEFACT = ROOT / "tests" / "artefacts" / "claims.json"
PAGE = ROOT / "docs" / "what_the_data_say.md"
SEED = 1


def main() -> None:
    """Write artefact and page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="folder of a finished run")
    asked = parser.parse_args()
    if asked.folder is not None:
        spec, _, densities = load_densities(asked.folder)
        claims = check_claims(densities, seed=SEED, say=lambda line: print(line, flush=True))
        record = claims_record(claims, name=spec.name, seed=SEED)
        ARTEFACT.write_text(json.dumps(record, indent=2) + "\n")
    PAGE.write_text(claims_page(json.loads(ARTEFACT.read_text())))


if __name__ == "__main__":
    main()
