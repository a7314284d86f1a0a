"""Durable flows: ordinary async functions that survive the death of the process that runs them.

A flow does all that touches the world in ``ctx.step``; each step's result is journalled before the next begins.
Another process that takes over runs the function again from its start and is given the journalled results, up to the
point where they end. So code between steps must be deterministic: ``ctx.now`` and ``ctx.uuid``
instead of clock and chance. A step whose process died may run twice: give its ``idempotency_key`` to what it calls.
"""
