"""Prophet as one more method of the contest, when it is installed and asked for: https://facebook.github.io/prophet/"""

import logging
from datetime import date

import numpy as np

from opsrail_finops.analysis.decompose import Array, Calendar, Parts

_LEAST_DAYS = 28


def prophet(parts: Parts, ahead: Calendar) -> Array | None:
    """Prophet's own mean, with its defaults."""
    for name, level in (("prophet.plot", logging.CRITICAL), ("prophet", logging.WARNING)):
        logging.getLogger(name).setLevel(level)
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415
    from prophet import Prophet  # noqa: PLC0415

    logging.getLogger("cmdstanpy").setLevel(logging.WARNING)
    if len(parts.values) < _LEAST_DAYS:
        return None
    model = Prophet()
    model.fit(pd.DataFrame({"ds": _dates(parts.calendar), "y": parts.values}))
    return np.asarray(model.predict(pd.DataFrame({"ds": _dates(ahead)}))["yhat"], float)


def _dates(days: Calendar) -> list[str]:
    return [date.fromordinal(int(day)).isoformat() for day in days.ordinal]
