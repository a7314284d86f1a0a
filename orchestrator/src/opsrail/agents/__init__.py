"""Agents: what is installed, what should run, and what lives. The row is the truth; the bus follows it."""
