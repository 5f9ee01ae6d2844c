"""The forms of a formula that frameworks are known to use."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Form:
    """Which form of a formula is meant; every default is the experiment's own meaning."""

    epsilon_hat: bool = False
    """Adam: epsilon beside the root of the uncorrected second moment (end of section 2)."""
    float32_powers: bool = False
    """Adam: the powers in the bias correction are of betas rounded to float32."""
    float32_decay: bool = False
    """AdamW: the weight decay is rounded to float32."""
    rate_inside: bool = False
    """Momentum: v <- momentum * v + learning_rate * g, then w <- w - v."""
    float32_momentum: bool = False
    """Momentum: the momentum is rounded to float32."""
    epsilon_in_root: bool = False
    """RMSprop: divide by sqrt(v + epsilon)."""
    clipped_softmax: bool = False
    """Loss: probabilities clipped to [1e-7, 1 - 1e-7] before the logarithm."""
    batch_mean_loss: bool = False
    """Epoch loss: the mean over batches, however many rows the last one has."""
    biased_running_variance: bool = False
    """Batch norm: the running variance takes in the batch's biased one (n, not n - 1)."""
    near_ties: bool = False
    """Max pool: the gradient goes to the first value that is close to the largest."""
    epsilon_beside_root: bool = False
    """Layer norm: divide by sqrt(variance) + epsilon."""
    leaky_slope_at_zero: bool = False
    """Leaky relu: the slope at 0 is 1, as above it."""
    float32_leak: bool = False
    """Leaky relu: the slope below 0 is rounded to float32."""
    float32_gelu: bool = False
    """GELU: x * Phi(c * x), where c is 1 but for 1 / sqrt(2) rounded to float32."""

    def switched_on(self) -> list[str]:
        """The names of the variants that depart from the experiment's meaning."""
        return [field.name for field in fields(self) if getattr(self, field.name)]


EXACT = Form()
