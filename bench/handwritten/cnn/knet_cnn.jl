# Knet: layers as structs, minibatches, and the iterator of `adam`.
#
# From Knet's tutorial: 'Convolutional Neural Networks', 'Iterators'.

using Knet, Statistics

struct Conv
    w
    b
    f
end

Conv(w1::Int, w2::Int, cx::Int, cy::Int, f = relu) =
    Conv(param(w1, w2, cx, cy), param0(1, 1, cy, 1), f)
(c::Conv)(x) = pool(c.f.(conv4(c.w, x) .+ c.b))

struct Dense
    w
    b
    f
end

Dense(i::Int, o::Int, f = relu) = Dense(param(o, i), param0(o), f)
(d::Dense)(x) = d.f.(d.w * mat(x) .+ d.b)

struct Chain
    layers
    Chain(layers...) = new(layers)
end

function (c::Chain)(x)
    for l in c.layers
        x = l(x)
    end
    return x
end

(c::Chain)(x, y) = nll(c(x), y)

function run(x, y, epochs, batch_size)
    x = reshape(x, 28, 28, 1, :)  # width, height, channels, rows
    data = minibatch(x, y .+ 1, batch_size; shuffle = true, partial = true)
    model = Chain(
        Conv(3, 3, 1, 32),
        Conv(3, 3, 32, 64),
        Dense(5 * 5 * 64, 128),
        Dense(128, 10, identity),
    )
    sizes = [min(batch_size, length(y) - start) for start in 0:batch_size:length(y)-1]
    times = [time_ns() / 1e9]
    for epoch in 1:epochs
        total = 0.0
        for (size, loss) in zip(sizes, adam(model, data; lr = 0.001))
            total += size * loss
        end
        _ = total / length(y)
        push!(times, time_ns() / 1e9)
    end
    return times
end
