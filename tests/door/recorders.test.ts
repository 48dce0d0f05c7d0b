// A stream that records what is asked at the door.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type NatsConnection } from "nats";
import { EventBus, type NodeEvent } from "../../events.ts";
import { natsTransport, startNode } from "../../mod.ts";
import { RecordedDoor } from "../../door/recorders.ts";
import { silentLog } from "../../platform/log.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { recordersIn } from "../../transport/nats/recorders.ts";
import type { Recorder } from "../../transport/transport.ts";
import { until } from "../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

let server: NatsServer;
let client: NatsConnection;

beforeAll(async () => {
  server = await startNatsServer();
  client = await connect({ servers: server.url });
}, 40_000);
afterAll(async () => {
  await client?.close();
  await server?.stop();
}, 40_000);

async function asked(name: string, config: unknown): Promise<void> {
  await client.request(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify(config), { timeout: 5_000 });
}

describe("a stream that records the door's subjects", () => {
  test("is told by a node that starts, with what to do; one that does not acknowledge is not", async () => {
    await asked("ALL", { name: "ALL", subjects: ["shop.call.>"], storage: "memory" });
    await asked("QUIET", { name: "QUIET", subjects: ["quiet.call.>"], storage: "memory", no_ack: true });
    await asked("OTHER", { name: "OTHER", subjects: ["shop.orders.>"], storage: "memory" });
    const lines: [string, unknown][] = [];
    const log = {
      ...silentLog,
      error: (message: string, fields?: unknown) => void lines.push([message, fields]),
    };
    for (const cluster of ["quiet", "shop"]) {
      const transport = await natsTransport({ servers: server.url });
      const node = await startNode({ name: "a", cluster, transport, signals: false, log });
      if (cluster === "shop") await until("a line about it", () => lines.length > 0);
      await node.kill();
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject([
      "A stream records the door's subjects, and answers its callers: set no_ack on it",
      { stream: "ALL", subjects: ["shop.call.>"] },
    ]);
  });

  test("is told once, also when it comes later, and again when it comes back", async () => {
    const clock = new ManualClock();
    const bus = new EventBus(() => 0);
    const told: NodeEvent[] = [];
    bus.listen((event) => void told.push(event));
    let streams: Recorder[] | undefined = [];
    const connection = { recordersOf: () => Promise.resolve(streams) };
    const watch = new RecordedDoor({
      connection,
      subjects: ["shop.call.>", "shop.group.room.*.*"],
      clock,
      events: bus,
      log: silentLog,
    });
    const all = { stream: "ALL", subjects: ["shop.>"] };
    for (const [now, count] of [
      [[], 0],
      [[all], 1],
      [[all], 1],
      [undefined, 1], // nobody says: nothing has changed
      [[all], 1],
      [[], 1],
      [[all], 2],
    ] as [Recorder[] | undefined, number][]) {
      streams = now;
      await clock.advance(60_000);
      expect(told).toHaveLength(count);
    }
    expect(told[0]).toMatchObject({ type: "door-recorded", stream: "ALL", subjects: ["shop.>"] });
    expect((told[0] as { cure?: string }).cure).toContain("no_ack");
    watch.stop();
    expect(clock.nextInMs).toBeUndefined();
  });

  test("is read from the server's answer, and nothing from what is none", () => {
    const stream = (config: unknown) => ({ streams: [{ config }] });
    expect(recordersIn(stream({ name: "A", subjects: ["a.>"] }))).toEqual([
      { stream: "A", subjects: ["a.>"] },
    ]);
    expect(recordersIn(stream({ name: "A", subjects: ["a.>"], no_ack: true }))).toEqual([]);
    expect(recordersIn({ total: 0, streams: null })).toEqual([]);
    expect(recordersIn({ streams: "no" })).toBeUndefined();
    expect(recordersIn({ streams: [null, {}, { config: 7 }] })).toEqual([]);
  });
});
