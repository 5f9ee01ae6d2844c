# What users of Knet do not see: weights in and out, batches in a planned order, hooks.
#
# Hooks hang on types of this file alone, so that nothing changes for a raced trial: the first
# layer of an observed model records what comes in, and observed labels what enters the loss.

include(shim_tools)

using Knet

version() = Dict("Knet" => package_version(Knet))

function configure(threads, type, device)
    Knet.array_type[] = Array{type}
end

function set_weights(model, arrays)
    found = Dict(arrays)
    for slot in slots(model)
        copyto!(held(slot), from_plan(slot, found[slot.name]))
    end
    return model
end

get_weights(model) = [slot.name => copy(to_plan(slot, held(slot))) for slot in slots(model)]

slots(model) = model_slots(describe, model.layers)

# The types of a script's layers are the script's own, so they are told by their names.
describe(layer) = describe(Val(nameof(typeof(layer))), layer)
describe(::Val, layer) = layer === mat ? ("flatten", Slot[]) : ("", Slot[])
describe(::Val{:Dense}, layer) = "dense", kernel_and_bias(layer, BY_FEATURES)
# conv4 turns the kernel round.
describe(::Val{:Conv}, layer) = "conv2d", kernel_and_bias(layer, CONVOLUTION_KERNEL)

function kernel_and_bias(layer, layout)
    kernel = Slot("kernel", whole(layer.w), :values, layout)
    biased = hasproperty(layer, :b) && layer.b !== nothing
    return biased ? [kernel, Slot("bias", part(layer.b, 1:length(layer.b)), :values)] : [kernel]
end

function describe(::Val{:BatchNorm}, layer)
    # One vector holds scale and bias.
    features = length(layer.params) ÷ 2
    mean = moment(layer.moments, :mean, :meaninit, features)
    variance = moment(layer.moments, :var, :varinit, features)
    return "batch_norm",
    [
        Slot("scale", part(layer.params, 1:features), :values, BY_FEATURES),
        Slot("bias", part(layer.params, features+1:2features), :values, BY_FEATURES),
        Slot("mean", mean, :values, BY_FEATURES; trained = false),
        Slot("variance", variance, :values, BY_FEATURES; trained = false),
    ]
end

function describe(::Val{:LayerNorm}, layer)
    holders = ("scale" => whole(layer.scale), "bias" => whole(layer.bias))
    return "layer_norm", [Slot(name, holder, :values, BY_FEATURES) for (name, holder) in holders]
end

# What a slot holds of a parameter, and of its gradient.
whole(param) = (values = value(param), param = param, take = identity)

function part(param, places)
    return (values = view(vec(value(param)), places), param = param, take = g -> vec(g)[places])
end

# Moments take their shape from the first batch; until then they wait as a vector.
function moment(moments, field, init, features)
    values = getproperty(moments, field)
    if values === nothing
        values = getproperty(moments, init)(eltype(Knet.array_type[]), features)
        setproperty!(moments, init, (type, size...) -> reshape(values, size))
    end
    return (values = vec(values),)
end

function batches(script, model, x, y, orders, schedule)
    return PlannedBatches(own_images(x), y .+ 1, orders, schedule)
end

# Rows in the form that a script's `prepare` gives them: images (W, H, C, N).
own_images(x) = ndims(x) == 4 ? permutedims(x, (2, 3, 1, 4)) : x

logits(script, model, x) = model(own_images(x))

# An optimizer that notes the first gradient that it is handed. Knet's own `adam!` and the like
# leave alone a parameter that has an optimizer.
mutable struct NoteGradient
    gradient::Any
    lr::Any
end

# A schedule sets `opt.lr` or, with AdamW, `opt.adam.lr`.
Base.getproperty(note::NoteGradient, name::Symbol) = name == :adam ? note : getfield(note, name)

function Knet.update!(w::AbstractArray{<:Number}, gradient, note::NoteGradient)
    note.gradient === nothing && (note.gradient = copy(AutoGrad.full(gradient)))
end

# The gradient that the script's own first step hands to its optimizer.
function gradients(script, model, data)
    for parameter in params(model)
        parameter.opt = NoteGradient(nothing, nothing)
    end
    if isdefined(script, :step!)
        # Its `train` gives every parameter an optimizer of its own.
        script.step!(model, first(data)...)
    else
        script.train(model, data, 1, (epoch, loss) -> nothing)
    end
    trained = filter(slot -> slot.trained, slots(model))
    return [slot.name => to_plan(slot, noted(slot.holder)) for slot in trained]
end

noted(holder) = holder.take(holder.param.opt.gradient)

# Every batch that enters the loss, epoch by epoch, as the script trains on its own data.
function observe(script, model, data, epochs)
    inputs, seen = Any[], Vector{Any}[[]]
    record(labels) = push!(seen[end], (pop!(inputs), labels .- 1))
    data = ObservedData(data, labels -> ObservedLabels(labels, record))
    model = script.Chain(Recorder(inputs), model.layers...)
    script.train(model, data, epochs, (epoch, loss) -> push!(seen, []))
    return seen[1:epochs]
end

# A first layer that notes what comes in.
struct Recorder
    inputs::Vector{Any}
end

function (recorder::Recorder)(x)
    push!(recorder.inputs, first_values(x))
    return x
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
