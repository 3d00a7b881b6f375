"""What videos and files may be called."""

import unicodedata

from streamserver.errors import BadInput

MAX_TITLE = 200
"""Characters."""
NO_CHARACTERS = frozenset({"Cc", "Cs", "Co"})
"""Categories of what nobody can read: control, half of a surrogate pair, private use."""
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Controls of text direction; left open, they would reorder what follows on a page."""
UNSEEN = frozenset({"Cf", "Zs"})
"""Categories of what is part of a text, but cannot be seen alone."""


def clean_title(text: str) -> str:
    """Return a title in one line; raise `BadInput` where nothing is left of it, or too much."""
    title = _one_line(text)
    if not title:
        raise BadInput("The title is empty; please give it at least one letter.")
    if len(title) > MAX_TITLE:
        raise BadInput(f"The title is {len(title)} characters long; at most {MAX_TITLE} are possible.")
    return title


def clean_file_name(text: str) -> str:
    """Return a file's name without folders (of any system) and control characters."""
    name = _one_line(text.replace("\\", "/").rsplit("/", 1)[-1])
    return _one_line(name[-MAX_TITLE:]) or "video"


def title_of(file_name: str) -> str:
    """Make a title from a file's name."""
    return clean_label(file_name.rsplit(".", 1)[0].replace("_", " ")) or "Untitled"


def clean_label(text: str) -> str:
    """Return what something calls itself in one line, cut to length; empty where nothing of it can be seen."""
    return _one_line(_one_line(text)[:MAX_TITLE])


def _one_line(text: str) -> str:
    """Drop what is no character, and fold white space; empty where nothing is left to be seen."""
    shown = (" " if sign.isspace() else sign for sign in text)
    kept = (sign for sign in shown if unicodedata.category(sign) not in NO_CHARACTERS and sign not in DIRECTIONS)
    line = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    return line if any(unicodedata.category(sign) not in UNSEEN for sign in line) else ""
