"""What every room may use: problems and errors, priors as values, saving, interrupts, progress, tables."""
