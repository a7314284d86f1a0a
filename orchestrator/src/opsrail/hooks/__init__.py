"""Ingress: signed webhooks in, CloudEvents on the bus out. Postgres is not on this path."""
