"""Key bindings of the panel on the viewer and on its layers, and their release."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.utils.key_bindings import coerce_keybinding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Keys of the panel. napari uses T, L, D, F and Enter itself on the shapes layer, and L, F and Enter
# on the labels layer. It must use none of these keys on the clicks layer, because the panel selects
# that layer.
LETTERS = (
    *("K", "Shift-K", "T", "Shift-T", "N", "Shift-C", "]", "[", "C", "L"),
    *("D", "Shift-D", "Shift-R", "F", "Q", "Shift-B", ",", ".", "Enter", "O"),
    *(f"Control-Shift-{way}" for way in ("Up", "Down", "Left", "Right")),
)
VERDICTS = ("G", "W", "J", "Q")  # bound while whole cells are reviewed; napari uses none of them
OURS = (*LETTERS, "Control-Z", "Control-Shift-Z")
BRUSHES = ("paint", "erase")
BRUSH_KEYS = ("[", "]")  # napari's keys for the size of the brush


class KeyBindings:
    """Binds keys and remembers the bindings that were there before.

    In napari, a key of the selected layer takes precedence over one of the viewer, so the same keys
    are bound on both. A key that napari itself uses on this type of layer is left to napari.

    Parameters
    ----------
    actions : mapping of str to callable
        Keys in napari's spelling, and the actions that they call without arguments.
    takes_all : bool
        Whether keys that napari uses are bound too.
    """

    def __init__(
        self, actions: Mapping[str, Callable[[], object]], *, takes_all: bool = False
    ) -> None:
        self._actions = dict(actions)
        self._takes_all = takes_all
        self._bound: list[tuple[Any, str, Any, Any]] = []  # owner, key, ours, what was there before
        self._owners: list[Any] = []

    def bind(self, owners: Iterable[Any]) -> None:
        """Bind the keys on viewers and layers on which they are not bound yet."""
        for owner in owners:
            if not any(owner is other for other in self._owners):
                self._owners.append(owner)
                for key, action in self._actions.items():
                    self._bind_key(owner, key, action)

    def _bind_key(self, owner: Any, key: str, action: Callable[[], object]) -> None:
        theirs = None if self._takes_all else default_of(owner, key)
        if theirs is None:
            ours: Callable[[Any], object] = _ignoring_owner(action)
        elif key in BRUSH_KEYS and isinstance(owner, Labels):
            ours = _unless_brushing(action, theirs)
        else:
            return
        before = owner.bind_key(_read(key), ours, overwrite=True)
        self._bound.append((owner, key, ours, before))

    def release(self) -> None:
        """Restore the earlier bindings; keys that other code has bound since are left alone."""
        for owner, key, ours, before in reversed(self._bound):
            found = owner.bind_key(key, None)
            restored = before if found is ours else found
            if restored is not None:
                owner.bind_key(key, restored)
        self._bound.clear()
        self._owners.clear()


def default_of(owner: Any, key: str) -> Callable[[Any], object] | None:
    """The action that napari itself has for a key on this type of layer; None on the viewer."""
    return getattr(owner, "class_keymap", {}).get(_read(key))


@cache
def _read(key: str) -> Any:
    """A key as napari keeps it; to read its name takes long, and each layer has some twenty."""
    return coerce_keybinding(key)


def _ignoring_owner(action: Callable[[], object]) -> Callable[[Any], None]:
    def run(owner: Any) -> None:
        action()

    return run


def _unless_brushing(
    action: Callable[[], object], theirs: Callable[[Any], object]
) -> Callable[[Any], object]:
    def run(layer: Labels) -> object:
        return theirs(layer) if layer.mode in BRUSHES else action()

    return run
