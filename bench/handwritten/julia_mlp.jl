# Julia alone: forward, backward and Adam (Kingma and Ba 2015, Algorithm 1) by hand.
#
# From docs.julialang.org ('Performance Tips', 'Linear Algebra', 'Random Numbers').

using LinearAlgebra
using Random

# A parameter, its gradient, and Adam's moments.
struct Parameter{A}
    value::A
    gradient::A
    first::A
    second::A
end

Parameter(value) = Parameter(value, zero(value), zero(value), zero(value))

struct Layer{T}
    kernel::Parameter{Matrix{T}}
    bias::Parameter{Vector{T}}
    output::Matrix{T}
    delta::Matrix{T}
    last::Bool
end

function Layer(rng, T, width, units, batch_size, last)
    bound = sqrt(6 / (width + units))
    kernel = Matrix{T}(2bound .* rand(rng, units, width) .- bound)
    output = zeros(T, units, batch_size)
    return Layer(Parameter(kernel), Parameter(zeros(T, units)), output, zero(output), last)
end

# The same parameters with room for fewer rows.
function resized(layer, batch_size)
    output = similar(layer.output, size(layer.output, 1), batch_size)
    return Layer(layer.kernel, layer.bias, output, similar(output), layer.last)
end

function forward!(layers, x)
    for layer in layers
        output, bias = layer.output, layer.bias.value
        mul!(output, layer.kernel.value, x)
        if layer.last
            output .+= bias
        else
            @inbounds for j in axes(output, 2)
                @simd for i in axes(output, 1)
                    z = output[i, j] + bias[i]
                    output[i, j] = ifelse(z > 0, z, zero(z))
                end
            end
        end
        x = output
    end
end

# The softmax less the labels, and the loss.
function loss!(delta, logits, y)
    loss = 0.0
    @inbounds for j in eachindex(y)
        highest = logits[1, j]
        for i in axes(logits, 1)
            highest = max(highest, logits[i, j])
        end
        total = zero(highest)
        for i in axes(logits, 1)
            delta[i, j] = exp(logits[i, j] - highest)
            total += delta[i, j]
        end
        for i in axes(logits, 1)
            delta[i, j] /= total * length(y)
        end
        label = y[j] + 1
        delta[label, j] -= one(total) / length(y)
        loss += highest + log(total) - logits[label, j]
    end
    return loss / length(y)
end

function backward!(layers, x, y)
    loss = loss!(layers[end].delta, layers[end].output, y)
    for k in length(layers):-1:2
        layer, before = layers[k], layers[k-1]
        gradients!(layer, before.output)
        mul!(before.delta, transpose(layer.kernel.value), layer.delta)
        @inbounds @simd for i in eachindex(before.delta, before.output)
            before.delta[i] *= before.output[i] > 0
        end
    end
    gradients!(layers[1], x)
    return loss
end

function gradients!(layer, input)
    mul!(layer.kernel.gradient, layer.delta, transpose(input))
    sum!(layer.bias.gradient, layer.delta)
end

function adam!(parameter, rate, correction)
    w, g, m, v = parameter.value, parameter.gradient, parameter.first, parameter.second
    T = eltype(w)
    beta_1, beta_2, epsilon = T(0.9), T(0.999), T(1e-8)
    @inbounds @simd for i in eachindex(w, g, m, v)
        m[i] = beta_1 * m[i] + (1 - beta_1) * g[i]
        v[i] = beta_2 * v[i] + (1 - beta_2) * g[i]^2
        w[i] -= rate * m[i] / (@fastmath(sqrt(v[i] * correction)) + epsilon)
    end
end

function update!(layers, step)
    T = eltype(layers[1].output)
    rate, correction = T(1e-3 / (1 - 0.9^step)), T(1 / (1 - 0.999^step))
    for layer in layers
        adam!(layer.kernel, rate, correction)
        adam!(layer.bias, rate, correction)
    end
end

function run(x, y, epochs, hidden, batch_size)
    return run_columns(reshape(x, :, length(y)), y, epochs, hidden, batch_size)
end

function run_columns(x, y, epochs, hidden, batch_size)
    rows = length(y)
    rng = MersenneTwister(0)
    widths = [size(x, 1); hidden; maximum(y) + 1]
    layers = [
        Layer(rng, eltype(x), widths[k], widths[k+1], batch_size, k == length(hidden) + 1)
        for k in 1:length(hidden)+1
    ]
    last_layers = [resized(layer, rows % batch_size) for layer in layers]
    shuffled_x, shuffled_y = similar(x), similar(y)
    order = collect(1:rows)
    step = 0
    times = [time_ns() / 1e9]
    for _ in 1:epochs
        shuffle!(rng, order)
        @inbounds for (new, old) in enumerate(order)
            @simd for i in axes(x, 1)
                shuffled_x[i, new] = x[i, old]
            end
            shuffled_y[new] = y[old]
        end
        total = 0.0
        for start in 1:batch_size:rows
            batch = start:min(start + batch_size - 1, rows)
            batch_x, batch_y = view(shuffled_x, :, batch), view(shuffled_y, batch)
            active = length(batch) == batch_size ? layers : last_layers
            forward!(active, batch_x)
            total += backward!(active, batch_x, batch_y) * length(batch)
            step += 1
            update!(active, step)
        end
        _ = total / rows
        push!(times, time_ns() / 1e9)
    end
    return times
end
