"""The loop, from the inside out.

``kernel.py`` has one visit, ``legs.py`` some sweeps of one chain, ``workers.py`` who runs them, ``fcs.py`` all chains.
"""
