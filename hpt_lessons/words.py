"""Numbers in words: one way for the axes, legends and tables of all plots and widgets, for bars and reports."""

import math


def short(value: float) -> str:
    """A number for an axis, in few characters, small and large ones as they are typed in Python.

    >>> short(0.0001), short(0.05), short(256), short(1234567)
    ('1e-4', '0.05', '256', '1.2e6')
    """
    if isinstance(value, int) and abs(value) < 100_000:
        return str(value)
    if value == 0 or 0.001 < abs(value) < 100_000:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def percent(share: float, digits: int | None = 0) -> str:
    """A share of 1 in percent, with a space that no line breaks at; with `digits=None` as many as it has.

    >>> percent(0.834, 1), percent(1), percent(0.125, None)
    ('83.4\xa0%', '100\xa0%', '12.5\xa0%')
    """
    return f"{100 * share:g}\u00a0%" if digits is None else f"{100 * share:.{digits}f}\u00a0%"


def count(number: int, noun: str) -> str:
    """So many things.

    >>> count(1, "trial"), count(2000, "trial")
    ('1 trial', '2,000 trials')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seconds_in_words(seconds: float) -> str:
    """A duration as people say it, to the second below an hour and to the minute above.

    >>> seconds_in_words(80), seconds_in_words(7322), seconds_in_words(0.2)
    ('1 min 20 s', '2 h 2 min', 'under 1 s')
    """
    if not math.isfinite(seconds):
        return "an unknown time"
    if seconds < 0.5:  # also a time left that has run out
        return "under 1 s"
    whole = round(seconds)
    if whole < 3600:
        parts = [(whole // 60, "min"), (whole % 60, "s")]
    else:
        minutes = round(seconds / 60)
        parts = [(minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def size_in_words(size: float) -> str:
    """A number of bytes as people say it, in powers of 1000.

    >>> size_in_words(170_498_071)
    '170.5 MB'
    """
    for unit in ("B", "kB", "MB"):
        if abs(size) < 999.95:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
