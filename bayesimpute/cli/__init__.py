"""The command line over the public functions.

``parser.py`` parses the words; ``commands.py`` has the commands, which read files, call, and print.
"""
