# What users of Flux do not see: weights in and out, batches in a planned order, hooks.
#
# Hooks hang on types of this file alone, so that nothing changes for a raced trial: the first
# layer of an observed model records what comes in, and observed labels what enters the loss.

include(shim_tools)

using Flux
using Flux: Zygote

const explicit = isdefined(Flux, :setup)
const precision = Ref{Type}(Float32)

version() = Dict("Flux" => package_version(Flux))

function configure(threads, type, device)
    precision[] = type
end

function set_weights(model, arrays)
    model = precision[] == Float64 ? exact(Flux.f64(model)) : Flux.f32(model)
    found = Dict(arrays)
    for slot in slots(model)
        copyto!(held(slot), from_plan(slot, found[slot.name]))
    end
    return model
end

get_weights(model) = [slot.name => copy(to_plan(slot, held(slot))) for slot in slots(model)]

slots(model) = model_slots(describe, model.layers)

describe(layer) = layer === Flux.flatten ? ("flatten", Slot[]) : ("", Slot[])
describe(layer::Dense) = "dense", kernel_and_bias(layer, BY_FEATURES)
describe(layer::Conv) = "conv2d", kernel_and_bias(layer, CONVOLUTION_KERNEL)

function kernel_and_bias(layer, layout)
    kernel = Slot("kernel", layer, :weight, layout)
    return layer.bias isa AbstractArray ? [kernel, Slot("bias", layer, :bias)] : [kernel]
end

function describe(layer::BatchNorm)
    scale, bias = Slot("scale", layer, :γ, BY_FEATURES), Slot("bias", layer, :β, BY_FEATURES)
    mean = Slot("mean", layer, :μ, BY_FEATURES; trained = false)
    variance = Slot("variance", layer, :σ², BY_FEATURES; trained = false)
    return "batch_norm", [scale, bias, mean, variance]
end

function describe(layer::LayerNorm)
    fields = zip(("scale", "bias"), explicit ? (:scale, :bias) : (:α, :β))
    return "layer_norm", [Slot(name, layer.diag, field, BY_FEATURES) for (name, field) in fields]
end

# Flux of 2019 computes in the type of a norm's constants, so scripts write them in Float32; in
# a proof they are what was written, such as 0.001, and not the nearest Float32.
exact(model::Chain) = Chain(map(exact, model.layers)...)
exact(layer) = layer

function exact(layer::Union{BatchNorm,LayerNorm})
    values = [getfield(layer, field) for field in fieldnames(typeof(layer))]
    return typeof(layer).name.wrapper(map(exact, values)...)
end

exact(constant::Float32) = parse(Float64, replace(string(constant), 'f' => 'e'))

function batches(script, model, x, y, orders, schedule)
    classes = size(model_output(model).weight, 1)
    y = Flux.onehotbatch(y, 0:classes-1)
    return PlannedBatches(own_images(script, x), y, orders, schedule)
end

model_output(model) = last([layer for layer in model.layers if layer isa Dense])

# Rows in the form that the script's `prepare` gives them.
own_images(script, x) = isdefined(script, :images) ? script.images(x) : x

logits(script, model, x) = model(own_images(script, x))

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
    trained = filter(slot -> slot.trained, slots(model))
    return [slot.name => to_plan(slot, seen[held(slot)]) for slot in trained]
end

# Every batch that enters the loss, epoch by epoch, as the script trains on its own data.
function observe(script, model, data, epochs)
    recorder = Recorder(Any[], IdDict{Any,Any}())
    seen = Vector{Any}[[]]
    record(labels) = push!(seen[end], (pop!(recorder.inputs), labels))
    data = ObservedData(data, labels -> ObservedLabels(labels, record))
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
    Zygote.ignore(() -> push!(recorder.inputs, first_values(x)))
    return x
end

observed_model(model, recorder) = Chain(recorder, model.layers...)

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
        function update!(rule::Union{ADAM,Descent,Momentum,Optimiser,RMSProp}, x::Array, gradient)
            get!(() -> copy(gradient), $gradients, x)
            return invoke(update!, Tuple{Any,Any,Any}, rule, x, gradient)
        end
    end)
end
