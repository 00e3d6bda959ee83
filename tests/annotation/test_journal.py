from napari_sam2.annotation.actions import Group
from napari_sam2.annotation.journal import Journal


def journal_of(*texts: str) -> Journal:
    journal = Journal()
    for text in texts:
        journal.record(Group(text, ()))
    return journal


def texts(journal: Journal) -> list[str]:
    return [group.text for group in journal.done]


def test_empty_journal_has_nothing_to_undo_or_redo() -> None:
    journal = Journal()
    assert (journal.next_undo, journal.next_redo) == (None, None)


def test_last_group_is_undone_first() -> None:
    journal = journal_of("a", "b")
    assert journal.next_undo is not None
    assert journal.next_undo.text == "b"


def test_undone_groups_are_redone_in_their_order() -> None:
    journal = journal_of("a", "b")
    journal.step_back()
    journal.step_back()
    assert journal.next_redo is not None
    assert journal.next_redo.text == "a"
    journal.step_forward()
    assert (texts(journal), journal.next_redo.text) == (["a"], "b")


def test_recording_forgets_what_was_undone() -> None:
    journal = journal_of("a")
    journal.step_back()
    journal.record(Group("b", ()))
    assert (texts(journal), journal.next_redo) == (["b"], None)


def test_folding_makes_one_group_of_the_last_ones() -> None:
    journal = journal_of("a", "b", "c")
    journal.fold(1, "b and c")
    assert texts(journal) == ["a", "b and c"]


def test_folding_nothing_adds_no_group() -> None:
    journal = journal_of("a")
    journal.fold(1, "nothing")
    assert texts(journal) == ["a"]
