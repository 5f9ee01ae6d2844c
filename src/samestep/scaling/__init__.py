"""Why one framework wins on small work and another on large: overhead and rate."""
