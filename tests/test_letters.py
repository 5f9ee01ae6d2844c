from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from samestep.letters import compact_letters

names = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1)


@st.composite
def names_and_pairs(draw):
    order = draw(names)
    pairs = [frozenset((a, b)) for i, a in enumerate(order) for b in order[i + 1 :]]
    return order, {pair for pair in pairs if draw(st.booleans())}


@given(names_and_pairs())
def test_letters_are_shared_exactly_by_those_not_told_apart(case):
    order, apart = case
    letters = compact_letters(order, apart)
    for i, one in enumerate(order):
        assert letters[one]
        for other in order[i + 1 :]:
            shared = set(letters[one]) & set(letters[other])
            assert bool(shared) == (frozenset((one, other)) not in apart)


@given(names_and_pairs())
def test_no_letter_could_be_left_out(case):
    letters = {name: set(group) for name, group in compact_letters(*case).items()}
    for name, group in letters.items():
        for letter in group:
            rest = group - {letter}
            assert not rest or any(
                letter in letters[other] and not rest & letters[other]
                for other in letters.keys() - {name}
            )


def test_neighbours_in_a_row_share_a_letter_each():
    apart = {frozenset(pair) for pair in ("ac", "ad", "bd")}
    assert compact_letters("abcd", apart) == {"a": "a", "b": "ab", "c": "bc", "d": "c"}


def test_a_group_is_left_out_if_others_say_all_that_it_says():
    """Three pairs told apart make eight groups; four of them hold all the other pairs."""
    letters = compact_letters("abcdef", {frozenset(pair) for pair in ("ab", "cd", "ef")})
    assert set("".join(letters.values())) == set("abcd")


def test_more_letters_than_there_are_get_numbers():
    order = [str(number) for number in range(54)]
    letters = compact_letters(order, {frozenset(pair) for pair in combinations(order, 2)})
    assert [letters[name] for name in order[51:]] == ["Z", "(53)", "(54)"]
