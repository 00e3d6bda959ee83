"""Words for a frame of a lane: quality, marks, doubts, and why it is worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.annotation.quality import Timeline


def describe(timeline: Timeline, t: int) -> str:
    """Describe an object on a frame: quality, marks and doubts."""
    if timeline.is_lost[t] and not timeline.has_mask[t]:
        return "lost"
    if not timeline.has_mask[t]:
        return "no mask"
    facts = {
        "prompted": timeline.is_prompted[t],
        "locked": timeline.is_locked[t],
        "reviewed": timeline.is_reviewed[t],
    }
    words = []
    if timeline.error_probability[t] >= 0:
        words = [f"chance of an error {timeline.error_probability[t]:.0%}".replace("%", " %")]
    elif timeline.quality[t] >= 0:
        words = [f"quality {float(timeline.quality[t]):.2f}"]
    words += [word for word, is_true in facts.items() if is_true]
    words += [timeline.reasons[t]] if timeline.reasons[t] else []
    return ", ".join([*words, *doubt_words(int(timeline.doubts[t]))]) or "mask"


def why(timeline: Timeline, t: int) -> str:
    """Why an object is worth a look on a frame; empty if it is not."""
    if timeline.is_reviewed[t]:
        return ""
    from napari_sam2.annotation.quality import MARKED_REASON

    if timeline.reasons[t] == MARKED_REASON:
        return "You marked this outline as wrong: correct it, or press C if it is right."
    if timeline.is_likely_wrong[t]:
        chance = f"{timeline.error_probability[t]:.0%}".replace("%", " %")
        return f"Likely wrong ({chance}): {timeline.reasons[t]}."
    if timeline.reasons[t]:
        return f"It may be wrong: {timeline.reasons[t]}."
    words = doubt_words(int(timeline.doubts[t]))
    return f"Unusual, but it may be right: {', '.join(words)}." if words else ""


def doubt_words(doubts: int) -> list[str]:
    """Words for the doubts of a frame."""
    if not doubts:
        return []
    from napari_sam2.annotation.quality import Doubt

    return [str(doubt.name).lower().replace("_", " ") for doubt in Doubt(doubts)]
