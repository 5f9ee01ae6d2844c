# How fast these cores are now: the same work on all of them at once; see probe.py.

using SHA: sha3_256

const PROBED = zeros(UInt8, 1 << 18)
const PASSES = 5

function pass_seconds()
    start = monotonic()
    sha3_256(PROBED)
    return (monotonic() - start) / 1e9
end

# The median pass of the slowest thread, in seconds, while every thread works.
function probe_seconds()
    pass_seconds()  # compiled first
    seconds = zeros(Threads.nthreads())
    Threads.@threads :static for n in eachindex(seconds)
        seconds[n] = sort([pass_seconds() for _ in 1:PASSES])[(PASSES+1)÷2]
    end
    return maximum(seconds)
end
