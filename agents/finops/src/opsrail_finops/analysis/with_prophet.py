"""Prophet as one more method of the contest, when it is installed and asked for: https://facebook.github.io/prophet/"""

import logging
from datetime import date

import numpy as np

from opsrail_finops.analysis.decompose import Array, Calendar, Parts

_LEAST_DAYS = 15
"""From here on Prophet learns weekdays; with fewer days it is a bare trend."""


def prophet(parts: Parts, ahead: Calendar) -> Array | None:
    """Prophet's own mean, with its defaults; `None` also where its optimiser fails."""
    if len(parts.values) < _LEAST_DAYS:
        return None
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415
    from prophet import Prophet  # noqa: PLC0415

    # Both set their own level when first used, and would tell of every fit.
    logging.getLogger("prophet").setLevel(logging.WARNING)
    logging.getLogger("cmdstanpy").disabled = True
    model = Prophet()
    try:
        model.fit(pd.DataFrame({"ds": _dates(parts.calendar), "y": parts.values}))
    except RuntimeError:
        return None
    return np.asarray(model.predict(pd.DataFrame({"ds": _dates(ahead)}))["yhat"], float)


def _dates(days: Calendar) -> list[str]:
    return [date.fromordinal(int(day)).isoformat() for day in days.ordinal]
