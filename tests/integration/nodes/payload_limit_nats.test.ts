// The limit of a real nats-server becomes smaller: by a restart, and by a reload, of which the server tells its clients
// nothing until one goes beyond it and is disconnected.
import { afterEach, describe, expect, test } from "bun:test";
import { type ActorNode, natsTransport, startNode } from "../../../mod.ts";
import type { NatsTransportConnection } from "../../../transport/nats/connection.ts";
import { until, within } from "../../support/conditions.ts";
import { hostLedger, ledger } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";
import { hostTally, Tally } from "../../support/tally.ts";

const LONG = "x".repeat(500_000);
/** JetStream too stands in the file: a reload takes away what only the command line has. */
const limited = (max: string) => (directory: string) =>
  `jetstream { store_dir: "${directory}/store" }\nmax_payload: ${max}`;
const contract = ledger({ shards: 4 });

let server: NatsServer;
const nodes: ActorNode[] = [];

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.kill();
  await server.stop();
});

async function start(name: string, hosted = true): Promise<ActorNode> {
  const transport = await natsTransport({ servers: server.url });
  const hosts = hosted ? [hostLedger(undefined, contract), hostTally({ log: [] })] : [];
  const node = await startNode({ name, cluster: "test", transport, hosts, signals: false });
  nodes.push(node);
  return node;
}

/** The code of what a call ends with; "" for a value. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  return await within(call, 20_000).then(
    () => "",
    (error: { code?: string }) => String(error.code),
  );
}

async function settled(seer: ActorNode, owner: string): Promise<void> {
  await until(`all shards at ${owner}`, () =>
    [contract, Tally].every(({ kind, shards }) => {
      const known = seer.inspect().shards.filter((shard) => shard.kind === kind);
      return (
        known.length === shards && known.every((shard) => shard.owner === owner && shard.state === "owned")
      );
    }),
  );
}

describe("a nats-server with a smaller max_payload", () => {
  for (const how of ["restart", "reload"])
    test(`after a ${how}: what does not fit is too large, and calls, stored states and a leave go on`, async () => {
      server = await startNatsServer({ jetstream: false, config: limited("1MB") });
      const a = await start("a");
      const caller = await start("caller", false);
      await settled(caller, "a");
      const x = caller.ref(contract, "x");
      const tally = caller.ref(Tally, "t");
      expect(await x.add(LONG)).toBe(1);
      expect(await tally.fill(500_000)).toBe(500_000);
      server.configure(limited("200KB"));
      if (how === "restart") await server.restart();
      const codes: string[] = [];
      await until("a refusal", async () => {
        codes.push(await codeOf(x.add(LONG, { timeoutMs: 15_000 })));
        return codes.at(-1) !== ""; // the server reloads when it comes to it
      });
      expect(codes.at(-1)).toBe("too-large");
      if (how === "restart") expect(await codeOf(a.ref(contract, "y").add(LONG))).toBe("too-large");
      await until("an answer", async () => (await codeOf(x.add("small"))) === "");
      expect(await tally.add(1)).toBe(1);
      await start("b");
      const report = await within(a.leave(), 30_000);
      expect(report).toMatchObject({ recovered: 0, leftOver: 0, parked: 0 });
      expect(await x.add("more")).toBeGreaterThanOrEqual(3);
      expect(await tally.fill(400_000)).toBe(400_000);
      expect(await tally.read()).toBe(1);
    }, 60_000);

  test("what was parked in longer chunks is restored, and what is stored in longer ones is read", async () => {
    server = await startNatsServer({ jetstream: false, config: limited("1MB") });
    const a = await start("a");
    await settled(a, "a");
    for (let i = 0; i < 4; i++) await a.ref(contract, `n${i}`).add(LONG);
    await a.ref(Tally, "t").fill(900_000);
    expect(await within(a.leave(), 30_000)).toMatchObject({ leftOver: 0, recovered: 0 });
    server.configure(limited("100KB"));
    await server.restart();
    const b = await start("b");
    await settled(b, "b");
    for (let i = 0; i < 4; i++)
      expect(await b.ref(contract, `n${i}`).add("more", { timeoutMs: 10_000 })).toBe(2);
    expect(await b.ref(Tally, "t").add(7, { timeoutMs: 10_000 })).toBe(7);
    expect(await within(b.leave(), 30_000)).toMatchObject({ leftOver: 0, recovered: 0 });
  }, 60_000);
});

describe("a message with headers", () => {
  test("is as long as both, and refused as too large instead of lost", async () => {
    server = await startNatsServer({ jetstream: false, config: limited("10KB") });
    const connection: NatsTransportConnection = await natsTransport({ servers: server.url });
    const { transport } = connection;
    const heard: number[] = [];
    transport.subscribe("s", ({ payload }) => void heard.push(payload.byteLength));
    const most = transport.maxPayloadBytes;
    expect(() => transport.publish("s", new Uint8Array(most), { headers: { a: "b" } })).toThrow(
      /Cannot publish/,
    );
    transport.publish("s", new Uint8Array(most - 100), { headers: { a: "b" } });
    transport.publish("s", new Uint8Array(most));
    await until("both", () => heard.length === 2);
    expect(heard).toEqual([most - 100, most]);
    await connection.close();
  });
});
