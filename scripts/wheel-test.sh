#!/usr/bin/env bash
# wheel-test.sh WHEEL: what a user of the wheel does, in a fresh virtual environment outside the checkout.
set -euo pipefail
wheel=$(realpath "$1")
checkout=$(realpath "$(dirname "$0")/..")
unset LIBTORCH LD_LIBRARY_PATH PYTHONPATH SELFSI VIRTUAL_ENV

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# The demo's survey, but small: it is the way that is tested here, not how well it restores.
sed -e 's/^pixels = .*/pixels = 128/' -e 's/^spectra = 6000/spectra = 200/' -e 's/^channels = .*/channels = [8, 16]/' \
    -e 's/^steps = .*/steps = 20/' -e 's/^validate_every = .*/validate_every = 20/' \
    -e 's/^draws = .*/draws = 4/' "$checkout/survey_configs/demo.toml" >small.toml
fail() {
    echo "wheel-test: $1" >&2
    exit 1
}

"${PYTHON:-python3}" -m venv env
export PATH="$folder/env/bin:$PATH"
pip() { python -m pip --quiet --disable-pip-version-check --no-cache-dir "$@"; }

echo "== without torch: one line that says what to install"
pip install --no-deps "$wheel"
said=$(selfsi --version 2>&1) && fail "it started without torch"
[[ $said == "selfsi: error: there is no torch"*"pip install 'torch=="* && $(wc -l <<<"$said") == 1 ]] || fail "$said"

echo "== the lean installation for the CPU, as docs/guide/install.md has it"
lean=$(sed -n "s|^ *pip install --no-deps selfsi-[^ ]* ||p" "$checkout/docs/guide/install.md")
[[ -n $lean ]] || fail "docs/guide/install.md does not say how to install without CUDA"
eval pip install --no-deps "$lean"

echo "== another libtorch in LD_LIBRARY_PATH does not get before that of the environment"
mkdir other
touch other/libtorch_cpu.so
LD_LIBRARY_PATH=$folder/other selfsi --version

echo "== through a symbolic link, as pipx makes it"
mkdir bin
ln -s "$folder/env/bin/selfsi" bin/selfsi
bin/selfsi --version >/dev/null

echo "== a mock survey, from files to a restored catalog"
selfsi mock small.toml
selfsi prepare small.toml
selfsi train small.toml --out run
selfsi restore run --out restored.fits --save-draws
selfsi audit run restored.fits --simulations 200
selfsi plot spectra restored.fits --out spectra.png
[[ -s spectra.png ]] || fail "no picture"

echo "== what the program says of --device cuda where there is none"
if ! nvidia-smi >/dev/null 2>&1; then
    said=$(selfsi --quiet restore run --out cuda.fits --device cuda 2>&1) && fail "it computed without a GPU"
    [[ $said == "selfsi: error: "*"or use --device cpu" && $(wc -l <<<"$said") == 1 ]] || fail "$said"
fi

echo "== the same in Python"
python - <<'EOF'
import selfsi

cat = selfsi.open("restored.fits")
print(len(cat), "rows;", cat.unit)
line = cat.lines("CIV")
assert len(line) == len(cat.table) == len(cat)
found = selfsi.restore("run", out="again.fits", ntargets=4, set={"restore.draws": 2})
assert found["rows"] == 4, found
try:
    selfsi.restore("nowhere", out="again.fits")
except selfsi.Error as e:
    assert "nowhere" in str(e), e
else:
    raise SystemExit("a run folder that is not there was restored")
EOF
echo "wheel-test: passed"
