"""Parity: the native engine against the published one, step by step, bit by bit."""
