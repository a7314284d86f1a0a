"""Forges that we speak to; one Protocol, one file per vendor."""
