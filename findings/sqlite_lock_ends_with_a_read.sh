#!/usr/bin/env bash
# Reading a SQLite file in the process that holds it open ends that process's lock on it, without a word.
#
# Seen with the SQLite of Bun 1.4.5 (bun:sqlite) and of Deno 2.9.5 (node:sqlite) on Linux. A process opens a database with
# `locking_mode = EXCLUSIVE` and has written: another process gets "database is locked", as it should. Then the first one reads
# its own file with readFileSync, as a backup or a check of its size would. From then on the other process writes at once,
# and the first one still takes itself to be alone. SQLite locks by POSIX record locks, and the kernel drops all of a process's
# locks on a file when it closes *any* descriptor of it. Both runtimes bring SQLite and files in one process, so what is a
# rule for C programmers meets people who have never heard of it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund bun@1.4.5 deno@2.9.5

cat >holder.mjs <<'PROGRAM'
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [role, file] = process.argv.slice(2);
const isBun = process.versions.bun !== undefined;
const Database = isBun ? (await import("bun:sqlite")).Database : (await import("node:sqlite")).DatabaseSync;
const database = new Database(file);

if (role === "other") {
  try {
    database.exec("INSERT INTO notes VALUES (2)");
    console.log("written");
  } catch (error) {
    console.log(error.message);
  }
} else {
  const other = () => {
    const args = [...(isBun ? ["run"] : ["run", "--allow-all"]), process.argv[1], "other", file];
    return execFileSync(process.execPath, args).toString().trim();
  };
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  database.exec("CREATE TABLE notes (n)");
  const before = other();
  readFileSync(file);
  console.log(`${before}, then ${other()}`);
}
PROGRAM

status=0
for runtime in bun deno; do
  permissions=()
  [ "$runtime" = deno ] && permissions=(--allow-all)
  output=$("node_modules/.bin/$runtime" run "${permissions[@]}" holder.mjs holder "$runtime.db" 2>/dev/null)
  echo "$runtime: $output"
  [ "$output" = "database is locked, then written" ] || status=1
done
[ "$status" = 0 ] || echo "it is otherwise now"
exit "$status"
