"""How kernels are compiled."""

import numba

compiled = numba.njit(cache=True, error_model="numpy", nogil=True)
"""Decorator of all kernels: division by zero is infinite and not an exception, as in vector instructions; without
Python's lock, so that chains run side by side in threads."""
