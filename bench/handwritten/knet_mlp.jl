# Knet: layers as structs, minibatches, and the iterator of `adam`.
#
# From Knet's tutorial: 'Multilayer Perceptron', 'Iterators'.

using Knet, Statistics

struct Layer
    w
    b
    f
end

Layer(i::Int, o::Int, f = relu) = Layer(param(o, i), param0(o), f)
(l::Layer)(x) = l.f.(l.w * mat(x) .+ l.b)

struct Mlp
    layers
end

function (m::Mlp)(x)
    for l in m.layers
        x = l(x)
    end
    return x
end

(m::Mlp)(x, y) = nll(m(x), y)

function run(x, y, epochs, hidden, batch_size)
    data = minibatch(x, y .+ 1, batch_size; shuffle = true, partial = true)
    widths = [length(x) ÷ length(y); hidden]
    layers = [Layer(widths[i], widths[i+1]) for i in 1:length(hidden)]
    model = Mlp((layers..., Layer(widths[end], maximum(y) + 1, identity)))
    sizes = [min(batch_size, length(y) - start) for start in 0:batch_size:length(y)-1]
    times = [time_ns() / 1e9]
    for epoch in 1:epochs
        total = 0.0
        for (size, loss) in zip(sizes, adam(model, data; lr = 0.001))
            total += size * loss
        end
        total / length(y)
        push!(times, time_ns() / 1e9)
    end
    return times
end
