"""Single keys, on the viewer and on our layers alike, and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.utils.key_bindings import coerce_keybinding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Keys of the panel. napari keeps T, L and D on the shapes layer and L on the labels layer; on the
# clicks layer, which the panel selects, it must not keep any of them.
LETTERS = ("K", "Shift-K", "T", "N", "Shift-C", "]", "[", "C", "L", "D")
OURS = (*LETTERS, "Control-Z", "Control-Shift-Z")
BRUSHES = ("paint", "erase")
BRUSH_KEYS = ("[", "]")  # napari's own for the size of the brush


class KeyBindings:
    """Binds keys and remembers what they did before.

    A key of the selected layer wins over one of the viewer in napari; so the same keys go on both.
    A key with which napari does something on this kind of layer stays napari's there.

    Parameters
    ----------
    actions : mapping of str to callable
        Key in napari's spelling and what it does; called without arguments.
    takes_all : bool
        Whether even keys that napari uses are taken.
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
        before = owner.bind_key(key, ours, overwrite=True)
        self._bound.append((owner, key, ours, before))

    def release(self) -> None:
        """Give every key back; one that somebody else has bound since stays theirs."""
        for owner, key, ours, before in reversed(self._bound):
            found = owner.bind_key(key, None)
            restored = before if found is ours else found
            if restored is not None:
                owner.bind_key(key, restored)
        self._bound.clear()
        self._owners.clear()


def default_of(owner: Any, key: str) -> Callable[[Any], object] | None:
    """What napari itself does with a key on this kind of layer; None on the viewer."""
    return getattr(owner, "class_keymap", {}).get(coerce_keybinding(key))


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
