#!/usr/bin/env bash
# Proves for both journals that a claim's answer is written after the journal's sync; see fsync-order.ts.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH="$PWD/node_modules/.bin:$PATH" exec node test/trace/fsync-order.ts "$@"
