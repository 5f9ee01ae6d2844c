"""What this machine can do at best, to say how much of it a framework reaches."""

import json
import os
import subprocess
import sys
from pathlib import Path

from samestep.launch import Settings, pool_variables
from samestep.result import Speed

MEASURE = Path(__file__).parent / "worker" / "speed.py"
TIMEOUT = 60.0


def measure_speed(settings: Settings) -> Speed | None:
    """Matrix and memory speed on the cores and threads of a trial; None if it cannot be taken."""
    cpus = ",".join(map(str, settings.cpus))
    try:
        done = subprocess.run(
            [sys.executable, str(MEASURE), cpus, settings.precision],
            env=os.environ | pool_variables(settings.threads),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
        return Speed.model_validate(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
