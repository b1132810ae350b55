"""Data as given: the incomplete table, its columns, frames in and out of files, public data sets, simulated ones.

To read another format, see ``readers.py``; to write one, ``writers.py``.
"""
