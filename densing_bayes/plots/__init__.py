"""Figures of computed results: results in, optional axes in, axes out. Nothing is computed here.

No style is set on import and no figure is shown; ``ax.figure.savefig`` writes one.
"""

from densing_bayes.plots._style import STYLE
from densing_bayes.plots.density_over_time import plot_density
from densing_bayes.plots.doubling_times import plot_doubling_time
from densing_bayes.plots.loss_curves import plot_loss_curves
from densing_bayes.plots.prior_posterior import plot_prior_posterior
from densing_bayes.plots.score_curves import plot_score_curves

__all__ = [
    "STYLE",
    "plot_density",
    "plot_doubling_time",
    "plot_loss_curves",
    "plot_prior_posterior",
    "plot_score_curves",
]
