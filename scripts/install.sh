#!/usr/bin/env bash
# install.sh PROGRAM LIBTORCH PREFIX: the program under PREFIX, such that the checkout may move or go.
# A libtorch of the checkout's own goes along into PREFIX/lib/selfsi (440 MB); one from elsewhere is used where it is.
set -euo pipefail
program=$1 libtorch=$(realpath "$2") prefix=$3
checkout=$(realpath "$(dirname "$0")/..")
to=${DESTDIR-}$prefix

case $libtorch/ in
"$checkout"/*)
    rpath='$ORIGIN/../lib/selfsi/torch/lib'
    folder=$to/lib/selfsi/torch
    rm -rf "$to/lib/selfsi"
    mkdir -p "$folder/lib"
    cp "$libtorch/version.py" "$folder"
    # What the program loads of the virtual environment, CUDA's runtime included, which libtorch_cpu.so names.
    ldd "$program" | sed -n "s|.* => \($checkout/.*\) (0x.*|\1|p" | xargs -d '\n' cp -Lt "$folder/lib"
    ;;
*)
    rpath=$libtorch/lib
    ;;
esac

mkdir -p "$to/bin"
# In place of a running program, not into it.
strip -o "$to/bin/.selfsi" "$program"
"$PATCHELF" --force-rpath --set-rpath "$rpath" "$to/bin/.selfsi"
chmod 755 "$to/bin/.selfsi"
mv "$to/bin/.selfsi" "$to/bin/selfsi"

"$to/bin/selfsi" --version >/dev/null
completions() {
    mkdir -p "$to/$2"
    "$to/bin/selfsi" completions "$1" >"$to/$2/$3"
}
completions bash share/bash-completion/completions selfsi
completions zsh share/zsh/site-functions _selfsi
completions fish share/fish/vendor_completions.d selfsi.fish
echo "installed: $to/bin/selfsi"
