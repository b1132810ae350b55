"""How kernels are compiled."""

import numba

compiled = numba.njit(cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True)  # pyright: ignore[reportCallIssue]
"""Decorator of all kernels: division by zero is infinite and not an exception, as in vector instructions; without
Python's lock, so that chains run side by side in threads."""
inlined = numba.njit(inline="always", error_model="numpy", nogil=True)
"""Of a large kernel that one other calls, in one place: a part of that one. By itself it would be compiled, with all
that it calls, for nobody."""
