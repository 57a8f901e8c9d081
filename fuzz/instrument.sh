#!/usr/bin/env bash
# rustc, as cargo calls it (RUSTC_WRAPPER): selfsi and the targets get the counters that libFuzzer steers
# by; what they stand on is the program's own build. Stable Rust has what this needs.
rustc=$1
shift
case " $* " in
    *" --crate-name selfsi "* | *" --crate-name selfsi_fuzz "* | *" --crate-name fuzz_"*)
        set -- "$@" --cfg fuzzing -Cpasses=sancov-module \
            -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
            -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares
        ;;
esac
exec "$rustc" "$@"
