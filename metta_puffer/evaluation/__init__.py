"""Frozen policies on held-out maps: whole episodes, their scores and statistics."""

from metta_puffer.evaluation.simulate import Actor, Episode, held_out_seeds, simulate

__all__ = ["Actor", "Episode", "held_out_seeds", "simulate"]
