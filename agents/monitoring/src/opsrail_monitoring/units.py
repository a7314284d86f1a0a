"""The unit of a metric from its name, by the Prometheus conventions. Pure.

https://prometheus.io/docs/practices/naming/#base-units
"""

_NOT_UNITS = frozenset({"total", "count", "sum", "bucket", "created", "info"})
_UNITS = frozenset(
    {
        "seconds",
        "bytes",
        "ratio",
        "celsius",
        "meters",
        "volts",
        "amperes",
        "joules",
        "grams",
        "watts",
        "hertz",
        "percent",
    }
)


def unit_of(metric: str) -> str | None:
    """``http_request_duration_seconds_bucket`` → ``seconds``; ``None`` where the name does not tell."""
    for word in reversed(metric.split("_")):
        if word in _UNITS:
            return word
        if word not in _NOT_UNITS:
            return None
    return None
