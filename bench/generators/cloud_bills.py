"""Daily costs as cloud bills have them, drawn by seed: for the forecast bench.

A bill has a level with slow growth, a weekday shape (more or less of it), noise in proportion, and by chance: fees on
the first of the month, steps (a deployment, a clean-up), one-off spikes, refunds, a new service that ramps up, a
service that stops for a while, a yearly swing, month-end batch work.
"""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray


def cloud_bill(seed: int, days: int = 420) -> tuple[date, NDArray[np.float64]]:
    """The first day and `days` costs in dollars."""
    random = np.random.default_rng(seed)
    start = date(2023, 1, 1) + timedelta(days=int(random.integers(0, 700)))
    dates = [start + timedelta(days=at) for at in range(days)]
    at = np.arange(days)
    level = 10 ** random.uniform(0.5, 4.5)
    growth = random.choice([0.0, random.normal(0, 0.0008), random.normal(0.001, 0.0015)])
    path = np.exp(growth * at + np.cumsum(random.normal(0, random.choice([0.0, 0.004, 0.012]), days)))
    for _ in range(random.choice([0, 0, 1, 2, 3])):
        path[int(random.integers(10, days)) :] *= np.exp(random.normal(0, 0.5))
    if random.random() < 0.15:
        begin = int(random.integers(0, days // 2))
        path[begin:] += random.uniform(0.3, 2.0) * (1 - np.exp(-(at[begin:] - begin) / random.uniform(5, 40)))
    if random.random() < 0.2:
        path *= 1 + random.uniform(0.05, 0.3) * np.sin(2 * np.pi * (at + random.integers(0, 365)) / 365.25)
    weekend = random.choice([0.0, random.uniform(0.0, 0.15), random.uniform(0.15, 0.6)])
    shape = 1 - weekend * np.array([0, 0, 0, 0, random.uniform(0, 0.3), 1, random.uniform(0.7, 1)])
    cost = level * path * shape[[day.weekday() for day in dates]]
    cost *= np.exp(random.normal(0, random.choice([0.01, 0.03, 0.08, 0.2]), days))
    if random.random() < 0.35:
        cost += level * random.uniform(0.3, 4) * np.array([day.day == 1 for day in dates])
    if random.random() < 0.15:
        cost += level * random.uniform(0.2, 1) * np.array([(day + timedelta(days=1)).day == 1 for day in dates])
    spikes = random.random(days) < random.choice([0.0, 0.004, 0.015])
    cost = cost + spikes * level * random.exponential(2, days)
    if random.random() < 0.1:
        cost -= level * random.uniform(1, 6) * (at == random.integers(0, days))
    if random.random() < 0.08:
        off = int(random.integers(0, days))
        cost[off : off + int(random.integers(5, 40))] = 0.0
    return start, cost
