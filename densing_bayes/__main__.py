"""``python -m densing_bayes``: the command line."""

from densing_bayes.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
