"""A sealed request state opens for its own token and request, for a while, and for nobody else."""

import pytest

from gateway.request_states import RequestState, RequestStates, StateRefused

STATE = RequestState("0123456789ab", "f" * 32, 1_000, b'"call-1"')
OLD, NEW = b"o" * 32, b"n" * 32


def test_what_was_sealed_opens_again_also_in_another_process():
    sealed = RequestStates([NEW]).seal(STATE, b"request")
    assert RequestStates([NEW]).is_ours(sealed)
    assert RequestStates([NEW]).open(sealed, b"request", 999) == STATE


def test_it_opens_after_a_new_master_key_has_come():
    sealed = RequestStates([OLD]).seal(STATE, b"request")
    assert RequestStates([NEW, OLD]).open(sealed, b"request", 0) == STATE


def test_two_states_of_one_call_do_not_look_alike():
    states = RequestStates([NEW])
    assert states.seal(STATE, b"request") != states.seal(STATE, b"request")


def test_another_request_another_key_and_a_later_time_do_not_open_it():
    states = RequestStates([NEW])
    sealed = states.seal(STATE, b"request")
    for opener, bound_to, now in (
        (states, b"another", 0),
        (RequestStates([OLD]), b"request", 0),
        (states, b"request", 1_001),
    ):
        with pytest.raises(StateRefused):
            opener.open(sealed, bound_to, now)


def test_no_changed_byte_opens():
    states = RequestStates([NEW])
    sealed = states.seal(STATE, b"request")
    for at in range(len(sealed)):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(StateRefused):
            states.open(changed, b"request", 0)
    for short in ("", sealed[:15], sealed[:16] + "é", sealed[:-8]):
        with pytest.raises(StateRefused):
            states.open(short, b"request", 0)


def test_the_state_of_another_stoa_is_not_ours():
    sealed = RequestStates([OLD]).seal(STATE, b"request")
    assert not RequestStates([NEW]).is_ours(sealed)
    assert RequestStates([NEW, OLD]).is_ours(sealed)
    assert not RequestStates([NEW]).is_ours("stoa1.")
