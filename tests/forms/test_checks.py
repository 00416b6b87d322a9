import pytest

from common.forms.checks import is_date, passes_iban, passes_luhn


@pytest.mark.parametrize("digits", ["79927398713", "4111111111111111", "0"])
def test_numbers_with_a_correct_check_digit_pass_luhn(digits: str) -> None:
    assert passes_luhn(digits)
    assert not passes_luhn(digits[:-1] + str((int(digits[-1]) + 1) % 10))


def test_the_digits_of_ibans_pass_without_the_letters_of_the_country() -> None:
    assert passes_iban("89370400440532013000", "DE")
    assert passes_iban("611904300234573201", "AT")
    assert not passes_iban("89370400440532013001", "DE")
    assert not passes_iban("89370400440532013000", "AT")
    assert not passes_iban("89", "DE")


@pytest.mark.parametrize(
    ("digits", "order", "expected"),
    [
        ("29022024", "DDMMYYYY", True),
        ("29022023", "DDMMYYYY", False),
        ("20241231", "YYYYMMDD", True),
        ("123124", "MMDDYY", True),
        ("311224", "MMDDYY", False),
        ("1122024", "DDMMYYYY", False),
        ("01010000", "DDMMYYYY", False),
    ],
)
def test_only_existing_dates_in_the_given_order_pass(
    digits: str, order: str, expected: bool
) -> None:
    assert is_date(digits, order) is expected
