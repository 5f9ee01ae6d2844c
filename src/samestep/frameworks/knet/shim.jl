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
    canonical = Dict(arrays)
    foreach(place -> place.write(canonical[place.name]), places(model))
    return model
end

get_weights(model) = [place.name => place.read(held(place.param)) for place in places(model)]

held(param::Param) = value(param)
held(::Nothing) = nothing

# Where an array of the plan lives: in a parameter, or, as running moments, in none. `read` gives
# it of the parameter's values or of their gradient, `write` takes it.
struct Place
    name::String
    param::Union{Param,Nothing}
    read::Any
    write::Any
end

const kinds = Dict(
    :Dense => "dense",
    :Conv => "conv2d",
    :BatchNorm => "batch_norm",
    :LayerNorm => "layer_norm",
)

function places(model)
    found, counts = Place[], Dict{String,Int}()
    # Features that a flatten has just made of images stand together by channels in Knet, and
    # by places in a plan.
    channels, flattened = 1, nothing
    for layer in model.layers
        if layer === mat && flattened === nothing
            flattened = channels
        end
        kind = nameof(typeof(layer))
        haskey(kinds, kind) || continue
        number = counts[kinds[kind]] = get(counts, kinds[kind], 0) + 1
        order = something(flattened, 1)
        append!(found, places(Val(kind), layer, "$(kinds[kind])_$number", order))
        kind == :Conv && (channels = size(layer.w, 4))
        kind == :BatchNorm && (channels = length(layer.params) ÷ 2)
        kind == :Dense && (flattened = 1)
    end
    return found
end

function places(::Val{:Dense}, layer, name, channels)
    kernel = Place(
        "$name.kernel",
        layer.w,
        w -> by_places(w, channels),
        array -> value(layer.w) .= by_channels(array, channels),
    )
    return [kernel; bias_places(layer, name)]
end

# conv4 turns the kernel round, a plan does not.
function places(::Val{:Conv}, layer, name, channels)
    kernel = Place(
        "$name.kernel",
        layer.w,
        w -> permutedims(turned(w), (4, 3, 1, 2)),
        array -> value(layer.w) .= turned(permutedims(array, (3, 4, 2, 1))),
    )
    return [kernel; bias_places(layer, name)]
end

turned(w) = reverse(reverse(w; dims = 1); dims = 2)

function bias_places(layer, name)
    hasproperty(layer, :b) && layer.b !== nothing || return Place[]
    return [vector_place("$name.bias", layer.b, 1:length(layer.b), 1)]
end

function vector_place(name, param, range, channels)
    return Place(
        name,
        param,
        values -> by_places(vec(values)[range], channels),
        array -> vec(value(param))[range] = by_channels(array, channels),
    )
end

function places(::Val{:LayerNorm}, layer, name, channels)
    range = 1:length(layer.scale)
    return [
        vector_place("$name.scale", layer.scale, range, channels),
        vector_place("$name.bias", layer.bias, range, channels),
    ]
end

function places(::Val{:BatchNorm}, layer, name, channels)
    features = length(layer.params) ÷ 2
    # Moments take their shape from the first batch, so that until then they are functions.
    moment(part, field, init) = Place(
        "$name.$part",
        nothing,
        _ -> begin
            values = getproperty(layer.moments, field)
            values === nothing && (values = getproperty(layer.moments, init)(Float64, features))
            by_places(vec(values), channels)
        end,
        array -> begin
            values = by_channels(array, channels)
            setproperty!(layer.moments, field, nothing)
            setproperty!(layer.moments, init, (type, size...) -> reshape(type.(values), size))
        end,
    )
    return [
        vector_place("$name.scale", layer.params, 1:features, channels),
        vector_place("$name.bias", layer.params, features+1:2features, channels),
        moment("mean", :mean, :meaninit),
        moment("variance", :var, :varinit),
    ]
end

# The last dimension's order: a plan's has channels next to each other, Knet's places.
by_channels(array, channels) = swapped(array, channels)
by_places(array, channels) = swapped(array, size(array)[end] ÷ channels)

function swapped(array, inner)
    parts = reshape(array, :, inner, size(array)[end] ÷ inner)
    return reshape(permutedims(parts, (1, 3, 2)), size(array))
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
    return PlannedBatches(images(x), y .+ 1, Matrix{Int}(orders), size, stop, 0)
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

# A plan's images are (C, W, H, N) here, Knet's (W, H, C, N).
images(x) = ndims(x) == 4 ? permutedims(x, (2, 3, 1, 4)) : x

logits(script, model, x) = model(images(x))

# An optimizer that notes the first gradient that it is handed. Knet's own `adam` and the like
# leave alone a parameter that has an optimizer.
mutable struct NoteGradient
    gradient::Any
    lr::Any
    NoteGradient() = new(nothing, nothing)
end

# A schedule sets `opt.lr`, that of a script's AdamW `opt.adam.lr`.
Base.getproperty(note::NoteGradient, name::Symbol) = name == :adam ? note : getfield(note, name)

function Knet.update!(w::AbstractArray{<:Number}, gradient, note::NoteGradient)
    note.gradient === nothing && (note.gradient = copy(AutoGrad.full(gradient)))
end

# The gradient that the script's own first step hands to its optimizer.
function gradients(script, model, data)
    for parameter in params(model)
        parameter.opt = NoteGradient()
    end
    script.train(model, data, 1, (epoch, loss) -> nothing)
    learned = filter(place -> place.param !== nothing, places(model))
    return [place.name => place.read(place.param.opt.gradient) for place in learned]
end

# Every batch that enters the loss, epoch by epoch, as the script trains on its own data.
function observe(script, model, data, epochs)
    inputs, seen = Any[], Vector{Any}[[]]
    data = ObservedData(data, labels -> push!(seen[end], (pop!(inputs), labels .- 1)))
    model = script.Chain(Recorder(inputs), model.layers...)
    script.train(model, data, epochs, (epoch, loss) -> push!(seen, []))
    return seen[1:epochs]
end

# A first layer that notes the first value of each row that comes in.
struct Recorder
    inputs::Vector{Any}
end

function (recorder::Recorder)(x)
    push!(recorder.inputs, reshape(x, :, size(x)[end])[1:1, :])
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
