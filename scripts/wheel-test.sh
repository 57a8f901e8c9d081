#!/usr/bin/env bash
# wheel-test.sh WHEEL: what a user of the wheel does, in a fresh virtual environment outside the checkout.
set -euo pipefail
wheel=$(realpath "$1")
checkout=$(realpath "$(dirname "$0")/..")
unset LIBTORCH LD_LIBRARY_PATH PYTHONPATH SELFSI VIRTUAL_ENV

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$checkout/survey_configs/demo.toml" "$folder"
cd "$folder"
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
small=(--set train.steps=30 --set train.batch=16 --set train.validate_every=30 --set train.checkpoint_every=30)
selfsi mock demo.toml --set mock.spectra=120 --set mock.broken=2
selfsi prepare demo.toml
selfsi train demo.toml --out run "${small[@]}"
selfsi restore run --out restored.fits --save-draws --set restore.draws=4
selfsi plot spectra restored.fits --out spectra.png
[[ -s spectra.png ]] || fail "no picture"

echo "== what the program says of --device cuda where there is none"
selfsi restore run --out cuda.fits --device cuda 2>&1 | grep -q "^selfsi: error: .*--device cpu" || fail "no word on CUDA"

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
