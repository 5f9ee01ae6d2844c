# Prints where a Julia and the packages of its project lie, one path a line. Given as "Name=UUID".
#
# First the folder of Julia's own libraries; then, of each package that does not come with Julia, its
# folder, its compiled caches, and the artifacts that are here for this machine.

using Libdl
using Pkg.Artifacts

function artifacts(source)
    toml = find_artifacts_toml(source)
    toml === nothing && return String[]
    metas = [artifact_meta(name, toml) for name in keys(load_artifacts_toml(toml))]
    hashes = [Base.SHA1(meta["git-tree-sha1"]) for meta in metas if meta !== nothing]
    return [artifact_path(hash) for hash in hashes if artifact_exists(hash)]
end

function caches(package)
    stems = [first(splitext(path)) for path in Base.find_all_in_cache_path(package)]
    return filter(isfile, [stem * ending for stem in stems for ending in (".ji", ".$dlext")])
end

println(dirname(unsafe_string(Base.JLOptions().image_file)))
for argument in ARGS
    name, uuid = split(argument, '=')
    package = Base.PkgId(Base.UUID(uuid), String(name))
    source = Base.locate_package(package)
    (source === nothing || startswith(source, Sys.STDLIB)) && continue
    println(dirname(dirname(source)))
    foreach(println, [caches(package); artifacts(source)])
end
