"""Reads that people wait for, one file each."""
