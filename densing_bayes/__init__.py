"""The Densing Law of language models with its uncertainty.

From reference losses and benchmark scores to posterior draws of effective size, density and
doubling time::

    import densing_bayes as db

    result = db.run(db.load_spec("densing_law"))
    result.density                                       # a table, with intervals
    result.doubling_time("average").quantile([0.05, 0.5, 0.95])
"""

from densing_bayes.data import (
    load_benchmarks,
    load_calibration,
    load_llms,
    load_prices,
    load_published_density,
    load_reference_losses,
    load_scores,
)
from densing_bayes.density import density_of, log_actual_size
from densing_bayes.effective_size import propagate
from densing_bayes.errors import InputError, SpecError, TableError
from densing_bayes.evidence import load_ceiling_evidence
from densing_bayes.fit import draw_posterior
from densing_bayes.output import write_result
from densing_bayes.panel import load_panel
from densing_bayes.pipeline import Result, fit_laws, read_panel, read_reference_data, run
from densing_bayes.reference import build_reference_model, reference_data
from densing_bayes.spec import Spec, list_specs, load_spec
from densing_bayes.trend import average, doubling_time, envelope, growth_table

__all__ = [
    "InputError",
    "Result",
    "Spec",
    "SpecError",
    "TableError",
    "average",
    "build_reference_model",
    "density_of",
    "doubling_time",
    "draw_posterior",
    "envelope",
    "fit_laws",
    "growth_table",
    "list_specs",
    "load_benchmarks",
    "load_calibration",
    "load_ceiling_evidence",
    "load_llms",
    "load_panel",
    "load_prices",
    "load_published_density",
    "load_reference_losses",
    "load_scores",
    "load_spec",
    "log_actual_size",
    "propagate",
    "read_panel",
    "read_reference_data",
    "reference_data",
    "run",
    "write_result",
]
