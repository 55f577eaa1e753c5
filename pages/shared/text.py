"""Names, numbers and times as readable text."""

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")


def literal(text: str) -> str:
    """A name of a file, class or source for Markdown, shown exactly as it is.

    >>> literal("a_b [1]")
    'a\\\\_b \\\\[1\\\\]'
    """
    return _MARKUP.sub(r"\\\1", text)


def duration(seconds: float) -> str:
    """A time in readable units: 40 s, 3 min, 2 h 5 min.

    >>> duration(40), duration(200), duration(7500)
    ('40 s', '3 min', '2 h 5 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def plural(number: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "image"), plural(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
