"""When are two search spaces the same one, in whichever form their domains come?"""

from hpt_lessons.search.domains import describe, is_domain


def same(first, second):
    """The same names, constants and domains."""
    one, other = dict(leaves(first)), dict(leaves(second))
    return one.keys() == other.keys() and all(same_leaf(one[path], other[path]) for path in one)


def leaves(space, path=()):
    for key, value in space.items():
        if isinstance(value, dict) and value and not is_domain(value):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def same_leaf(one, other):
    first, second = describe(one), describe(other)
    if first is None and second is None:
        return type(one) is type(other) and (one == other or repr(one) == repr(other))
    if first is None or second is None or first.kind != second.kind:
        return False
    return first.function is second.function and repr(first) == repr(second)
