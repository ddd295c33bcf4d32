"""The order in which an annotator goes through items: the ones somebody took, and then new ones."""

from collections.abc import Sequence

from backend.services.annotation.records import ItemState


def item_address(mine: Sequence[ItemState], item: str, move: int | None) -> str | None:
    """The item `move` places from `item` among `mine`, the first at most; None for a new one, past the last."""
    places = [state.item.id for state in mine]
    # An item opened by its address may be nobody's yet.
    if move is None or item not in places:
        return None
    to = places.index(item) + move
    if to < 0:
        return places[0]
    return places[to] if to < len(places) else None
