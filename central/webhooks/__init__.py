"""Webhooks: what happened to a carrier's packages, sent to the carrier's own systems."""
