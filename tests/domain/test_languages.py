"""Language tags out of what containers and people write."""

import pytest

from streamserver.domain.languages import language_name, language_tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("deu", "de"),
        ("ger", "de"),
        ("GER", "de"),
        ("fre", "fr"),
        ("chi", "zh"),
        ("pt_BR", "pt-BR"),
        ("por-br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-1996", "de-1996"),
        ("gsw", "gsw"),  # there is no shorter one
        (" en ", "en"),
        ("", "und"),
        ("und", "und"),
        ("mul", "und"),
    ],
)
def test_tags_take_their_usual_form(text: str, tag: str) -> None:
    """A language has its shortest code, and scripts and regions are written as is the custom."""
    assert language_tag(text) == tag
    assert language_tag(tag) == tag


@pytest.mark.parametrize("text", ["e", "german", "en-", "-en", "en--US", "a b", "<b>", "x" * 300, "日本語", "12"])
def test_what_is_no_tag(text: str) -> None:
    """Anything else is no language."""
    assert language_tag(text) is None


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "Deutsch"),
        ("pt-BR", "Português (BR)"),
        ("zh-Hant-TW", "中文 (Hant-TW)"),
        ("gsw", "gsw"),
        ("und", ""),
    ],
)
def test_names_for_a_menu(tag: str, name: str) -> None:
    """A language is called as its speakers call it, or by its tag; nobody calls an unknown one."""
    assert language_name(tag) == name
