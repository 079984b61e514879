"""Shares, of which a scene's variety is made."""

from ccstereo.errors import DatasetError


def check_fractions(what: str, **shares: float) -> None:
    """Refuse numbers that are no shares.

    Args:
        what: what they are shares of, as a message says it.
        shares: by name.

    Raises:
        DatasetError: one is below 0 or above 1.
    """
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise DatasetError(f"{name} is a share of the {what}, 0 to 1, not {share:g}")
