"""Organisations, their members, invitations, custom roles and identity providers."""
