#!/usr/bin/env bash
# A nats-server that was restarted has no streams any more when a reload has switched JetStream off and another one on again.
#
# Seen with nats-server 2.9.10; 2.10.27 has them:
#   - a stream is made, and is there after a restart of the server;
#   - "jetstream" is taken out of the configuration, and SIGHUP; it is put back, and SIGHUP: there are no streams;
#   - after one restart more the stream is there again, with what it held.
# The server logs "Restarting JetStream" and no error. Whoever asks then is told that there is no such stream, and may make a new one
# over the files of the old one.
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund --ignore-scripts @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0
apt-get download -qq nats-server=2.9.10-1+b3
dpkg -x nats-server_*.deb server

cat >streams.mjs <<'PROGRAM'
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const [server, makes] = process.argv.slice(2);
const client = await connect({ servers: server });
const manager = await jetstreamManager(client);
if (makes) await manager.streams.add({ name: "one", subjects: ["one.>"] });
const names = [];
for await (const { config } of manager.streams.list()) names.push(config.name);
console.log(names.join(" ") || "none");
await client.close();
PROGRAM

with_jetstream() { echo "jetstream { store_dir: \"$folder/store\" }" >server.conf; }
logged() { for _ in $(seq 100); do [ "$(grep -c "$1" log)" -ge "$2" ] && return; sleep 0.1; done; echo "no \"$1\" in the log"; exit 1; }
start() {
  rm -f ./*.ports
  server/usr/sbin/nats-server --config server.conf --addr 127.0.0.1 --port -1 --ports_file_dir "$folder" --log "$folder/log" &
  server=$!
  for _ in $(seq 100); do [ -n "$(find . -maxdepth 1 -name '*.ports')" ] && break; sleep 0.1; done
  url=$(grep -o 'nats://127[^"]*' ./*.ports | head -n 1)
}
stop() { kill "$server"; wait "$server" || true; }

with_jetstream
start
made=$(node streams.mjs "$url" makes)
stop
start
restarted=$(node streams.mjs "$url")
echo "" >server.conf
kill -HUP "$server"
logged "Reloaded server configuration" 1
with_jetstream
kill -HUP "$server"
logged "Reloaded server configuration" 2
reloaded=$(node streams.mjs "$url")
stop
start
again=$(node streams.mjs "$url")
echo "made: $made; after a restart: $restarted; after the reloads: $reloaded; after another restart: $again"
[ "$made $restarted $reloaded $again" = "one one none one" ] || { echo "it is otherwise now"; exit 1; }
