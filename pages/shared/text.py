"""Names, numbers and times as readable text."""

import re

_JOINER = "\u2060"  # no width; keeps apart what would be read as one
# "http:" and "www." begin a link however their punctuation is written.
_LINK = re.compile(r"(?<![a-z])([hfmxw])(?=(ttps?|tp|ailto|mpp|ww)[:.])", re.IGNORECASE)
_ARROW = re.compile(r"(?<=[-<=>~])(?=[-<=>~])")  # "->" becomes an arrow
# All of ASCII's but those that mean nothing anywhere in Markdown: % ' , / ; ?
_PUNCTUATION = {ord(sign): f"&#{ord(sign)};" for sign in '!"#$&()*+-.:<=>@[\\]^_`{|}~'}


# Embeddings and overrides of the writing direction, which would turn round what stands after them.
_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def shown(text: str) -> str:
    """A name that anybody may have written, without what reverses the text around it."""
    return text.translate(_TURNS)


def literal(text: str) -> str:
    """A name or title that anybody may have written, for Markdown: as it is, on one line.

    For every place where Streamlit takes Markdown: labels and `help` of widgets as well, and options
    but those of `selectbox` and `multiselect`, which are plain text: `shown` is for them.
    Nothing in it becomes a link, a picture, a formula, an icon, a colour or an arrow.

    >>> literal("a_b  [1]")
    'a&#95;b &#91;1&#93;'
    """
    text = _LINK.sub(rf"\1{_JOINER}", " ".join(shown(text).split()))
    text = _ARROW.sub(_JOINER, text.replace("@", f"{_JOINER}@{_JOINER}"))
    return text.translate(_PUNCTUATION)


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
