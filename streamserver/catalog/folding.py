"""How titles are compared."""

from unicodedata import normalize


def fold(text: str) -> str:
    """Return the form in which two texts are equal if a person would call them the same but for case.

    Unicode canonical caseless matching (The Unicode Standard §3.13, D145). It ends composed, so that looking for
    `a` does not find the first half of a decomposed `ä`, as file names on macOS have it.
    """
    return normalize("NFC", normalize("NFD", text).casefold())
