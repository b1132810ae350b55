"""The DataTree of a run: its schema, its file, reading it, completed data on demand; ``run.py`` makes one."""
