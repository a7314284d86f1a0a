"""Credentials for the bus: keys of agents that run elsewhere, tokens for an outside NATS, what was refused."""
