"""The loop, from the inside out.

``workspace.py`` has a plan described on its data and what is compiled of it, ``kernel.py`` one visit,
``inner_steps.py`` how many transitions it needs, ``legs.py`` some sweeps of one chain, ``workers.py`` who runs them,
``schedules.py`` when all chains meet and what is kept by then, ``fcs.py`` all chains.
"""
