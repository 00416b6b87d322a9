"""Validity checks that detect many misread digits: Luhn, IBAN and date."""

import datetime
from itertools import permutations

CHECKS = ("luhn", "iban", "date")

DATE_FORMATS = tuple(
    "".join(parts) for year in ("YYYY", "YY") for parts in permutations(("DD", "MM", year))
)
"""Possible orders of day, month and year. The year YY is between 2000 and 2099."""


def passes_luhn(digits: str) -> bool:
    """Checks whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1)."""
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(number // 10 + number % 10 for number in doubled)
    return bool(digits) and total % 10 == 0


def passes_iban(digits: str, country: str) -> bool:
    """Checks whether the check digits of an IBAN are correct (ISO 13616).

    Args:
        digits: The IBAN without its country code: two check digits, and an account number that
            consists of digits only.
        country: Country code, two capital letters.
    """
    # The check moves the country code and the check digits to the end. A counts as 10, B as 11, ...
    moved = digits[2:] + "".join(str(ord(letter) - 55) for letter in country) + digits[:2]
    return len(digits) > 2 and int(moved) % 97 == 1


def is_date(digits: str, order: str) -> bool:
    """Checks whether digits form a date that exists.

    Args:
        digits: The date without separators.
        order: Order of day, month and year, one of `DATE_FORMATS`.
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
