"""Text from outside on its way to a terminal, which would obey it. Called by the command line and the console log."""

import re

_COLOUR = r"\x1b\[[0-9;]{0,32}m"
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
_CONTROLS = re.compile(_CONTROL)
_ALL_BUT_COLOURS = re.compile(f"({_COLOUR})|{_CONTROL}")
_LINE_ENDS = str.maketrans({"\n": "\\n", "\t": "\\t"})


def plain(text: str) -> str:
    """Control characters and those that turn the direction of writing shown as escapes; line ends and tabs stay."""
    return _CONTROLS.sub(_escaped, text)


def one_line(text: str) -> str:
    """As ``plain``, with line ends and tabs as escapes too."""
    return plain(text).translate(_LINE_ENDS)


def coloured(text: str) -> str:
    """As ``plain``, but colours stay: what builds print is made to be seen in a terminal."""
    return _ALL_BUT_COLOURS.sub(lambda found: found[1] or _escaped(found), text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
