"""What a user reads of convergence, and what to do about it."""
