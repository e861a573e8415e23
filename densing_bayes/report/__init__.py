"""The report of a run: one self-contained page, and the figures it shows."""

from densing_bayes.report.page import write_figures, write_report

__all__ = ["write_figures", "write_report"]
