// A watch's beginning: when everything that existed has come, whatever else comes.
import { type ConsumerConfig, JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import { errors, headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { natsTransport, type NatsTransportConnection } from "../../../transport/nats/connection.ts";
import { NatsWatch } from "../../../transport/nats/watch.ts";
import type { RecordEntry } from "../../../transport/records.ts";
import { within } from "../../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";

/** A server that says what the test makes it say. */
class Scripted {
  readonly clock = new ManualClock();
  readonly heard: RecordEntry[] = [];
  readonly errors: unknown[] = [];
  readonly watch: NatsWatch;
  ended: string | undefined;
  #say: (error: Error | null, message: Msg) => void = () => {};
  #delivered = 0;

  /** Whether it does not tell of the consumers that it makes. */
  isSilent = false;
  readonly made: string[] = [];
  readonly removed: string[] = [];

  /**
   * @param keys what it says that it has
   * @param isClustered whether it is one of several
   */
  constructor(keys: () => Promise<readonly string[]>, once = false, isClustered = false) {
    const cluster = isClustered ? { cluster: { name: "C1", leader: "s2" } } : {};
    const client = {
      subscribe: (_: string, options: { callback: (error: Error | null, message: Msg) => void }) => {
        this.#say = options.callback;
        return { unsubscribe() {} };
      },
      publish() {},
      isClosed: () => false,
      status: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    };
    const subjects = async () =>
      Object.fromEntries((await keys()).map((key) => [`$KV.b.${key}`, 1] as const));
    const manager = {
      streams: { info: async () => ({ state: { last_seq: 1, subjects: await subjects() } }) },
      consumers: {
        add: (_: string, { name = "" }: Partial<ConsumerConfig>) => {
          this.made.push(name);
          return this.isSilent
            ? Promise.reject(new errors.TimeoutError())
            : Promise.resolve({ name, ...cluster });
        },
        delete: (_: string, name: string) => {
          this.removed.push(name);
          return Promise.resolve(true);
        },
      },
    };
    this.watch = new NatsWatch({
      once,
      client: client as unknown as NatsConnection,
      manager: manager as unknown as JetStreamManager,
      clock: this.clock,
      stream: "KV_b",
      keyPrefix: "$KV.b.",
      filter: "$KV.b.>",
      inboxPrefix: undefined,
      onEntry: (entry) => this.heard.push(entry),
      onError: (error) => this.errors.push(error),
    });
  }

  async begin(): Promise<void> {
    this.watch.start().then(
      () => (this.ended = "begun"),
      (error: Error) => (this.ended = error.message),
    );
    await this.clock.settle();
  }

  /** Whatever it says that follows: here nothing, as an old server may say although much does. */
  async entry(key: string, revision: number, pending = 0): Promise<void> {
    const reply = `$JS.ACK.KV_b.c.1.${revision}.${++this.#delivered}.0.${pending}`;
    this.#say(null, { subject: `$KV.b.${key}`, reply, data: new Uint8Array([revision]) } as Msg);
    await this.clock.settle();
  }

  async heartbeat(stalled = false): Promise<void> {
    const all = headers(100, "Idle Heartbeat");
    all.set("Nats-Last-Consumer", `${this.#delivered}`);
    if (stalled) all.set("Nats-Consumer-Stalled", "$JS.FC.c");
    this.#say(null, { subject: "inbox", headers: all, data: new Uint8Array() } as Msg);
    await this.clock.settle();
  }
}

describe("a watch has begun", () => {
  test("when each key there is has come, however much follows, and not before", async () => {
    const server = new Scripted(() => Promise.resolve(["k.a", "k.b"]));
    await server.begin();
    await server.entry("k.a", 3);
    expect(server.ended).toBeUndefined();
    await server.entry("k.a", 11, 500);
    expect(server.ended).toBeUndefined();
    await server.entry("k.b", 12, 500);
    expect([server.ended, server.heard.length]).toEqual(["begun", 3]);
  });

  test("when all has come before the server tells which keys there are", async () => {
    const keys = Promise.withResolvers<readonly string[]>();
    const server = new Scripted(() => keys.promise);
    await server.begin();
    await server.entry("k.a", 3);
    expect(server.ended).toBeUndefined();
    keys.resolve(["k.a"]);
    await server.clock.settle();
    expect(server.ended).toBe("begun");
  });

  test("at once when there is no key", async () => {
    const server = new Scripted(() => Promise.resolve([]));
    await server.begin();
    expect(server.ended).toBe("begun");
  });

  test("when what came is the last that a heartbeat names: what is missing was taken out", async () => {
    const server = new Scripted(() => Promise.resolve(["k.a", "k.b"]));
    await server.begin();
    await server.entry("k.a", 3, 1);
    expect(server.ended).toBeUndefined();
    await server.heartbeat();
    expect([server.ended, server.errors]).toEqual(["begun", []]);
  });

  test.each([false, true])(
    "not by the heartbeat of one of several servers, which may lag behind (wanted once: %p)",
    async (once) => {
      let keys = ["k.a", "k.b", "k.c"];
      const server = new Scripted(() => Promise.resolve(keys), once, true);
      await server.begin();
      await server.entry("k.a", 3);
      await server.heartbeat();
      expect(server.ended).toBeUndefined();
      keys = ["k.a", "k.b"]; // the third was taken out
      await server.heartbeat();
      expect(server.ended).toBeUndefined();
      await server.entry("k.b", 5);
      expect([server.ended, server.errors]).toEqual(["begun", []]);
    },
  );

  test("but not by the heartbeat of a server that waits for it", async () => {
    const server = new Scripted(() => Promise.resolve(["k.a", "k.b"]));
    await server.begin();
    await server.entry("k.a", 3, 1);
    await server.heartbeat(true);
    expect(server.ended).toBeUndefined();
  });

  test("without a question for keys when it is wanted once, and the server soon has nothing more", async () => {
    let asked = 0;
    const server = new Scripted(() => Promise.resolve([`k.${++asked}`]), true);
    await server.begin();
    await server.entry("k.b", 3);
    await server.heartbeat();
    expect([server.ended, asked]).toEqual(["begun", 0]);
  });

  test("with the keys when it is wanted once, and something always follows", async () => {
    const server = new Scripted(() => Promise.resolve(["k.a"]), true);
    await server.begin();
    await server.entry("k.a", 3, 1);
    expect(server.ended).toBeUndefined();
    await server.clock.advance(1_000);
    expect(server.ended).toBe("begun");
  });

  test("never when the server does not want to tell which keys there are", async () => {
    const refusal = new JetStreamApiError({ code: 400, err_code: 10_026, description: "too many" });
    const server = new Scripted(() => Promise.reject(refusal));
    await server.begin();
    expect(server.ended).toBe("too many");
  });

  test("later when the server gives no answer at first, and its consumers of that time are taken out", async () => {
    let silent = true;
    const server = new Scripted(() =>
      silent ? Promise.reject(new errors.TimeoutError()) : Promise.resolve([]),
    );
    server.isSilent = true;
    await server.begin();
    await server.clock.advance(1_000);
    expect([server.ended, server.made.length]).toEqual([undefined, 5]);
    server.isSilent = silent = false;
    await server.clock.advance(300);
    expect(server.ended).toBe("begun");
    expect(server.removed).toEqual(server.made.slice(0, -1));
  });
});

describe("watches that begin beside fast writers", () => {
  const KEYS = 200;
  const WATCHES = 300;
  let server: NatsServer;
  let connection: NatsTransportConnection;

  beforeAll(async () => {
    server = await startNatsServer();
    connection = await natsTransport({ servers: server.url });
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
  });

  test("all begin, and each with everything that was there", async () => {
    const records = await connection.records("fast");
    const value = new Uint8Array(20);
    for (let i = 0; i < KEYS; i++) await records.create(`k.${i}`, value);
    let over = false;
    let written = 0;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = writer; !over; i = (i + 8) % KEYS) {
        connection.client.publish(`$KV.fast.k.${i}`, value);
        if (++written % 50 === 0) await connection.client.flush();
      }
    });
    const others = await natsTransport({ servers: server.url });
    const watched = await others.records("fast");
    const counts = new Set<number>();
    for (let i = 0; i < WATCHES; i += 10) {
      const ten = Array.from({ length: 10 }, async () => {
        const keys = new Set<string>();
        (await watched.watch("k", ({ key }) => keys.add(key))).stop();
        counts.add(keys.size);
      });
      await within(Promise.all(ten), 20_000);
    }
    over = true;
    await Promise.all(writers);
    await others.close();
    expect([...counts]).toEqual([KEYS]);
    expect(written).toBeGreaterThan(KEYS);
  });
});
