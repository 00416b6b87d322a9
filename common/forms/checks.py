"""Checks of values that detect most misread digits: Luhn, IBAN and date."""

import datetime
from itertools import permutations

CHECKS = ("luhn", "iban", "date")

DATE_FORMATS = tuple(
    "".join(parts) for year in ("YYYY", "YY") for parts in permutations(("DD", "MM", year))
)
"""Orders of day, month and year. Two digits of a year mean 2000 to 2099."""


def passes_luhn(digits: str) -> bool:
    """Checks the last digit of a card or account number (ISO/IEC 7812-1, Luhn's algorithm)."""
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(number // 10 + number % 10 for number in doubled)
    return bool(digits) and total % 10 == 0


def passes_iban(digits: str, country: str) -> bool:
    """Checks the check digits of an IBAN without letters after its country (ISO 13616).

    Args:
        digits: The digits after the country: two check digits and the account number.
        country: Code of the country, two capital letters.
    """
    # A is 10, B is 11, and so on.
    moved = digits[2:] + "".join(str(ord(letter) - 55) for letter in country) + digits[:2]
    return len(digits) > 2 and int(moved) % 97 == 1


def is_date(digits: str, order: str) -> bool:
    """Checks whether digits are a date of the calendar.

    Args:
        digits: Digits without separators.
        order: One of `DATE_FORMATS`.
    """
    if len(digits) != len(order):
        return False
    day, month, year = (
        int("".join(d for d, place in zip(digits, order, strict=True) if place == part))
        for part in "DMY"
    )
    try:
        datetime.date(year if "YYYY" in order else 2000 + year, month, day)
    except ValueError:
        return False
    return True
