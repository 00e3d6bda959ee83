"""The situation of the window, from which the next step is decided."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.messages import EXCLUDE
from napari_sam2.plugin.window.next_step import Situation

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.saving_messages import SavedWorkFound
    from napari_sam2.plugin.window.controller import Controller
    from napari_sam2.plugin.window.image_state import ImageState


def situation_of(
    controller: Controller, *, has_images: bool, is_warming: bool, can_teach: bool
) -> Situation:
    """Describe the state of the controller.

    Parameters
    ----------
    controller : Controller
        State of the window.
    has_images : bool
        Whether the viewer has any image layer.
    is_warming : bool
        Whether the prompt layers cannot be created yet.
    can_teach : bool
        Whether teaching is to be offered.
    """
    models, image_state = controller.models, controller.image_state
    common: dict[str, Any] = {
        "has_images": has_images,
        "has_image": image_state is not None,
        "problem": controller.problem or (image_state.problem if image_state else None),
        "is_warming": is_warming,
        "has_model": models.loaded is not None,
        "is_loading": models.is_loading,
        "is_missing": models.missing is not None,
        "is_downloading": models.download is not None,
    }
    if image_state is None:
        return Situation(**common)
    return Situation(**common, **_of_image(controller, image_state), can_teach=can_teach)


def _of_image(controller: Controller, image_state: ImageState) -> dict[str, Any]:
    """What the next step depends on while an image is chosen."""
    reviewed, doubtful = image_state.review_progress
    division, offer = controller.divisions.division, controller.divisions.offer
    proposal, found = controller.divisions.proposal, controller.finding.found
    return {
        "is_open": image_state.is_open,
        "missing_layers": tuple(image_state.layers.missing()),
        "outside": controller.view.outside_told,
        "is_other_plane": controller.view.other_plane is not None,
        "hidden_image": image_state.image.name if controller.is_image_hidden else None,
        "is_stack": image_state.is_movie,
        "saved_when": _when(image_state.saved_work),
        "tool": image_state.layers.tool(controller.view.layers.selection.active),
        "is_sign_exclude": image_state.sign == EXCLUDE,
        "object_id": image_state.current_object,
        "guess": image_state.guess_on(controller.view.frame),
        "has_objects": image_state.has_prompts(),
        "has_object": image_state.has_prompts(image_state.current_object),
        "is_importing": image_state.is_importing,
        "is_proposing": image_state.is_proposing,
        "is_tracking": image_state.is_tracking,
        "is_checking": image_state.is_checking,
        "is_tracked": image_state.is_tracked,
        "unreviewed": doubtful - reviewed,
        "doubt": image_state.doubt_on(controller.view.frame),
        "is_tiny": controller.models.offers_windows
        and controller.models.loaded is not None
        and image_state.is_tiny(controller.view.frame, controller.models.loaded.image_size),
        "contrast_differs": image_state.is_open and image_state.contrast_differs(),
        "daughters": None if division is None else len(division.daughters),
        "mother": None if division is None else division.mother,
        "offered_mother": None if offer is None else offer.mother,
        "proposed_mother": None if proposal is None else proposal.mother,
        "is_finding": controller.finding.is_searching,
        "found": None if found is None else len(found.numbers),
        "wants_tracking": image_state.wants_tracking,
    }


def _when(work: SavedWorkFound | None) -> str | None:
    """When work was saved: "today at 12:03", "on 12 May", or "on 12 May 2025"."""
    if work is None:
        return None
    then, now = time.localtime(work.time), time.localtime()
    if then[:3] == now[:3]:
        return time.strftime("today at %H:%M", then)
    year = "" if then.tm_year == now.tm_year else f" {then.tm_year}"
    return f"on {then.tm_mday} {time.strftime('%B', then)}{year}"
