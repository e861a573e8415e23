"""Simulation-based calibration: whether posteriors hold the truth as often as they say.

Truths are drawn from the prior (or from a posterior), data are simulated from each, the model is
fitted to them as to real data, and the place of the truth among the posterior draws is kept. Over
replicates those places are uniform if simulation, density and sampler are of one model. The
converse needs quantities that depend on the data: to the places of parameters alone, a posterior
that ignores the data looks right, so the log likelihood is ranked too (Talts et al. 2018, arXiv
1804.06788; Modrák et al. 2023, doi 10.1214/23-BA1404).

simuk 0.3 does the same loop for any PyMC model, and was tried first. It compiles the model anew for
every replicate (some ten seconds each), keeps no replicate that a killed process had finished,
ranks no derived quantities of another package's making, and counts no diagnostics of the fits; and
its integer ranks need rescaling by the number of draws before they are compared with a band.
"""
