"""What several rooms compute: normal tails, Phi_2, Polya-Gamma and truncated laws (numba), and figures of chains."""
