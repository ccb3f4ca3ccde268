"""Numbers in words: one way for the axes, legends and tables of all plots and widgets."""


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


def percent(value: float, digits: int | None = 1) -> str:
    """A share that is given in percent, with a space before the sign; with `digits=None` as many as it has.

    >>> percent(52.04), percent(10, None)
    ('52.0 %', '10 %')
    """
    return f"{value:g} %" if digits is None else f"{value:.{digits}f} %"
