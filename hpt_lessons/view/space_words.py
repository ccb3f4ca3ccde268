"""What does a domain mean? One sentence for each kind, as a teacher would say it."""

from __future__ import annotations

from hpt_lessons.search.domains import Domain, index_range, value_at
from hpt_lessons.view.space_rows import Row, short


def in_words(row: Row, domain: Domain | None) -> str:
    """What the row says, in a sentence or two; code stands in backticks."""
    if domain is None:
        return "The same in every trial: it is not searched."
    if domain.kind == "sample_from":
        return "Drawn by your own function, read-only here. Nobody can look inside: no grid over it, and no BOHB."
    if domain.categorical:
        return _list_in_words(domain)
    if domain.normal:
        low, high = domain.mean - 2 * domain.sd, domain.mean + 2 * domain.sd
        steps = f", in steps of {short(domain.q)}" if domain.q is not None else ""
        return f"A normal distribution without bounds{steps}: 95 % of the draws lie between {low:.4g} and {high:.4g}."
    return _range_in_words(domain)


def _list_in_words(domain: Domain) -> str:
    count = len(domain.values)
    if domain.kind == "grid_search":
        return f"Each of the {count} values in turn, for every sample: this multiplies the trials by {count}."
    return "Always this one value." if count == 1 else f"One of these {count} values, each as likely as the others."


def _range_in_words(domain: Domain) -> str:
    first, last = (short(value_at(domain, u)) for u in (0.0, 1.0))
    if domain.integer:
        start, end, step = index_range(domain)
        steps = "whole numbers" if step == 1 else f"multiples of {step}"
        likely = "Each equally likely."
        if domain.log:
            likely = "Small ones are more likely: every doubling gets the same share."
        never = f" ({short(domain.upper)} itself is never drawn)" if last != short(domain.upper) else ""
        return f"{end - start:,} {steps}, from {first} to {last}{never}. {likely}"
    steps = f", rounded to multiples of {short(domain.q)}" if domain.q is not None else ""
    if domain.log:
        return f"From {first} to {last}{steps}, on a logarithmic scale: every factor of ten gets the same share."
    return f"Any number from {first} to {last}{steps}, each equally likely."
