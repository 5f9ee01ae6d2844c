# How fast this core is now: a loop that is the same every time; see probe.py.

# Some 20 ms on a core of 2020.
const PASSES = 10_000_000

# Each step needs the one before it, so that no compiler shortens the loop.
function spin(passes)
    state = UInt64(88172645463325252)
    for _ in 1:passes
        state = xor(state, state << 13)
        state = xor(state, state >> 7)
        state = xor(state, state << 17)
    end
    return state
end

function probe_seconds()
    spin(1)  # compiled first
    start = monotonic()
    state = spin(PASSES)
    seconds = (monotonic() - start) / 1e9
    state == 0 && error("a state that cannot be")
    return seconds
end
