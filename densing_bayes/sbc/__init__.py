"""Simulation-based calibration: whether posteriors hold the truth as often as they say.

Truths are drawn from the prior (or from a posterior), data are simulated from each, the model is
fitted to them as to real data, and the place of the truth among the posterior draws is kept. Over
replicates those places are uniform if, and only if, simulation, density and sampler are of one
model (Talts et al. 2018, arXiv 1804.06788; Modrák et al. 2023, doi 10.1214/23-BA1404).
"""
