"""Checks of a policy's sizes, before anything is built of them."""

from metta_puffer.errors import UserError


def multiple(option: str, value: int, of: int) -> None:
    """Raises UserError, naming the nearest size that fits, unless `value` is a multiple of `of`."""
    if value % of:
        nearest = max(of, round(value / of) * of)
        raise UserError(
            f"heads of equal width need a multiple of {of}",
            remedy=f"the nearest that fits is {nearest}",
            key=f"policy.{option}",
            value=value,
        )
