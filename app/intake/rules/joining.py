"""Long texts that a phone hands over in pieces: which texts belong together, and in which order."""

from collections.abc import Sequence
from typing import Final

from app.i18n.parts import Encoding, encoding, units

# A piece of a joined SMS is full but for the last: 67 UTF-16 units or 153 septets; one less where a
# character of two units did not fit any more. Source: docs/sources.md#sms.
_FULL: Final = {Encoding.UCS2: (66, 67), Encoding.GSM7: (152, 153)}


def is_full_piece(body: str) -> bool:
    """Whether the text is as long as a piece of a longer one."""
    return units(body) in _FULL[encoding(body)]


def joined(earlier: Sequence[str], body: str) -> str | None:
    """The whole text of which this is a piece; None where it stands by itself.

    `earlier` holds what the same sender wrote in the last minutes, oldest first. Pieces come in any
    order: a full one behind the short last one goes before it.
    """
    if not earlier or not (is_full_piece(earlier[-1]) or is_full_piece(body)):
        return None
    pieces = [*earlier, body]
    full = [piece for piece in pieces if is_full_piece(piece)]
    last = [piece for piece in pieces if not is_full_piece(piece)]
    return "".join([*full, *last])
