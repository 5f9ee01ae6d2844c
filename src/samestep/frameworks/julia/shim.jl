# What users of the Julia script do not see: weights in and out, planned orders, hooks.

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

"""The model with these parameters in the run's precision; they lie as the script's do."""
function set_weights(model, arrays)
    own = Dict(local_name(name) => Array{precision[]}(values) for (name, values) in arrays)
    @assert Set(keys(own)) == Set(keys(model))
    return NamedTuple{keys(model)}(Tuple(own[name] for name in keys(model)))
end

"""All parameters by canonical name."""
get_weights(model) = canonical(model)

"""Data for the script's train whose third part, if any, hands out the planned orders."""
function batches(script, model, x, y, orders, schedule)
    x = Array{precision[]}(columns(x))
    schedule.shuffle == "each_epoch" && return x, y, PlannedOrders(orders)
    # Every epoch has the same order here, so the rows are put in it once.
    order = orders[:, 1]
    return x[:, order], y[order]
end

"""The outputs before the softmax, by the script's own forward pass."""
function logits(script, model, x)
    h, _ = script.outputs(model, size(x)[end])
    return script.forward!(h, model, columns(x))
end

"""The gradient that the script's own first step uses."""
function gradients(script, model, data)
    seen = []
    watch(script, model, data, 1, (epoch, loss) -> nothing) do grads, x, y
        push!(seen, canonical(map(copy, grads)))
    end
    return first(seen)
end

"""Every batch that enters the loss, by epoch, as the script trains on its own data."""
function observe(script, model, data, epochs)
    observed = [[]]
    watch(script, model, data, epochs, (epoch, loss) -> push!(observed, [])) do grads, x, y
        push!(last(observed), (copy(x), copy(y)))
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

"""One column of numbers a row of data, as the script's prepare makes it."""
columns(x) = reshape(x, :, size(x)[end])

"""`dense_1.kernel` -> `:W1`."""
function local_name(name)
    layer, part = split(name, '.')
    return Symbol(part == "kernel" ? "W" : "b", replace(layer, "dense_" => ""))
end

"""`(W1 = ...,)` -> `["dense_1.kernel" => ..., ...]`, in the order of the parameters."""
function canonical(values)
    parts = Dict('W' => "kernel", 'b' => "bias")
    named = ((string(name), array) for (name, array) in pairs(values))
    return ["dense_$(name[2:end]).$(parts[name[1]])" => array for (name, array) in named]
end
