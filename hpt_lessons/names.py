"""May this text be the name of a file or a folder, on every system and in a command line? `check_name`."""

import unicodedata
from typing import Any

LONGEST = 100  # characters, and twice as many bytes: file systems stop at 255 bytes, and endings are to come
_SIGNS = " -_.+=,()@"
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")}


def check_name(name: Any, argument: str = "name") -> str:
    """The name, if it is one; else a ValueError that says what is wrong with it and what a name is."""
    problem = _problem(name)
    if problem:
        raise ValueError(
            f"{argument} {name!r:.150}: {problem}; a plain name was expected, not a path: letters, "
            f"digits, blanks and {_SIGNS[1:]}, at most {LONGEST} of them, such as 'first-try'."
        )
    return name


def _problem(name: Any) -> str | None:
    if not isinstance(name, str):
        return f"it is of type {type(name).__name__}, and text was expected"
    if not name.strip():
        return "it is empty"
    if strange := [sign for sign in name if not _allowed(sign)]:
        return f"{strange[0]!r} cannot stand in a name"
    if name != name.strip() or name[0] in "-." or name[-1] == ".":
        return "a name neither begins with - or . nor ends with ., and has no blank at its ends"
    if name.split(".")[0].strip().casefold() in _DEVICES:
        return "Windows keeps this name for a device"
    if len(name) > LONGEST or len(name.encode()) > 2 * LONGEST:
        return f"it has {len(name)} characters ({len(name.encode())} bytes)"
    return None


def _allowed(sign: str) -> bool:
    """Letters with their accents, digits of any script, pictures, and a few signs that no shell reads."""
    kind = unicodedata.category(sign)
    return sign in _SIGNS or kind[0] in "LMN" or kind == "So"
