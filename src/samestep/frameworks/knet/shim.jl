# What users of Knet do not see: weights in and out, batches in a planned order, hooks.
#
# Hooks hang on types of this file alone, so that nothing changes for a raced trial: the first
# layer of an observed model records what comes in, and observed labels what enters the loss.

using Knet

version() = Dict("Knet" => package_version(Knet))

function package_version(package)
    for line in eachline(joinpath(dirname(dirname(pathof(package))), "Project.toml"))
        startswith(line, "version") && return String(split(line, '"')[2])
    end
    return "unknown"
end

function configure(threads, type, device)
    Knet.array_type[] = Array{type}
end

function set_weights(model, arrays)
    type = Knet.array_type[]
    for ((_, array), parameter) in zip(arrays, parameters(model))
        parameter.value = convert(type, array)
    end
    return model
end

get_weights(model) = [name => copy(value(p)) for (name, p) in zip(names(model), parameters(model))]

dense_layers(model) = [layer for layer in model.layers if hasproperty(layer, :w)]

# A comprehension over parameters would give their arrays: AutoGrad has its own `iterate`.
function parameters(model)
    found = Any[]
    for layer in dense_layers(model)
        push!(found, layer.w, layer.b)
    end
    return found
end

function names(model)
    numbers = 1:length(dense_layers(model))
    return ["dense_$number.$part" for number in numbers for part in ("kernel", "bias")]
end

# Batches in the planned orders; every new iteration is the next epoch.
mutable struct PlannedBatches{X}
    x::X
    y::Vector{Int}
    orders::Matrix{Int}
    batch_size::Int
    stop::Int
    epoch::Int
end

function batches(script, model, x, y, orders, schedule)
    rows, size = Base.size(orders, 1), schedule.batch_size
    stop = schedule.last_batch == "drop" ? rows ÷ size * size : rows
    return PlannedBatches(x, y .+ 1, Matrix{Int}(orders), size, stop, 0)
end

Base.length(data::PlannedBatches) = cld(data.stop, data.batch_size)

function Base.iterate(data::PlannedBatches, start = 0)
    start >= data.stop && return nothing
    start == 0 && (data.epoch += 1)
    stop = min(start + data.batch_size, data.stop)
    rows = data.orders[start+1:stop, data.epoch]
    x = data.x[ntuple(_ -> Colon(), ndims(data.x) - 1)..., rows]
    return (x, data.y[rows]), stop
end

logits(script, model, x) = model(x)

# An optimizer that notes the first gradient that it is handed. Knet's own `adam` and the like
# leave alone a parameter that has an optimizer.
mutable struct NoteGradient
    gradient::Any
end

function Knet.update!(w::AbstractArray{<:Number}, gradient, note::NoteGradient)
    note.gradient === nothing && (note.gradient = copy(AutoGrad.full(gradient)))
end

# The gradient that the script's own first step hands to its optimizer.
function gradients(script, model, data)
    for parameter in parameters(model)
        parameter.opt = NoteGradient(nothing)
    end
    script.train(model, data, 1, (epoch, loss) -> nothing)
    return [name => p.opt.gradient for (name, p) in zip(names(model), parameters(model))]
end

# Every batch that enters the loss, epoch by epoch, as the script trains on its own data.
function observe(script, model, data, epochs)
    inputs, seen = Any[], Vector{Any}[[]]
    data = ObservedData(data, labels -> push!(seen[end], (pop!(inputs), labels .- 1)))
    model = script.Chain(Recorder(inputs), model.layers...)
    script.train(model, data, epochs, (epoch, loss) -> push!(seen, []))
    return seen[1:epochs]
end

# A first layer that notes what comes in.
struct Recorder
    inputs::Vector{Any}
end

function (recorder::Recorder)(x)
    push!(recorder.inputs, copy(x))
    return x
end

struct ObservedData{D,F}
    data::D
    record::F
end

Base.length(observed::ObservedData) = length(observed.data)

function Base.iterate(observed::ObservedData, state...)
    next = iterate(observed.data, state...)
    next === nothing && return nothing
    (x, y), state = next
    return (x, ObservedLabels(y, observed.record)), state
end

struct ObservedLabels{Y,F} <: AbstractVector{Int}
    labels::Y
    record::F
end

Base.size(y::ObservedLabels) = size(y.labels)
Base.getindex(y::ObservedLabels, place::Int) = y.labels[place]

function Knet.nll(scores, y::ObservedLabels; options...)
    y.record(copy(y.labels))
    return Knet.nll(scores, y.labels; options...)
end

sync(model) = nothing
