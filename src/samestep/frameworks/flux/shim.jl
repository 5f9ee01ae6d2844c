# What users of Flux do not see: weights in and out, batches in a planned order, hooks.
#
# Hooks hang on types of this file alone, so that nothing changes for a raced trial: the first
# layer of an observed model records what comes in, and observed labels what enters the loss.

using Flux
using Flux: Zygote

const explicit = isdefined(Flux, :setup)
const precision = Ref{Type}(Float32)

version() = Dict("Flux" => package_version(Flux))

function package_version(package)
    for line in eachline(joinpath(dirname(dirname(pathof(package))), "Project.toml"))
        startswith(line, "version") && return String(split(line, '"')[2])
    end
    return "unknown"
end

function configure(threads, type, device)
    precision[] = type
end

function set_weights(model, arrays)
    model = precision[] == Float64 ? Flux.f64(model) : Flux.f32(model)
    for ((_, array), parameter) in zip(arrays, parameters(model))
        copyto!(parameter, array)
    end
    return model
end

function get_weights(model)
    return [name => copy(array) for (name, array) in zip(names(model), parameters(model))]
end

dense_layers(model) = [layer for layer in model.layers if layer isa Dense]

parameters(model) = [array for layer in dense_layers(model) for array in (layer.weight, layer.bias)]

function names(model)
    numbers = 1:length(dense_layers(model))
    return ["dense_$number.$part" for number in numbers for part in ("kernel", "bias")]
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

function batches(script, model, x, y, orders, schedule)
    classes = length(dense_layers(model)[end].bias)
    rows, size = Base.size(orders, 1), schedule.batch_size
    stop = schedule.last_batch == "drop" ? rows ÷ size * size : rows
    return PlannedBatches(x, Flux.onehotbatch(y, 0:classes-1), Matrix{Int}(orders), size, stop, 0)
end

Base.length(data::PlannedBatches) = cld(data.stop, data.batch_size)

function Base.iterate(data::PlannedBatches, start = 0)
    start >= data.stop && return nothing
    start == 0 && (data.epoch += 1)
    stop = min(start + data.batch_size, data.stop)
    rows = data.orders[start+1:stop, data.epoch]
    return (last_dimension(data.x, rows), data.y[:, rows]), stop
end

last_dimension(x, rows) = x[ntuple(_ -> Colon(), ndims(x) - 1)..., rows]

logits(script, model, x) = model(x)

# The gradient that the script's own first step hands to its optimizer.
function gradients(script, model, data)
    seen = IdDict{Any,Any}()
    if explicit
        observed = observed_model(model, Recorder(Any[], seen))
        script.train(observed, data, 1, (epoch, loss) -> nothing)
    else
        note_classic_gradients(seen)
        Base.invokelatest(script.train, model, data, 1, (epoch, loss) -> nothing)
    end
    return [name => seen[array] for (name, array) in zip(names(model), parameters(model))]
end

# Every batch that enters the loss, epoch by epoch, as the script trains on its own data.
function observe(script, model, data, epochs)
    recorder = Recorder(Any[], IdDict{Any,Any}())
    seen = Vector{Any}[[]]
    data = ObservedData(data, (labels) -> push!(seen[end], (pop!(recorder.inputs), labels)))
    model = observed_model(model, recorder)
    script.train(model, data, epochs, (epoch, loss) -> push!(seen, []))
    return seen[1:epochs]
end

# A first layer that notes what comes in.
struct Recorder
    inputs::Vector{Any}
    gradients::IdDict{Any,Any}
end

function (recorder::Recorder)(x)
    Zygote.ignore(() -> push!(recorder.inputs, copy(x)))
    return x
end

observed_model(model, recorder) = Chain(recorder, model.layers...)

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

struct ObservedLabels{Y,F} <: AbstractMatrix{Bool}
    labels::Y
    record::F
end

Base.size(y::ObservedLabels) = size(y.labels)
Base.getindex(y::ObservedLabels, place::Int...) = y.labels[place...]

function Flux.Losses.logitcrossentropy(scores, y::ObservedLabels; options...)
    Zygote.ignore(() -> y.record(Flux.onecold(y.labels, 0:size(y, 1)-1)))
    return Flux.Losses.logitcrossentropy(scores, y.labels; options...)
end

sync(model) = nothing

if explicit
    Flux.Optimisers.trainable(::Recorder) = (;)

    # An optimizer chain whose first rule notes the gradient and changes nothing.
    struct NoteGradient <: Flux.Optimisers.AbstractRule
        gradients::IdDict{Any,Any}
    end

    Flux.Optimisers.init(rule::NoteGradient, x::AbstractArray) = x

    function Flux.Optimisers.apply!(rule::NoteGradient, state, x, gradient)
        get!(() -> collect(gradient), rule.gradients, state)
        return state, gradient
    end

    function Flux.setup(rule::Flux.Optimisers.AbstractRule, model::Chain{<:Tuple{Recorder,Vararg}})
        noted = Flux.Optimisers.OptimiserChain(NoteGradient(first(model.layers).gradients), rule)
        return Flux.Optimisers.setup(noted, model)
    end
end

# The old optimizers take an array and its gradient. A method that is as narrow as it must be
# notes the gradient first; it is defined in a proof alone.
function note_classic_gradients(gradients)
    Core.eval(Flux.Optimise, quote
        function update!(opt::Union{ADAM,Descent,Momentum}, x::Array, gradient)
            get!(() -> copy(gradient), $gradients, x)
            return invoke(update!, Tuple{Any,Any,Any}, opt, x, gradient)
        end
    end)
end
