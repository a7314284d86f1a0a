"""Demonstrations on the real stack: ``opsrail demo NAME``. One file each; ``stage`` is what they share."""
