# Flux 0.12 with implicit parameters, and the loop of its own documentation.
#
# From Flux's documentation of that time: 'Training', 'Custom Training loops'.

using Flux, Statistics

function run(x, y, epochs, hidden, batch_size)
    x = Flux.flatten(x)
    classes = 0:maximum(y)
    target = Flux.onehotbatch(y, classes)
    loader = Flux.Data.DataLoader((x, target); batchsize = batch_size, shuffle = true)

    widths = [size(x, 1); hidden]
    layers = [Dense(widths[i], widths[i+1], relu) for i in 1:length(hidden)]
    model = Chain(layers..., Dense(widths[end], length(classes)))
    ps = Flux.params(model)
    opt = ADAM(0.001)

    times = [time_ns() / 1e9]
    for epoch in 1:epochs
        losses, sizes = Float32[], Int[]
        for (xb, yb) in loader
            loss, back = Flux.pullback(() -> Flux.logitcrossentropy(model(xb), yb), ps)
            Flux.Optimise.update!(opt, ps, back(one(loss)))
            push!(losses, loss)
            push!(sizes, size(yb, 2))
        end
        sum(losses .* sizes) / sum(sizes)
        push!(times, time_ns() / 1e9)
    end
    return times
end
