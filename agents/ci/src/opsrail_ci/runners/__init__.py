"""Where steps run; one Protocol, one file per way."""
