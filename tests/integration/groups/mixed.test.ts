// Members on nodes of both runtimes, as processes, in one cluster on a real nats-server.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { until, within } from "../../support/conditions.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";
import type { Runtime } from "../../support/processes/programs.ts";
import { guest, Room } from "./chat.ts";

const PROGRAM = fileURLToPath(new URL("./chat_program.ts", import.meta.url));
const NAMES = Array.from({ length: 40 }, (_, i) => `g${i}`);
const Guest = guest({ shards: 16 });

let cluster: ProcessCluster;

beforeEach(async () => {
  cluster = await ProcessCluster.begin();
});
afterEach(async () => {
  await cluster.end();
});

const start = (runtime: Runtime, name: string) => cluster.run(runtime, name, PROGRAM);

async function owned(...nodes: string[]): Promise<void> {
  const shares = () =>
    nodes.map(
      (node) =>
        cluster.caller.inspect().shards.filter(({ owner, state }) => state === "owned" && owner === node)
          .length,
    );
  await until(
    `16 shards at ${nodes.join(" and ")}`,
    () => shares().every((each) => each === 16 / nodes.length),
    {
      timeoutMs: 40_000,
    },
  );
}

test("members on Bun and on Deno get what is published once, while they move and their nodes leave", async () => {
  const { caller } = cluster;
  const room = caller.group(Room, "7");
  await start("bun", "first");
  await owned("first");
  const entering = NAMES.map((name) =>
    caller.ref(Guest, name).enter({ room: "7", meta: undefined }, { timeoutMs: 20_000 }),
  );
  await within(Promise.all(entering), 25_000);
  expect((await within(room.members(), 5_000)).members.map(({ name }) => name).toSorted()).toEqual(
    NAMES.toSorted(),
  );
  const said: string[] = [];
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      said.push(`${said.length}`);
      await room.publish("said", said.at(-1) as string, { timeoutMs: 20_000 });
      await room.ask("mood", "?", { timeoutMs: 20_000 }); // what was published before has been handled
    }
  })();
  await start("deno", "second");
  await owned("first", "second");
  await cluster.programs.get("first")?.end("SIGTERM");
  await owned("second");
  isOver = true;
  await within(publishing, 25_000);
  for (const name of NAMES)
    expect(await within(caller.ref(Guest, name).heard(undefined, { timeoutMs: 20_000 }), 20_000)).toEqual(
      said,
    );
  expect(said.length).toBeGreaterThan(20);
  expect(await within(room.count(), 5_000)).toEqual({ count: NAMES.length, silent: [], unserved: 0 });
  const answers = await within(room.ask("mood", "?", { timeoutMs: 10_000 }), 15_000);
  expect(answers.every(({ status }) => status === "fulfilled")).toBe(true);
}, 120_000);
