"""A record of a proof on disk."""

import json

import pytest

from samestep.proof_record import FrameworkProof, Rung


def test_a_record_comes_back_from_json_with_its_infinity() -> None:
    rung = Rung(name="forward", error=float("inf"), where="logits", passed=False)
    record = FrameworkProof(verdict="different", rungs=[rung], departs="forward")
    text = record.model_dump_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert FrameworkProof.model_validate_json(text) == record
