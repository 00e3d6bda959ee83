"""Single keys, on the viewer and on our layers alike, and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class KeyBindings:
    """Binds keys and remembers what they did before.

    A key of the selected layer wins over one of the viewer in napari; so the same keys go on both.

    Parameters
    ----------
    actions : mapping of str to callable
        Key in napari's spelling and what it does; called without arguments.
    """

    def __init__(self, actions: Mapping[str, Callable[[], object]]) -> None:
        self._actions = dict(actions)
        self._bound: list[tuple[Any, str, Any, Any]] = []  # owner, key, ours, what was there before

    def bind(self, owners: Iterable[Any]) -> None:
        """Bind the keys on viewers and layers on which they are not bound yet."""
        known = [owner for owner, *_ in self._bound]
        for owner in owners:
            if not any(owner is other for other in known):
                for key, action in self._actions.items():
                    ours = _ignoring_owner(action)
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


def _ignoring_owner(action: Callable[[], object]) -> Callable[[Any], None]:
    def run(owner: Any) -> None:
        action()

    return run
