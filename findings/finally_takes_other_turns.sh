#!/usr/bin/env bash
# What follows finally() on a settled promise comes two turns of the microtask queue earlier on Bun than on Deno.
#
# Seen with Bun 1.4.5 (JavaScriptCore) and Deno 2.9.5 (V8): a reaction behind settled.finally(f) runs after one turn on Bun and
# after three on Deno. then(f, f) takes one on both, and so does await within try/finally. A program whose order depends on
# it, such as a simulation that is to repeat from a seed on both runtimes, must not use finally() on what others wait for.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund bun@1.4.5 deno@2.9.5

cat >turns.mjs <<'PROGRAM'
const turns = async (begin) => {
  let passed = 0;
  let ended = false;
  const end = begin().then(() => (ended = true));
  let turn = Promise.resolve();
  for (let i = 0; i < 10; i++) turn = turn.then(() => void (ended || passed++));
  await Promise.all([end, turn]);
  return passed;
};
const nothing = () => {};
const awaited = async () => {
  try {
    await Promise.resolve();
  } finally {
    nothing();
  }
};
console.log(
  `finally ${await turns(() => Promise.resolve().finally(nothing))},`,
  `then ${await turns(() => Promise.resolve().then(nothing, nothing))},`,
  `await ${await turns(awaited)}`,
);
PROGRAM

bun=$(node_modules/.bin/bun turns.mjs)
deno=$(node_modules/.bin/deno run --quiet turns.mjs)
echo "bun:  $bun"
echo "deno: $deno"
[ "$bun" = "finally 1, then 1, await 1" ] || { echo "changed on Bun"; exit 1; }
[ "$deno" = "finally 3, then 1, await 1" ] || { echo "changed on Deno"; exit 1; }
