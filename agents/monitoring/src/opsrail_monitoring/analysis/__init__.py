"""Pure engines of the Monitoring agent: `detect` (anomalies in one series) and `explain` (causes of an incident)."""
