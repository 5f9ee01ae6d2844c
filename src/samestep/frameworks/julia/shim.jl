# What users of the Julia script do not see: weights in and out, planned orders, hooks.

include(shim_tools)

using Random

const precision = Ref{DataType}(Float32)

# What a hook calls with every gradient and the batch that it is of.
const note = Ref{Any}()

"""The version of Julia."""
version() = Dict("julia" => string(VERSION))

"""Remember the precision of the weights; the worker sets the threads of BLAS."""
function configure(threads, type, device)
    precision[] = type
end

"""The model with these arrays in the run's precision; they lie as the script's do."""
function set_weights(model, arrays)
    own = Dict(name => Array{precision[]}(values) for (name, values) in arrays)
    @assert Set(keys(own)) == Set(first.(canonical(model)))
    replaced(key) = replaced(model[key], [own[name] for name in canonical_names(model, key)])
    replaced(::AbstractArray, arrays) = only(arrays)
    replaced(::NamedTuple{names}, arrays) where {names} = NamedTuple{names}(arrays)
    return NamedTuple{keys(model)}(map(replaced, keys(model)))
end

"""All parameters and state by canonical name."""
get_weights(model) = canonical(model)

"""Data for the script's train whose third part, if any, hands out the planned orders."""
function batches(script, model, x, y, orders, schedule)
    x = Array{precision[]}(laid_out(script, x))
    schedule.shuffle == "each_epoch" && return x, y, PlannedOrders(orders)
    # Every epoch has the same order here, so the rows are put in it once.
    order = orders[:, 1]
    return select_rows(x, order), y[order]
end

"""The outputs before the softmax, by the script's own forward pass."""
function logits(script, model, x)
    h, _ = script.outputs(model, size(x)[end])
    return script.forward!(h, model, laid_out(script, x))
end

"""The gradient that the script's own first step uses."""
function gradients(script, model, data)
    seen = []
    watch(script, model, data, 1, (epoch, loss) -> nothing) do grads, x, y
        push!(seen, filter(is_parameter, canonical(deepcopy(grads))))
    end
    # A script that trains on nothing shows nothing.
    return isempty(seen) ? Dict{String,Any}() : first(seen)
end

"""Each row's first value in every batch that enters the loss, by epoch, and the labels."""
function observe(script, model, data, epochs)
    observed = [[]]
    watch(script, model, data, epochs, (epoch, loss) -> push!(observed, [])) do grads, x, y
        push!(last(observed), (first_values(x), copy(y)))
    end
    return observed[1:epochs]
end

"""Nothing runs ahead of Julia here."""
sync(model) = nothing

"""Run the script's own train; look(grads, x, y) is called after each of its gradients."""
function watch(look, script, model, data, epochs, on_epoch)
    note[] = look
    # This method is more specific than the script's own, and calls it. Only what is called in
    # the latest world meets it.
    Core.eval(script, quote
        function gradient!(grads::NamedTuple, batch::Tuple, model::NamedTuple)
            loss = invoke(gradient!, Tuple{Any,Any,Any}, grads, batch, model)
            $note[](grads, batch[1], batch[2])
            return loss
        end
    end)
    Base.invokelatest(script.train, model, data, epochs, on_epoch)
end

"""In the place of a random generator: each permutation is the next planned order."""
mutable struct PlannedOrders <: AbstractRNG
    orders::Matrix{Int}
    epoch::Int
end

PlannedOrders(orders) = PlannedOrders(orders, 0)

function Random.randperm(planned::PlannedOrders, rows::Integer)
    @assert rows == size(planned.orders, 1)
    planned.epoch += 1
    return planned.orders[:, planned.epoch]
end

"""x as the script's prepare lays it out, in the order that it came."""
function laid_out(script, x)
    one_row = first(script.prepare(select_rows(x, 1:1), [0]))
    return reshape(x, size(one_row)[1:end-1]..., size(x)[end])
end

"""`(W1 = ...,)` -> `["dense_1.kernel" => ..., ...]`, in the order of the layers."""
function canonical(model)
    arrays(value) = value isa NamedTuple ? collect(value) : [value]
    named = (canonical_names(model, key) .=> arrays(value) for (key, value) in pairs(model))
    return reduce(vcat, named)
end

is_parameter((name, array)) = !endswith(name, r"\.mean|\.variance")

"""`:W1` -> `["dense_1.kernel"]`: the canonical names of what the model holds under a key."""
function canonical_names(model, key)
    part, digits = match(r"^([A-Za-z]+)([0-9]+)$", string(key)).captures
    number = parse(Int, digits)
    part == "W" && return ["$(weighted_layer(model, number)).kernel"]
    part == "b" && return ["$(weighted_layer(model, number)).bias"]
    part == "scale" && return ["$(norm_layer(model, number)).scale"]
    part == "shift" && return ["$(norm_layer(model, number)).bias"]
    return ["$(norm_layer(model, number)).$statistic" for statistic in keys(model[key])]
end

"""Convolutions come first; their kernels have four dimensions."""
function weighted_layer(model, number)
    convolutions = count(array -> array isa AbstractArray{<:Any,4}, values(model))
    return number <= convolutions ? "conv2d_$number" : "dense_$(number - convolutions)"
end

"""Batch norms and layer norms are counted together; only batch norms have running moments."""
function norm_layer(model, number)
    of_batches(k) = haskey(model, Symbol("running", k))
    rank = count(k -> of_batches(k) == of_batches(number), 1:number)
    return of_batches(number) ? "batch_norm_$rank" : "layer_norm_$rank"
end
