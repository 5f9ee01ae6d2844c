# What the shims of Julia frameworks have in common; a shim begins with `include(shim_tools)`.
#
# A framework's arrays are taken to lie as Julia's own do: images (W, H, C, N), kernels of
# convolutions (W, H, in, out), those of dense layers (out, in).

"""The version in a loaded package's Project.toml."""
function package_version(package)
    for line in eachline(joinpath(dirname(dirname(pathof(package))), "Project.toml"))
        startswith(line, "version") && return String(split(line, '"')[2])
    end
    return "unknown"
end

# Batches in the planned orders; every new iteration is the next epoch.
mutable struct PlannedBatches{X,Y}
    x::X
    y::Y
    orders::Matrix{Int}
    batch_size::Int
    stop::Int
    epoch::Int
end

function PlannedBatches(x, y, orders, schedule)
    rows, size = Base.size(orders, 1), schedule.batch_size
    stop = schedule.last_batch == "drop" ? rows ÷ size * size : rows
    return PlannedBatches(x, y, Matrix{Int}(orders), size, stop, 0)
end

Base.length(data::PlannedBatches) = cld(data.stop, data.batch_size)

function Base.iterate(data::PlannedBatches, start = 0)
    start >= data.stop && return nothing
    start == 0 && (data.epoch += 1)
    stop = min(start + data.batch_size, data.stop)
    rows = data.orders[start+1:stop, data.epoch]
    return (select_rows(data.x, rows), select_rows(data.y, rows)), stop
end

select_rows(x, rows) = x[ntuple(_ -> Colon(), ndims(x) - 1)..., rows]

# The first value of each row, in which an audit's tags sit: whole images would fill the memory.
first_values(x) = reshape(x, :, size(x)[end])[1:1, :]

# The script's own data, with every batch's labels wrapped in what notes that they are used.
struct ObservedData{D,F}
    data::D
    wrap::F
end

Base.length(observed::ObservedData) = length(observed.data)

function Base.iterate(observed::ObservedData, state...)
    next = iterate(observed.data, state...)
    next === nothing && return nothing
    (x, y), state = next
    return (x, observed.wrap(y)), state
end

# How an array of the plan becomes a framework's and back. A plan's array comes with its
# dimensions reversed. `channels` is how many numbers of each place lie beside each other in a
# row that was an image: channels come last in the plan's rows, and first in the framework's.
struct Layout
    from_plan::Function
    to_plan::Function
end

function part_channels(array, channels)
    parts = reshape(array, Base.front(size(array))..., channels, :)
    order = (1:ndims(array)-1..., ndims(parts), ndims(array))
    return reshape(permutedims(parts, order), size(array))
end

join_channels(array, channels) = part_channels(array, size(array)[end] ÷ channels)

turn(kernel) = kernel[end:-1:1, end:-1:1, :, :]

const AS_IT_IS = Layout((array, _) -> array, (array, _) -> array)
const BY_FEATURES = Layout(part_channels, join_channels)
const CORRELATION_KERNEL = Layout(
    (kernel, _) -> permutedims(kernel, (3, 4, 2, 1)),
    (kernel, _) -> permutedims(kernel, (4, 3, 1, 2)),
)
const CONVOLUTION_KERNEL = Layout(
    (kernel, _) -> turn(permutedims(kernel, (3, 4, 2, 1))),
    (kernel, _) -> permutedims(turn(kernel), (4, 3, 1, 2)),
)

# One array of a model: its name in the plan, which field of what holds it, how it lies there.
struct Slot
    name::String
    holder::Any
    field::Symbol
    layout::Layout
    trained::Bool
    channels::Int
end

function Slot(name, holder, field, layout = AS_IT_IS; trained = true, channels = 1)
    return Slot(name, holder, field, layout, trained, channels)
end

held(slot::Slot) = getproperty(slot.holder, slot.field)
from_plan(slot::Slot, array) = slot.layout.from_plan(array, slot.channels)
to_plan(slot::Slot, array) = slot.layout.to_plan(array, slot.channels)

# All arrays of a model, layer by layer. `describe(layer)` is its kind, as the plan names it,
# and its own slots in the plan's order; `row_size`, as Julia has it, comes from the worker.
function model_slots(describe, layers)
    found = Slot[]
    counts = Dict{String,Int}()
    flat = length(row_size) == 1
    channels = flat ? 1 : first(row_size)
    for layer in layers
        kind, slots = describe(layer)
        kind == "flatten" && (flat = true)
        isempty(slots) && continue
        number = counts[kind] = get(counts, kind, 0) + 1
        for slot in slots
            name = "$(kind)_$number.$(slot.name)"
            beside = flat ? channels : 1
            trained = slot.trained
            push!(found, Slot(name, slot.holder, slot.field, slot.layout, trained, beside))
        end
        kind == "conv2d" && (channels = size(held(first(slots)), 4))
        kind == "dense" && (channels = 1)
    end
    return found
end
