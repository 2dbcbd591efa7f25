"""Random cases: to come."""
