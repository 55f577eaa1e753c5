"""Which films runs get wrong, and on which they disagree; all of it on films none was trained on."""

from cxrcore.mistakes.film_notes import TAGS, FilmNote, note, notes
from cxrcore.mistakes.films import Mistakes, find
from cxrcore.mistakes.labels import suspects

__all__ = ["TAGS", "FilmNote", "Mistakes", "find", "note", "notes", "suspects"]
