# What a worker is to the system: its cores, its thread pools, its memory, its end.

using Libdl

function blas_threads()
    # get_num_threads came with Julia 1.6; before it OpenBLAS is asked itself.
    isdefined(BLAS, :get_num_threads) && return BLAS.get_num_threads()
    return Int(ccall((BLAS.@blasfunc(openblas_get_num_threads), Base.libblas_name), Cint, ()))
end

# The kernels that OpenBLAS chose for this processor, such as Haswell; empty for another BLAS.
function blas_kernel()
    library = isdefined(BLAS, :get_config) ? BLAS.get_config().loaded_libs[1].libname : Base.libblas_name
    handle = Libdl.dlopen(library; throw_error = false)
    handle === nothing && return ""
    for suffix in ("", "64_", "_64")
        symbol = Libdl.dlsym(handle, "openblas_get_corename$suffix"; throw_error = false)
        symbol === nothing || return unsafe_string(ccall(symbol, Cstring, ()))
    end
    return ""
end

# The most memory that this process ever held, and those of its children that still run.
function peak_bytes()
    Sys.islinux() || return Int(Sys.maxrss())
    return sum(high_water, tree(getpid()))
end

# A process, its children, and theirs.
function tree(process)
    found = [Int(process)]
    for parent in found, thread in threads_of(parent)
        children = read_quietly("/proc/$parent/task/$thread/children")
        append!(found, parse.(Int, split(children)))
    end
    return found
end

function high_water(process)
    for line in split(read_quietly("/proc/$process/status"), '\n')
        startswith(line, "VmHWM:") && return parse(Int, split(line)[2]) * 1024
    end
    return 0
end

threads_of(process) = isdir("/proc/$process/task") ? readdir("/proc/$process/task") : String[]

# A process may end while it is looked at.
read_quietly(file) =
    try
        read(file, String)
    catch
        ""
    end

# End this process when the coordinator ends, in whatever way it does.
function die_with_parent(parent::Int)
    is_parent() = Int(ccall(:getppid, Cint, ())) == parent
    if Sys.islinux() && is_parent()
        # PR_SET_PDEATHSIG is 1, SIGKILL is 9.
        ccall(:prctl, Cint, (Cint, Culong, Culong, Culong, Culong), 1, 9, 0, 0, 0)
        is_parent() || exit(1)
    else
        # A launcher, such as juliaup's, stands between, or there is no such signal.
        watch = "while kill -0 $parent 2>&-; do sleep 1; done; kill -9 $(getpid())"
        run(`sh -c $watch`; wait = false)
    end
end

# Keep every thread on these processors: those that run already, and so those to come.
function pin(cpus)
    (isempty(cpus) || !Sys.islinux()) && return
    mask = zeros(UInt8, 128)
    for cpu in parse.(Int, split(cpus, ','))
        mask[cpu÷8+1] |= 0x01 << (cpu % 8)
    end
    for thread in parse.(Cint, threads_of("self"))
        ccall(:sched_setaffinity, Cint, (Cint, Csize_t, Ptr{UInt8}), thread, length(mask), mask)
    end
end

# On how many processors this process may run.
function cores()
    Sys.islinux() || return Sys.CPU_THREADS
    mask = zeros(UInt8, 128)
    ccall(:sched_getaffinity, Cint, (Cint, Csize_t, Ptr{UInt8}), 0, length(mask), mask)
    return sum(count_ones, mask)
end
