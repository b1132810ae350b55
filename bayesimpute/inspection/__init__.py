"""A conditional model in a Bayesian's hands: its graph, its priors, what they predict, and bambi's own of the same."""
