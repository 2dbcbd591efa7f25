"""Policies, shared by both trainers: one file an architecture, chosen by name."""

from metta_puffer.policies.registry import POLICIES, build_policy

__all__ = ["POLICIES", "build_policy"]
