"""What the training films of a run look like to it: nearest films, distances, limits.

A profile is made once, in the background (`work.submit_profiles`), and kept beside the run, also
beside runs of earlier versions. `record` is the profile, `construction` makes it; a page reads
it without TensorFlow (docs/decisions/0049).
"""

from cxrcore.profiles.construction import make
from cxrcore.profiles.record import Neighbour, Profile, Scores, load

__all__ = ["Neighbour", "Profile", "Scores", "load", "make"]
