"""Films: untrusted files, decoded apart from everything else.

`Decoder` does it for the server in processes of its own, `child` is their program; `Film.read`
does it in this process. `process`, `pipe` and `turns` also serve the inference process.
"""

from cxrcore.films.decoder import Decoder
from cxrcore.films.film import Film
from cxrcore.films.turns import OnWait, Turns, Wait
from cxrcore.films.uploads import is_film, unpacked

__all__ = ["Decoder", "Film", "OnWait", "Turns", "Wait", "is_film", "unpacked"]
