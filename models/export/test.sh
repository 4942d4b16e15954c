#!/usr/bin/env bash
# Tests the exporter: makes its Python environment in .cache/export-venv when there is none, or when the requirements
# have changed, then runs the linter and the tests. Needs Python 3.11 or newer and, the first time, PyPI.
#
#   PYTHON=python3.12 WHISPER_BASE=/path/to/whisper-base npm run test:export [-- pytest arguments]
#
# WHISPER_BASE is a folder with the original weights (model.safetensors, tokenizer.json): only with them can a
# re-export be compared with the committed file, and float16 with float32 on speech; without it those tests are skipped.
# SPEECH is a folder of more clips for the latter, WHISPER_SHAPES=full tries larger models at their true widths.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
environment=$root/.cache/export-venv
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "test:export needs Python 3.11 or newer, $python is $("$python" --version 2>&1); set PYTHON to another" >&2
  exit 1
fi

wanted=$({ "$python" --version; cat "$here/requirements.txt" "$here/requirements-test.txt"; } | cksum)
if [ "$(cat "$environment/installed" 2>/dev/null || true)" != "$wanted" ]; then
  rm -rf "$environment"
  "$python" -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check \
    -r "$here/requirements.txt" -r "$here/requirements-test.txt"
  printf '%s\n' "$wanted" >"$environment/installed"
fi

"$environment/bin/ruff" check --no-cache "$here"
"$environment/bin/ruff" format --no-cache --check "$here"
"$environment/bin/python" -m pytest -p no:cacheprovider -rs --durations=5 "$here" "$@"
