#!/usr/bin/env bash
set -euxo pipefail
# torch-sys looks for include/ and lib/ below LIBTORCH.
export LIBTORCH=$PREFIX
export CARGO_PROFILE_RELEASE_STRIP=symbols
cargo-bundle-licenses --format yaml --output THIRDPARTY.yml
cargo build --release --locked --bin selfsi
# The package first: the program takes the place of its command of the same name, which would only call it.
"$PYTHON" -m pip install --no-deps --no-build-isolation ./python
install -Dm755 target/release/selfsi "$PREFIX/bin/selfsi"
for shell in bash:share/bash-completion/completions/selfsi zsh:share/zsh/site-functions/_selfsi \
    fish:share/fish/vendor_completions.d/selfsi.fish; do
    mkdir -p "$PREFIX/$(dirname "${shell#*:}")"
    LD_LIBRARY_PATH=$PREFIX/lib "$PREFIX/bin/selfsi" completions "${shell%%:*}" >"$PREFIX/${shell#*:}"
done
