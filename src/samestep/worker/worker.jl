# Host one script in a process of its own and say, event by event, what it does.
#
# The same program as worker.py, for Julia 1.5 and later, with the standard library alone:
# `julia --startup-file=no worker.jl TASK key=value ...`. A plan's arrays are row-major files;
# read into Julia's column-major arrays their dimensions come out reversed, (features..., rows),
# which is Julia's own habit. What goes back is reversed again by writing it as it lies.

module Worker

using LinearAlgebra, Statistics

const FLUSH_NANOSECONDS = 250_000_000
const AUDIT_EPOCHS = 3

# How long the same rows are evaluated again and again, if so often takes no longer.
const AGAIN_NANOSECONDS = 300_000_000

# How often one row is, at least.
const FEWEST_ROWS = 5

# What a shim may include: the worker gives it this path, and the size of a row.
const SHIM_TOOLS = joinpath(@__DIR__, "shim_tools.jl")

include(joinpath(@__DIR__, "formats.jl"))
include(joinpath(@__DIR__, "own_process.jl"))
include(joinpath(@__DIR__, "probe.jl"))

# Events: a line of JSON each, in a file that the coordinator named.

struct Events
    file::IOStream
end

function say(events::Events, name::String; facts...)
    buffer = IOBuffer()
    print(buffer, "{\"event\": ")
    json(buffer, name)
    for (key, value) in facts
        print(buffer, ", ")
        json(buffer, string(key))
        print(buffer, ": ")
        json(buffer, value)
    end
    println(buffer, '}')
    write(events.file, take!(buffer))
    flush(events.file)
end

# The on_epoch hook: takes the time of every epoch and keeps its own work out of it.

mutable struct EpochClock
    events::Events
    pending::Vector{Tuple{Int,Int,Int,Float64}}
    start::Int
    flushed::Int
end

monotonic() = Int(time_ns())

function EpochClock(events::Events)
    now = monotonic()
    return EpochClock(events, Tuple{Int,Int,Int,Float64}[], now, now)
end

function (clock::EpochClock)(epoch, loss)
    stop = monotonic()
    push!(clock.pending, (epoch, clock.start, stop, loss))
    if stop - clock.flushed > FLUSH_NANOSECONDS
        flush_epochs(clock)
        clock.flushed = stop
    end
    clock.start = monotonic()
    return nothing
end

function flush_epochs(clock::EpochClock)
    for (epoch, start, stop, loss) in clock.pending
        # `end` is a keyword in Julia, so the pair is built from a symbol.
        facts = (:n => epoch, :start => start, :end => stop, :loss => loss)
        say(clock.events, "epoch"; facts...)
    end
    empty!(clock.pending)
end

# The tasks.

mutable struct Stage
    name::String
end

function timed(work, stage::Stage, name::String)
    stage.name = name
    start = monotonic()
    result = work()
    return result, (monotonic() - start) / 1e9
end

function load_framework(job, plan, precision, events, stage)
    (script, shim), seconds = timed(stage, "import") do
        row_size = Base.front(size(array(plan, "x_train")))
        shim = load_module(:Shim, job["shim"]; shim_tools = SHIM_TOOLS, row_size = row_size)
        Base.invokelatest(
            shim.configure,
            parse(Int, job["threads"]),
            DTYPES[precision],
            job["device"],
        )
        (load_script(job["script"]), shim)
    end
    say(
        events,
        "ready";
        versions = Base.invokelatest(shim.version),
        import_seconds = seconds,
        runtime = "Julia $VERSION",
        blas_kernel = blas_kernel(),
    )
    return script, shim
end

load_script(path) = load_module(:Script, path)

function load_module(name, path; constants...)
    target = Module(name)
    for (constant, value) in constants
        Core.eval(target, :(const $constant = $value))
    end
    # A bare module has no `include` and no `eval` of its own.
    Core.eval(target, :(eval(code) = Core.eval($target, code)))
    Core.eval(target, :(include(path) = Base.include($target, path)))
    Base.include(target, path)
    return target
end

# Nanoseconds that Julia has spent on compilation so far; Julia tells since 1.9.
compile_time() = isdefined(Base, :cumulative_compile_time_ns) ? cumulative_compile_time() : nothing

function cumulative_compile_time()
    spent = Base.cumulative_compile_time_ns()
    return spent isa Tuple ? Int(first(spent)) : Int(spent)
end

count_compile_time() = isdefined(Base, :cumulative_compile_timing) && Base.cumulative_compile_timing(true)

function run_trial(script, shim, plan, job, events, stage)
    x, y = array(plan, "x_train"), array(plan, "y_train")
    x_test, y_test = array(plan, "x_test"), array(plan, "y_test")
    data, seconds = timed(() -> script.prepare(x, y), stage, "prepare")
    say(events, "prepared"; seconds = seconds)
    model, seconds = timed(script.build, stage, "build")
    model = shim.set_weights(model, weights(plan))
    say(events, "built"; seconds = seconds)
    GC.gc()
    before = probe_seconds()
    compiled = compile_time()
    epochs = haskey(job, "epochs") ? parse(Int, job["epochs"]) : plan.facts["epochs"]
    clock = EpochClock(events)
    _, seconds = timed(stage, "train") do
        try
            script.train(model, data, epochs, clock)
            shim.sync(model)
        finally
            flush_epochs(clock)
        end
    end
    compile_seconds = compiled === nothing ? nothing : (compile_time() - compiled) / 1e9
    say(events, "trained"; seconds = seconds, compile_seconds = compile_seconds)
    say(events, "probed"; seconds = max(before, probe_seconds()))
    check_precision(shim.get_weights(model), DTYPES[job["precision"]])
    (loss, accuracy), seconds = timed(() -> script.evaluate(model, x_test, y_test), stage, "evaluate")
    say(events, "evaluated"; seconds = seconds, loss = loss, accuracy = accuracy)
    say(events, "memory"; peak_bytes = peak_bytes())
    pools = (julia = Threads.nthreads(), blas = blas_threads())
    say(events, "threads"; cores = cores(), pools = pools)
    x_row, y_row = first_rows(x_test, 1:1), y_test[1:1]
    (again, row), _ = timed(stage, "evaluate") do
        # What is compiled for these rows is there.
        again = time_again(() -> script.evaluate(model, x_test, y_test), 1)
        script.evaluate(model, x_row, y_row)
        again, time_again(() -> script.evaluate(model, x_row, y_row), FEWEST_ROWS)
    end
    say(events, "evaluated_again"; seconds = again, row_seconds = row)
end

# The median seconds of a call that has been made before.
function time_again(evaluate, fewest)
    seconds = Float64[]
    stop = monotonic() + AGAIN_NANOSECONDS
    while length(seconds) < fewest || monotonic() < stop
        start = monotonic()
        evaluate()
        push!(seconds, (monotonic() - start) / 1e9)
    end
    return median(seconds)
end

# Train once and evaluate on the test rows after every epoch; no time is taken.
function run_curve(script, shim, plan, job, events, stage)
    x_test, y_test = array(plan, "x_test"), array(plan, "y_test")
    stage.name = "train"
    data = script.prepare(array(plan, "x_train"), array(plan, "y_train"))
    model = fresh_model(script, shim, plan)
    script.train(model, data, plan.facts["epochs"], (epoch, loss) -> begin
        test_loss, test_accuracy = script.evaluate(model, x_test, y_test)
        facts = (n = epoch, loss = loss, test_loss = test_loss, test_accuracy = test_accuracy)
        say(events, "point"; facts...)
    end)
    shim.sync(model)
end

function run_proof(script, shim, plan, job, events, stage)
    test_rows = 1:plan.facts["proof_test_rows"]
    x_test = Float64.(first_rows(array(plan, "x_test"), test_rows))
    y_test = array(plan, "y_test")[test_rows]
    # Row numbers count from 0 in a plan and from 1 in Julia; a column is an epoch.
    orders = array(plan, "orders") .+ 1
    rows = size(orders, 1)
    x = Float64.(first_rows(array(plan, "x_train"), 1:rows))
    y = array(plan, "y_train")[1:rows]
    output = Output(job["output"], events, 0)
    timed(stage, "forward") do
        write_array(output, "logits", shim.logits(script, fresh_model(script, shim, plan), x_test))
    end
    timed(stage, "loss") do
        loss, accuracy = script.evaluate(fresh_model(script, shim, plan), x_test, y_test)
        say(events, "value"; name = "loss", value = loss)
        say(events, "value"; name = "accuracy", value = accuracy)
    end
    batch = orders[1:min(end, plan.facts["batch_size"]), 1]
    one_batch = (first_rows(x, batch), y[batch], reshape(1:length(batch), :, 1))
    ladder = script
    if job["dropout"] == "1"
        timed(stage, "dropout") do
            model = fresh_model(script, shim, plan)
            data = shim.batches(script, model, one_batch..., schedule(plan))
            write_arrays(output, "dropout", shim.gradients(script, model, data))
        end
        # From here to the audit, the same script with nothing dropped.
        ladder = load_script(job["ladder_script"])
    end
    # What was loaded just now is newer than this function.
    Base.invokelatest(climb, ladder, shim, plan, x, y, orders, one_batch, x_test, y_test, output, stage)
    light = job["audit_script"] != job["script"]
    audited = light ? load_script(job["audit_script"]) : script
    parameters = light ? light_weights(plan) : weights(plan)
    timed(stage, "audit") do
        rows = parse(Int, job["audit_rows"])
        Base.invokelatest(audit, audited, shim, plan, rows, parameters, events)
    end
end

fresh_model(script, shim, plan) = shim.set_weights(script.build(), weights(plan))

# The rungs on which a model is trained.
function climb(script, shim, plan, x, y, orders, one_batch, x_test, y_test, output, stage)
    timed(stage, "gradient") do
        model = fresh_model(script, shim, plan)
        data = shim.batches(script, model, one_batch..., schedule(plan))
        write_arrays(output, "gradient", shim.gradients(script, model, data))
    end
    timed(stage, "step") do
        model = fresh_model(script, shim, plan)
        data = shim.batches(script, model, one_batch..., schedule(plan))
        script.train(model, data, 1, (epoch, loss) -> nothing)
        write_arrays(output, "step", shim.get_weights(model))
    end
    timed(stage, "trajectory") do
        model = fresh_model(script, shim, plan)
        data = shim.batches(script, model, x, y, orders, schedule(plan))
        losses = Float64[]
        script.train(model, data, size(orders, 2), (epoch, loss) -> push!(losses, loss))
        say(output.events, "value"; name = "trajectory_losses", value = losses)
        write_arrays(output, "trajectory", shim.get_weights(model))
        loss = first(script.evaluate(model, x_test, y_test))
        say(output.events, "value"; name = "trained_loss", value = loss)
    end
end

first_rows(x, rows) = x[ntuple(_ -> Colon(), ndims(x) - 1)..., rows]

# Weights for the one dense layer that stands in for the model where the data are many.
function light_weights(plan::Plan)
    x, classes = array(plan, "x_train"), plan.facts["classes"]
    features = length(x) ÷ size(x)[end]
    return ["dense_1.kernel" => zeros(classes, features), "dense_1.bias" => zeros(classes)]
end

# Send rows that carry their own number through the raced pipeline; note what arrives.
function audit(script, shim, plan, rows, parameters, events)
    x, y = array(plan, "x_train"), array(plan, "y_train")[1:rows]
    tags = zeros(Float64, size(x)[1:end-1]..., rows)
    reshape(tags, :, rows)[1, :] .= (0:rows-1) ./ rows
    data = script.prepare(tags, y)
    model = shim.set_weights(script.build(), parameters)
    arrived = Arrivals(y, 0, 0)
    batches = feed(arrived, script, shim, model, data, AUDIT_EPOCHS)
    # What was shuffled before the training comes in the same order again.
    each_epoch = plan.facts["shuffle"] == "each_epoch"
    again = each_epoch ? feed(arrived, script, shim, model, data, 1)[1] : Vector{Int}[]
    say(
        events,
        "audit";
        batches = batches,
        again = again,
        wrong_labels = arrived.wrong_labels,
        unknown_rows = arrived.unknown_rows,
        rows = rows,
    )
end

# Reads the numbers of the rows that arrive, and counts what should not have.
mutable struct Arrivals
    labels::Vector{Int}
    wrong_labels::Int
    unknown_rows::Int
end

# Train the model, and note the row numbers of each epoch's batches.
function feed(arrived::Arrivals, script, shim, model, data, epochs)
    observed = shim.observe(script, model, data, epochs)
    return [[numbers(arrived, batch...) for batch in epoch] for epoch in observed]
end

function numbers(arrived::Arrivals, x, y)
    rows = length(arrived.labels)
    tag = reshape(Float64.(x), :, length(y))[1, :] .* rows
    ids = round.(Int, tag)
    for (id, exact, label) in zip(ids, tag, y)
        known = abs(exact - id) < 0.25 && 0 <= id < rows
        arrived.unknown_rows += !known
        arrived.wrong_labels += known && label != arrived.labels[id+1]
    end
    return ids
end

mutable struct Output
    folder::String
    events::Events
    count::Int
end

function write_array(output::Output, name::String, values::AbstractArray)
    file = "$(output.count).bin"
    output.count += 1
    write(joinpath(output.folder, file), Array{Float64}(values))
    say(
        output.events,
        "array";
        name = name,
        file = file,
        dtype = lowercase(string(eltype(values))),
        shape = reverse(size(values)),
    )
end

function write_arrays(output::Output, rung::String, arrays)
    for (name, values) in arrays
        write_array(output, "$rung/$name", values)
    end
end

function check_precision(arrays, precision)
    for (name, values) in arrays
        eltype(values) == precision ||
            error("$name was trained in $(eltype(values)), not in $precision")
    end
end

# Where in the script an error came from: the innermost of its lines.
function script_line(trace, script::String)
    for frame in stacktrace(trace)
        file = String(frame.file)
        basename(file) == basename(script) && return " (line $(frame.line) of the script)"
    end
    return ""
end

function main(arguments)
    task = arguments[1]
    job = Dict{String,String}(split(pair, '='; limit = 2) for pair in arguments[2:end])
    die_with_parent(parse(Int, job["parent"]))
    pin(job["cpus"])
    events = Events(open(job["events"], "a"))
    stage = Stage("import")
    try
        BLAS.set_num_threads(parse(Int, job["threads"]))
        count_compile_time()
        plan = Plan(job["plan"])
        precision = task == "proof" ? "float64" : job["precision"]
        script, shim = load_framework(job, plan, precision, events, stage)
        run = Dict("trial" => run_trial, "proof" => run_proof, "curve" => run_curve)[task]
        # The script is newer than this function, so it is called in the latest world.
        Base.invokelatest(run, script, shim, plan, job, events, stage)
    catch problem
        trace = catch_backtrace()
        # What `include` threw is wrapped, with a place of its own.
        while problem isa LoadError
            problem = problem.error
        end
        message = first(split(sprint(showerror, problem), '\n'))
        say(
            events,
            "error";
            stage = stage.name,
            message = message * script_line(trace, job["script"]),
            traceback = sprint(showerror, problem, trace),
        )
        exit(1)
    end
    say(events, "done")
end

end

abspath(PROGRAM_FILE) == @__FILE__() && Worker.main(ARGS)
