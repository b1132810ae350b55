"""From formulas to models: terms and priors (bambi), designs on one data set, PyMC graphs, refreshed columns."""
