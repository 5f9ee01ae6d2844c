# Julia alone: im2col, matrix products and Adam (Kingma and Ba 2015, Algorithm 1) by hand.
#
# From docs.julialang.org ('Performance Tips', 'Linear Algebra', 'Random Numbers'). Images are
# (channels, width, height, rows), as they come, so that a patch's channels lie together.

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

# A matrix product, used by the dense layer and, on every patch of an image, by a convolution.
struct Weights{T}
    kernel::Parameter{Matrix{T}}
    bias::Parameter{Vector{T}}
end

function Weights(rng, T, inputs, units)
    bound = sqrt(6 / (inputs + units))
    kernel = Matrix{T}(2bound .* rand(rng, units, inputs) .- bound)
    return Weights(Parameter(kernel), Parameter(zeros(T, units)))
end

function forward!(output, weights, input)
    mul!(output, weights.kernel.value, input)
    output .+= weights.bias.value
end

function gradients!(weights, delta, input)
    mul!(weights.kernel.gradient, delta, transpose(input))
    sum!(weights.bias.gradient, delta)
end

matrix(images) = reshape(images, size(images, 1), :)

# Every patch of `size` by `size` becomes a column; (patch, width, height, rows).
function im2col!(columns, images, size)
    channels = Base.size(images, 1)
    @inbounds for n in axes(columns, 4), h in axes(columns, 3), w in axes(columns, 2)
        k = 0
        for j in 0:size-1, i in 0:size-1
            @simd for c in 1:channels
                columns[k+c, w, h, n] = images[c, w+i, h+j, n]
            end
            k += channels
        end
    end
end

# The other way: every patch is added to where it came from.
function col2im!(images, columns, size)
    fill!(images, 0)
    channels = Base.size(images, 1)
    @inbounds for n in axes(columns, 4), h in axes(columns, 3), w in axes(columns, 2)
        k = 0
        for j in 0:size-1, i in 0:size-1
            @simd for c in 1:channels
                images[c, w+i, h+j, n] += columns[k+c, w, h, n]
            end
            k += channels
        end
    end
end

# Relu after a max pool of 2, which is a max pool of relus with a quarter of the work.
function pool!(pooled, images)
    @inbounds for n in axes(pooled, 4), h in axes(pooled, 3), w in axes(pooled, 2)
        @simd for c in axes(pooled, 1)
            left = max(images[c, 2w-1, 2h-1, n], images[c, 2w-1, 2h, n])
            right = max(images[c, 2w, 2h-1, n], images[c, 2w, 2h, n])
            pooled[c, w, h, n] = max(left, right, zero(left))
        end
    end
end

# The first of equals gets the gradient; `images` is overwritten by its own.
function unpool!(images, pooled, delta)
    width, height = 2size(pooled, 2), 2size(pooled, 3)
    @inbounds for n in axes(pooled, 4), h in axes(pooled, 3), w in axes(pooled, 2)
        @simd for c in axes(pooled, 1)
            top, d = pooled[c, w, h, n], delta[c, w, h, n]
            free = top > 0
            for j in 2h-1:2h, i in 2w-1:2w
                chosen = free & (images[c, i, j, n] == top)
                images[c, i, j, n] = ifelse(chosen, d, zero(d))
                free &= !chosen
            end
        end
    end
    images[:, width+1:end, :, :] .= 0
    images[:, :, height+1:end, :] .= 0
end

# A convolution, relu and a max pool, with room for a batch.
struct Block{T}
    weights::Weights{T}
    size::Int
    columns::Array{T,4}
    output::Array{T,4}
    pooled::Array{T,4}
    delta::Array{T,4}
end

function Block(weights::Weights{T}, size, width, batch_size) where {T}
    filters, inputs = Base.size(weights.kernel.value)
    wide = width - size + 1
    columns = zeros(T, inputs, wide, wide, batch_size)
    output = zeros(T, filters, wide, wide, batch_size)
    pooled = zeros(T, filters, wide ÷ 2, wide ÷ 2, batch_size)
    return Block(weights, size, columns, output, pooled, zero(pooled))
end

function forward!(block::Block, images)
    im2col!(block.columns, images, block.size)
    forward!(matrix(block.output), block.weights, matrix(block.columns))
    pool!(block.pooled, block.output)
    return block.pooled
end

# The gradients from `block.delta`; `columns` becomes the gradient of the patches where asked.
function backward!(block::Block)
    unpool!(block.output, block.pooled, block.delta)
    gradients!(block.weights, matrix(block.output), matrix(block.columns))
end

function backward!(block::Block, before)
    backward!(block)
    kernel = block.weights.kernel.value
    mul!(matrix(block.columns), transpose(kernel), matrix(block.output))
    col2im!(before, block.columns, block.size)
end

struct Cnn{T}
    first::Block{T}
    second::Block{T}
    dense::Weights{T}
    hidden::Matrix{T}
    hidden_delta::Matrix{T}
    last::Weights{T}
    logits::Matrix{T}
    delta::Matrix{T}
end

# The same weights may have room for another number of rows.
function Cnn(weights::Vector{Weights{T}}, batch_size) where {T}
    hidden, logits = (zeros(T, length(w.bias.value), batch_size) for w in weights[3:4])
    first = Block(weights[1], 3, 28, batch_size)
    second = Block(weights[2], 3, 13, batch_size)
    dense, last = weights[3:4]
    return Cnn(first, second, dense, hidden, zero(hidden), last, logits, zero(logits))
end

flatten(images) = reshape(images, :, size(images, 4))

function loss_and_gradients!(cnn, x, y)
    features = flatten(forward!(cnn.second, forward!(cnn.first, x)))
    forward!(cnn.hidden, cnn.dense, features)
    cnn.hidden .= max.(cnn.hidden, 0)
    forward!(cnn.logits, cnn.last, cnn.hidden)
    loss = loss!(cnn.delta, cnn.logits, y)
    gradients!(cnn.last, cnn.delta, cnn.hidden)
    mul!(cnn.hidden_delta, transpose(cnn.last.kernel.value), cnn.delta)
    cnn.hidden_delta .*= cnn.hidden .> 0
    gradients!(cnn.dense, cnn.hidden_delta, features)
    mul!(flatten(cnn.second.delta), transpose(cnn.dense.kernel.value), cnn.hidden_delta)
    backward!(cnn.second, cnn.first.delta)
    backward!(cnn.first)
    return loss
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

function update!(weights::Vector{Weights{T}}, step) where {T}
    rate, correction = T(1e-3 / (1 - 0.9^step)), T(1 / (1 - 0.999^step))
    for layer in weights
        adam!(layer.kernel, rate, correction)
        adam!(layer.bias, rate, correction)
    end
end

function run(x, y, epochs, batch_size)
    rows, T = length(y), eltype(x)
    rng = MersenneTwister(0)
    shapes = [(3 * 3 * 1, 32), (3 * 3 * 32, 64), (64 * 5 * 5, 128), (128, 10)]
    weights = [Weights(rng, T, inputs, units) for (inputs, units) in shapes]
    whole, last = Cnn(weights, batch_size), Cnn(weights, rows % batch_size)
    order = collect(1:rows)
    step = 0
    times = [time_ns() / 1e9]
    for _ in 1:epochs
        shuffle!(rng, order)
        total = 0.0
        for start in 1:batch_size:rows
            batch = order[start:min(start + batch_size - 1, rows)]
            cnn = length(batch) == batch_size ? whole : last
            total += loss_and_gradients!(cnn, x[:, :, :, batch], y[batch]) * length(batch)
            step += 1
            update!(weights, step)
        end
        _ = total / rows
        push!(times, time_ns() / 1e9)
    end
    return times
end
