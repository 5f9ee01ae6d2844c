# Flux 0.12 with implicit parameters, and the loop of its own documentation.
#
# From Flux's documentation of that time ('Training', 'Custom Training loops'), and the model zoo's
# 'LeNet on MNIST'.

using Flux, Statistics

function run(x, y, epochs, batch_size)
    x = reshape(x, 28, 28, 1, :)  # width, height, channels, rows
    target = Flux.onehotbatch(y, 0:9)
    loader = Flux.Data.DataLoader((x, target); batchsize = batch_size, shuffle = true)

    model = Chain(
        Conv((3, 3), 1 => 32, relu),
        MaxPool((2, 2)),
        Conv((3, 3), 32 => 64, relu),
        MaxPool((2, 2)),
        Flux.flatten,
        Dense(5 * 5 * 64, 128, relu),
        Dense(128, 10),
    )
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
        _ = sum(losses .* sizes) / sum(sizes)
        push!(times, time_ns() / 1e9)
    end
    return times
end
