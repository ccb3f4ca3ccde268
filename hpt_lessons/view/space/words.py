"""What does a row of the editor mean, or what is wrong with it? Sentences as a teacher would say them."""

from __future__ import annotations

from hpt_lessons.search.domains import Domain, value_at
from hpt_lessons.search.space_mistakes import LARGEST, Mistake, multiple
from hpt_lessons.view.look.typed import as_typed as short

LABELS = {
    "lower": "from",
    "upper": "to",
    "q": "step",
    "mean": "mean",
    "sd": "spread",
    "values": "values",
    "value": "value",
}


def in_words(domain: Domain | None) -> str:
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
        start, end, step = domain.indices
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


def mistake_in_words(found: Mistake, domain: Domain) -> str:
    """What is wrong, in the words that stand above the fields, and what to do there; a field is named in quotes."""
    name = found.fields[0] if found.fields else ""
    field, value = LABELS.get(name), getattr(domain, name, None) if name else None
    linear, without = domain.kind.replace("log", ""), domain.kind.removeprefix("q")
    words = {
        "whole size": f"is {_number(value)}; whole numbers go up to 9e15 here. Write a smaller one, "
                      f"or choose the kind {domain.kind.replace('randint', 'uniform')}.",
        "whole": f"is {_number(value)}, and this kind takes whole numbers. Write another number, "
                 f"or choose the kind {domain.kind.replace('randint', 'uniform')}.",
        "log": f"is {_number(value)}, and a logarithmic scale has no 0. "
               f"Write a number above 0, for example {1 if domain.integer else '1e-5'}, or choose the kind {linear}.",
        "sd": f"is {_number(value)}. Write a number above 0, or choose the kind constant.",
        "q": f"is {_number(value)}. Write a number above 0, or choose the kind {without}, which has no steps.",
        "small q": f"is {_number(value)}, too small beside such large numbers. Write a larger one, "
                   f"or choose the kind {without}.",
        "large q": f"is {_number(value)}, more than the whole range. Write a smaller one, "
                   f"or choose the kind {without}.",
        "no multiple": f"is {_number(value)}, and no multiple of it lies in the range. Write a smaller one.",
    }  # fmt: skip
    if found.rule in words:
        return f"“{field}” {words[found.rule]}"
    whole = {
        "empty": f"The range is empty: both ends are {_number(domain.lower)}. "
                 "Move one of them, or choose the kind constant for a fixed value.",
        "order": f"The range runs backwards, from {_number(domain.lower)} to {_number(domain.upper)}. "
                 "Exchange the two numbers.",
        "narrow": "This is so narrow that hardly a number lies in it. Widen it, or choose the kind constant.",
        "wide": f"This goes beyond the largest number that a computer holds, {LARGEST:.2g}. Write smaller numbers.",
    }  # fmt: skip
    if found.rule == "multiple":
        return (
            f"“{field}” is {_number(value)}, no multiple of the step {_number(domain.q)}. "
            f"Write {_number(multiple(domain, name))}, or another step."
        )
    return whole.get(found.rule) or found.text.replace("\n", " ")


def _number(value: float) -> str:
    text = short(value)
    return text if len(text) <= 12 else short(float(f"{value:.4g}"))
