"""Where references lead: one file per source, each with a ``read``."""
