# Flux with explicit gradients: `setup`, `withgradient`, `update!`.
#
# From fluxml.ai: 'A Neural Network in One Minute' and 'Training a Flux Model'.

using Flux, Statistics

function run(x, y, epochs, hidden, batch_size)
    x = Flux.flatten(x)
    classes = 0:maximum(y)
    target = Flux.onehotbatch(y, classes)
    loader = Flux.DataLoader((x, target); batchsize = batch_size, shuffle = true)

    widths = [size(x, 1); hidden]
    layers = [Dense(widths[i] => widths[i+1], relu) for i in 1:length(hidden)]
    model = Chain(layers..., Dense(widths[end] => length(classes)))
    opt_state = Flux.setup(Flux.Adam(0.001), model)

    times = [time_ns() / 1e9]
    for epoch in 1:epochs
        losses, sizes = Float32[], Int[]
        for (xb, yb) in loader
            loss, grads = Flux.withgradient(model) do m
                Flux.logitcrossentropy(m(xb), yb)
            end
            Flux.update!(opt_state, model, grads[1])
            push!(losses, loss)
            push!(sizes, size(yb, 2))
        end
        sum(losses .* sizes) / sum(sizes)
        push!(times, time_ns() / 1e9)
    end
    return times
end
