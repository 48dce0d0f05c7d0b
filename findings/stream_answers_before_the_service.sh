#!/usr/bin/env bash
# A stream that records a service's subject answers the service's callers, and is faster than the service.
#
# Seen with @nats-io/transport-node and @nats-io/jetstream 3.4.0 on nats-server 2.9.10: a service answers "42" to requests on
# `svc.add`. Somebody adds a stream over `svc.>`, to keep an audit trail say. From then on request("svc.add") resolves with
# `{"stream":"AUDIT", "seq":1}`: JetStream acknowledges every message that has a reply subject to that very subject, and a
# requester takes the first answer. The service still runs and still answers; nobody hears it. The same stream with
# `no_ack: true` records all the same, and the answer is "42" again.
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund --ignore-scripts @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0
apt-get download -qq nats-server=2.9.10-1+b3
dpkg -x nats-server_*.deb server
server/usr/sbin/nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$folder" -js -sd "$folder/store" >/dev/null 2>&1 &
server=$!
for _ in $(seq 100); do [ -n "$(find . -maxdepth 1 -name '*.ports')" ] && break; sleep 0.1; done
url=$(grep -o 'nats://127[^"]*' ./*.ports | head -n 1)

cat >seen.mjs <<'PROGRAM'
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const client = await connect({ servers: process.argv[2] });
let handled = 0;
client.subscribe("svc.add", { callback: (_, message) => ++handled && message.respond("42") });
await client.flush();
const ask = async () => (await client.request("svc.add", "20+22")).string();
const alone = await ask();
const manager = await jetstreamManager(client);
await manager.streams.add({ name: "AUDIT", subjects: ["svc.>"] });
const recorded = await ask();
await manager.streams.delete("AUDIT");
await manager.streams.add({ name: "AUDIT", subjects: ["svc.>"], no_ack: true });
const silently = await ask();
const { state } = await manager.streams.info("AUDIT");
console.log([alone, recorded, silently, `handled ${handled}`, `recorded ${state.messages}`].join(" | "));
await client.close();
PROGRAM

output=$(node seen.mjs "$url")
echo "$output"
[ "$output" = '42 | {"stream":"AUDIT", "seq":1} | 42 | handled 3 | recorded 1' ] || { echo "it is otherwise now"; exit 1; }
