"""``python -m opsrail``: the command line."""

from opsrail.cli import main

main()
