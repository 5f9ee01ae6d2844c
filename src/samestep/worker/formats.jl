# What a worker writes and reads: events as JSON, and a plan, which is TOML and raw arrays.

using Mmap

# JSON, as much of it as events need.

json(io::IO, value::Bool) = print(io, value)
json(io::IO, ::Nothing) = print(io, "null")
json(io::IO, value::Integer) = print(io, value)
json(io::IO, value::Symbol) = json(io, String(value))

function json(io::IO, value::AbstractFloat)
    # What Python's json reads and writes for the numbers that JSON does not have.
    isnan(value) && return print(io, "NaN")
    isinf(value) && return print(io, value > 0 ? "Infinity" : "-Infinity")
    print(io, Float64(value))
end

function json(io::IO, text::AbstractString)
    print(io, '"')
    for character in text
        if character == '"' || character == '\\'
            print(io, '\\', character)
        elseif !isvalid(character)
            print(io, "\\ufffd")
        elseif character < ' '
            print(io, "\\u", string(UInt32(character); base = 16, pad = 4))
        else
            print(io, character)
        end
    end
    print(io, '"')
end

function json(io::IO, list::Union{AbstractVector,Tuple})
    print(io, '[')
    for (position, value) in enumerate(list)
        position > 1 && print(io, ", ")
        json(io, value)
    end
    print(io, ']')
end

function json(io::IO, table::Union{AbstractDict,NamedTuple})
    print(io, '{')
    for (position, (key, value)) in enumerate(pairs(table))
        position > 1 && print(io, ", ")
        json(io, string(key))
        print(io, ": ")
        json(io, value)
    end
    print(io, '}')
end

# The plan: the small part of TOML that plan.toml is written in.

struct Plan
    folder::String
    facts::Dict{String,Any}
    arrays::Vector{Pair{String,Dict{String,Any}}}
end

function toml_value(text::AbstractString)
    text = strip(text)
    startswith(text, '"') && return String(text[2:prevind(text, end)])
    if startswith(text, '[')
        inner = strip(text[2:prevind(text, end)])
        return Int[parse(Int, part) for part in split(inner, ',') if !isempty(strip(part))]
    end
    return parse(Int, text)
end

function Plan(folder::AbstractString)
    facts = Dict{String,Any}()
    arrays = Pair{String,Dict{String,Any}}[]
    table = facts
    for line in eachline(joinpath(folder, "plan.toml"))
        line = strip(line)
        if startswith(line, "[arrays.")
            table = Dict{String,Any}()
            push!(arrays, String(split(line, '"')[2]) => table)
        elseif occursin('=', line)
            key, value = split(line, '='; limit = 2)
            table[String(strip(key))] = toml_value(value)
        end
    end
    return Plan(folder, facts, arrays)
end

const DTYPES = Dict("float32" => Float32, "float64" => Float64, "int64" => Int64)

# An array, mapped from its file, which must not be written to.
function array(plan::Plan, name::String)
    entry = last(plan.arrays[findfirst(pair -> first(pair) == name, plan.arrays)])
    type = Array{DTYPES[entry["dtype"]],length(entry["shape"])}
    return open(joinpath(plan.folder, entry["file"])) do file
        Mmap.mmap(file, type, Tuple(reverse(entry["shape"])))
    end
end

function weights(plan::Plan)
    names = [first(pair) for pair in plan.arrays if startswith(first(pair), "weights/")]
    return [replace(name, "weights/" => "") => copy(array(plan, name)) for name in names]
end

schedule(plan::Plan) = (
    batch_size = plan.facts["batch_size"],
    shuffle = plan.facts["shuffle"],
    last_batch = plan.facts["last_batch"],
)
