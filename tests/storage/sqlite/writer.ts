// Run by sqlite_store.test.ts as a process of its own: writes entries until it is killed, and says what is acknowledged.
import process from "node:process";
import { sqliteStore } from "../../../storage/sqlite/store.ts";

const store = await sqliteStore({ path: process.argv[2] ?? "" });
for (let i = 0; ; i++) {
  const name = `actor-${i}`;
  const bytes = new TextEncoder().encode(`value of ${name}`);
  const rest = { revision: 0, nonce: "n", epoch: 1, replacesBytes: 0, timers: false, hadTimers: false };
  const [outcome] = store.commit([{ kind: "cart", shard: 0, name, bytes, ...rest }]);
  if ((await outcome)?.ok) process.stdout.write(`${name}\n`);
}
