#!/usr/bin/env bash
# The NATS client sends what a buffer holds when it flushes, not what it held when publish() was called.
#
# Seen with @nats-io/transport-node 3.4.0 on Node 20, Bun 1.4.5 and nats-server 2.9.10:
#   - one Uint8Array is filled with 1, published, filled with 2, published, and filled with 3, all in one turn;
#     the subscriber gets 3 twice;
#   - an array of 100,000 bytes that is changed right after publish() arrives changed as well.
# publish() returns nothing, so it looks like a socket's write of a copy. The bytes are encoded in a later microtask.
# A writer that reuses its buffer within a turn sends other bytes than it meant to, and nothing reports it.
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund --ignore-scripts @nats-io/transport-node@3.4.0
apt-get download -qq nats-server=2.9.10-1+b3
dpkg -x nats-server_*.deb server
server/usr/sbin/nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$folder" >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do [ -n "$(find . -maxdepth 1 -name '*.ports')" ] && break; sleep 0.1; done
url=$(grep -o 'nats://127[^"]*' ./*.ports | head -n 1)

cat >seen.mjs <<'PROGRAM'
import { connect } from "@nats-io/transport-node";

const client = await connect({ servers: process.argv[2] });
const seen = [];
client.subscribe("bytes", { callback: (_, message) => seen.push(message.data[0]) });
await client.flush();
const small = new Uint8Array(4).fill(1);
client.publish("bytes", small);
client.publish("bytes", small.fill(2));
small.fill(3);
await client.flush();
const large = new Uint8Array(100_000).fill(1);
client.publish("bytes", large);
large.fill(2);
await client.flush();
console.log(seen.join(" "));
await client.close();
PROGRAM

output=$(node seen.mjs "$url")
echo "published 1, 2 and 1; received: $output"
[ "$output" = "3 3 2" ] || { echo "it is otherwise now"; exit 1; }
