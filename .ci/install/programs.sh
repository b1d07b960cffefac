# Installs what the tests marked "ignored" need, and `protoc`, which the feature `substrait` is built with,
# and says where it is. Sourced, by .ci/run or by hand from the project's folder:
#
#     . .ci/install/programs.sh && cargo test --features substrait -- --include-ignored
#
# On Debian missing programs come from apt-get; the Python packages of tests/requirements.txt go
# into a folder of the user's cache, the JDBC driver into Maven's.

. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

# Whether there is a protoc that finds the files it comes with, which Debian keeps in a package apart.
starhouse_protoc_works() {
    local folder works=1
    folder="$(mktemp -d)"
    printf 'syntax = "proto3";\nimport public "google/protobuf/any.proto";\n' >"$folder/any.proto"
    protoc --proto_path="$folder" --descriptor_set_out=/dev/null "$folder/any.proto" \
        2>/dev/null && works=0
    rm -rf "$folder"
    return "$works"
}

starhouse_install_programs() {
    local missing=()
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    command -v javac >/dev/null || missing+=(default-jdk-headless)
    command -v mvn >/dev/null || missing+=(maven)
    starhouse_protoc_works || missing+=(protobuf-compiler libprotobuf-dev)
    [ ${#missing[@]} -eq 0 ] || starhouse_apt_install "${missing[@]}"
}

# A folder a version of the list; only a finished one is used.
starhouse_install_python() {
    local list=tests/requirements.txt
    local version folder
    version="$(sha256sum "$list" | cut -c1-12)"
    folder="${XDG_CACHE_HOME:-$HOME/.cache}/starhouse-python/$version"
    if [ ! -e "$folder/complete" ]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --requirement "$list"
        touch "$folder/complete"
    fi
    export STARHOUSE_PYTHON="$folder/bin/python"
    local extension
    extension="$(echo "$folder"/lib/python*/site-packages/duckdb_extension_delta/extensions/*/*)"
    export STARHOUSE_DUCKDB_DELTA="$extension"
}

starhouse_install_driver() {
    mvn --quiet --batch-mode -Dstyle.color=never --file tests/clients/jdbc/pom.xml dependency:resolve
}

starhouse_install_programs && starhouse_install_python && starhouse_install_driver
