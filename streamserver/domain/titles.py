"""What videos and files may be called."""

import unicodedata

from streamserver.errors import BadInput

MAX_TITLE = 200
"""Characters."""


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
    return name[-MAX_TITLE:] or "video"


def title_of(file_name: str) -> str:
    """Make a title from a file's name."""
    stem = file_name.rsplit(".", 1)[0].replace("_", " ").strip()
    return _one_line(stem)[:MAX_TITLE].strip() or "Untitled"


def _one_line(text: str) -> str:
    """Drop what is no character to see (control, surrogate), and fold white space."""
    shown = (" " if sign.isspace() else sign for sign in text)
    kept = "".join(sign for sign in shown if unicodedata.category(sign) not in {"Cc", "Cs", "Co", "Cn"})
    return " ".join(unicodedata.normalize("NFC", kept).split())
