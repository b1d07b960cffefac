# Installs the database servers that the tests of sources start for themselves. Sourced, by .ci/run
# or by hand from the project's folder:
#
#     . .ci/install/servers.sh && cargo test --test it -- --include-ignored extract
#
# The tests run servers of their own, in temporary folders, on free ports of the loopback address;
# a cluster that Debian's package sets up is neither needed nor touched.

. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

starhouse_install_servers() {
    local missing=()
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)
    command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || missing+=(mariadb-server)
    command -v openssl >/dev/null || missing+=(openssl)
    [ ${#missing[@]} -eq 0 ] || starhouse_apt_install "${missing[@]}"
}

starhouse_install_servers
