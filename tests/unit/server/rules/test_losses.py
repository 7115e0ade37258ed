from server.rules.losses import losses_in_words, tells_of_losses


def test_one_host_is_spoken_of_as_one_and_never_named() -> None:
    assert losses_in_words(1, {12}, 3) == "A host was lost in round 12; its 3 mini-batches go to others."
    assert losses_in_words(1, {0}, 1) == "A host was lost in round 0; its mini-batch goes to others."


def test_several_hosts_and_rounds_are_one_sentence() -> None:
    said = losses_in_words(4, {7, 9, 8}, 11)
    assert said == "4 hosts were lost in rounds 7 to 9; their 11 mini-batches go to others."


def test_only_such_lines_are_added_to() -> None:
    assert tells_of_losses(losses_in_words(2, {3}, 5))
    assert not any(map(tells_of_losses, ("Paused.", "Needs attention: lost in round 3.", "Epoch 1 of 2 is complete.")))
