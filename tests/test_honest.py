"""No honest script is accused, whatever the experiment."""

from hypothesis import HealthCheck, assume, given, settings
from random_experiments import experiments, planned

from samestep.catalogue import named_framework
from samestep.experiment import Experiment
from samestep.proof import prove
from samestep.proof_record import PROVED


@given(experiment=experiments())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_random_experiment_is_proved(experiment: Experiment) -> None:
    proof = prove(planned(experiment), named_framework("numpy"))
    assume(proof.verdict != "unsupported")
    assert proof.verdict in PROVED, proof.departs or proof.message
