#!/bin/sh
# What a build needs of the machine, asked before anything is downloaded: Rust, a C++ compiler, make, python3 with venv.
# scripts/needs.sh PYTHON [TOOL...]: without TOOL, all of them.
python=$1
shift
missing=0
say() {
    echo "selfsi: error: $1" >&2
    missing=1
}
version() { "$@" 2>/dev/null | sed -n '1s/^[^0-9]*\([0-9][0-9.]*\).*/\1/p'; }

for tool in ${@:-cargo g++ python}; do
    case $tool in
    cargo)
        wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
        found=$(version rustc --version)
        get="install Rust $wanted or newer: https://rustup.rs, without root"
        if ! command -v cargo >/dev/null || [ -z "$found" ]; then
            say "there is no cargo or rustc in PATH; $get"
        elif [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -1)" != "$wanted" ]; then
            say "rustc is $found; $get (rustup update)"
        fi
        ;;
    g++)
        # tch compiles C++17 with what CXX names, HDF5 and cfitsio C with CC.
        for compiler in "${CXX:-g++}" "${CC:-cc}"; do
            command -v "${compiler%% *}" >/dev/null ||
                say "there is no compiler $compiler in PATH; install g++ and gcc (apt install g++, dnf install gcc-c++), or name others in CXX and CC"
        done
        ;;
    python)
        if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            say "$python is no Python 3.10 or newer; install one, or name it: make PYTHON=python3.12"
        elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            say "$python has no venv; install it (apt install python3-venv)"
        fi
        ;;
    esac
done
exit $missing
