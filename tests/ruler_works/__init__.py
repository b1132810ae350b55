"""What the ruler measures of a checkout, by public names only: everything else may move to another room.

* :mod:`.frames`: simulated data, seeded;
* :mod:`.plans`: plans that together use every family, link, sampler, level and kind of draw;
* :mod:`.questions`: what is asked of runs on the command line;
* :mod:`.running`: runs, and what of them is written down;
* :mod:`.asking`: commands, called as ``python -m bayesimpute`` calls them, and what they print;
* :mod:`.catalogue`: the works by name;
* ``python -m works OUT [NAME ...]`` does them and writes a folder for each: ``tests/ruler.py`` calls it.

To measure something else, add a plan or a question: no other change is needed.
"""
