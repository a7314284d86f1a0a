"""PostgreSQL: engine, tenant-scoped transactions, declarative base, migrations."""
