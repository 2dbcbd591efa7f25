"""Recurrent cells: each turns a sequence and a state into a sequence and a state, and can be reset in its middle."""
