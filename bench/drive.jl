# Time one training script in this fresh process; print its epochs in seconds and its peak memory.
#
# drive.jl generated|handwritten SCRIPT FOLDER EPOCHS key=value..., with the data in FOLDER, the
# worker whose thread settings hold, `threads`, `cpus`, `shape` (of a row, as Julia reads it) and
# the arguments `hidden` and `batch_size` of a hand-written script's `run`.

using LinearAlgebra

const kind, path, folder, epochs = ARGS[1], ARGS[2], ARGS[3], parse(Int, ARGS[4])
const given = Dict(split(pair, '='; limit = 2) for pair in ARGS[5:end])

numbers(key) = parse.(Int, split(given[key], ','))

include(given["worker"])
include(path)

function read_data()
    y = Vector{Int64}(undef, filesize(joinpath(folder, "y_train.bin")) ÷ 8)
    x = Array{Float32}(undef, numbers("shape")..., length(y))
    return read!(joinpath(folder, "x_train.bin"), x), read!(joinpath(folder, "y_train.bin"), y)
end

# What the script's own main part calls; the hook takes the time.
function generated(x, y)
    data = prepare(x, y)
    model = build()
    times = [time_ns() / 1e9]
    train(model, data, epochs, (epoch, loss) -> push!(times, time_ns() / 1e9))
    return times
end

function main()
    Worker.pin(given["cpus"])
    BLAS.set_num_threads(parse(Int, given["threads"]))
    x, y = read_data()
    GC.gc()
    if kind == "generated"
        times = generated(x, y)
    else
        hidden = haskey(given, "hidden") ? (numbers("hidden"),) : ()
        times = run(x, y, epochs, hidden..., parse(Int, given["batch_size"]))
    end
    @assert length(times) == epochs + 1
    println("epochs ", join(diff(times), " "), " ", Worker.peak_bytes())
end

main()
