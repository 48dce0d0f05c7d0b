#!/usr/bin/env bash
# On Bun whoever listens to unhandled rejections has handled them; nothing lets one look and leave the end as it is.
#
# Seen with Bun 1.4.5 and Deno 2.9.5, for a promise that is rejected within a store of an AsyncLocalStorage:
#   - Deno's event "unhandledrejection" and "uncaughtExceptionMonitor" are told of it, and the process ends all the same;
#     a listener is called in the async context of the promise;
#   - Bun tells neither. Its "unhandledRejection" is called in no async context, and the process goes on;
#   - a listener that takes itself away and rejects once more with the same reason leaves Bun's end as it is: status 1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund bun@1.4.5 deno@2.9.5

cat >seen.mjs <<'PROGRAM'
import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";

const how = process.argv[2];
const store = new AsyncLocalStorage();
const say = (word) => process.stdout.write(`${word} ${store.getStore() ?? "nowhere"}, `);
if (how === "monitor") process.on("uncaughtExceptionMonitor", () => say("monitor"));
if (how === "event") globalThis.addEventListener?.("unhandledrejection", () => say("event"));
const listener = (reason) => {
  say("listener");
  if (how !== "again") return;
  process.off("unhandledRejection", listener);
  void Promise.reject(reason);
};
if (how === "listener" || how === "again") process.on("unhandledRejection", listener);
store.run("inside", () => void Promise.resolve().then(() => Promise.reject(new Error("lost"))));
setTimeout(() => process.stdout.write("goes on, "), 200);
PROGRAM

seen() {
  local status=0
  "$@" 2>/dev/null || status=$?
  echo "status $status"
}
expect() {
  local what=$1 wanted=$2
  shift 2
  local output
  output=$(seen "$@" seen.mjs "$what")
  echo "$1, $what: $output"
  [ "$output" = "$wanted" ] || { echo "it is otherwise now"; exit 1; }
}

bun="node_modules/.bin/bun"
deno="node_modules/.bin/deno"
expect monitor "status 1" "$bun" run
expect event "status 1" "$bun" run
expect listener "listener nowhere, goes on, status 0" "$bun" run
expect again "listener nowhere, status 1" "$bun" run
expect monitor "monitor inside, status 1" "$deno" run
expect event "event inside, status 1" "$deno" run
expect listener "listener inside, goes on, status 0" "$deno" run
