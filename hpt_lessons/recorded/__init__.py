"""What happened when we trained: tables of real trials, every learning curve of them, shipped with the package.

`load(name)` gives one as a table of trials, `names()` those there are; the card beside each (`NAME.md`) says how it was
measured and what it cannot tell. `python -m hpt_lessons.recorded.making.build NAME --data PATH` builds one.
`recorded.replay` runs searches on them, hundreds in seconds.
"""

from hpt_lessons.recorded.table import load, names

__all__ = ["load", "names"]
