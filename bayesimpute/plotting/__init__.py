"""Pictures on our DataTree: of chains and imputed values (``plots.py``), of analyses side by side (``forest.py``)."""
