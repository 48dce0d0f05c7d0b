import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  ConfigurationError,
  RecordsUnavailableError,
  ServerError,
  UnavailableError,
} from "../../../errors.ts";
import {
  type NatsOptions,
  type NatsTransportConnection,
  natsTransport,
} from "../../../transport/nats/connection.ts";
import type { RecordEntry } from "../../../transport/records.ts";
import type { TransportStatus } from "../../../transport/transport.ts";
import { until, within } from "../../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";
import { TcpProxy } from "../../support/nats/tcp_proxy.ts";

const TIMEOUT_MS = 10_000;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function refusalOf(promise: Promise<unknown>): Promise<Error> {
  return await within(
    promise.then(
      () => new Error("expected a refusal, but it went well"),
      (error: Error) => error,
    ),
    TIMEOUT_MS,
  );
}

describe("natsTransport() refuses with clear words", () => {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** A server that greets as NATS does, with a version of one's choice, or says nothing at all. */
  async function impostor(version: string | undefined): Promise<string> {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      if (version !== undefined) {
        socket.write(
          `INFO {"server_id":"x","version":"${version}","max_payload":1048576,"headers":true}\r\n`,
        );
      }
      socket.on("data", (data) => socket.write(String(data).includes("PING") ? "PONG\r\n" : ""));
      socket.on("error", () => {});
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ends.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
      return Promise.resolve();
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test("when nobody listens on the port", async () => {
    const servers = await impostor(undefined);
    await ends.pop()?.();
    const error = await refusalOf(natsTransport({ servers }));
    expect(error).toBeInstanceOf(ServerError);
    expect(error.message).toContain(`Cannot reach a nats-server at ${servers}`);
  });

  test("when the port accepts and stays silent", async () => {
    const servers = await impostor(undefined);
    const startMs = performance.now();
    const error = await refusalOf(natsTransport({ servers, connectTimeoutMs: 300 }));
    expect(error).toBeInstanceOf(ServerError);
    expect(performance.now() - startMs).toBeLessThan(3000);
  });

  test.each(["2.9.9", "2.8.4", "1.4.1", "2.9.9-beta.3"])(
    "when the server is of version %s",
    async (version) => {
      const error = await refusalOf(natsTransport({ servers: await impostor(version) }));
      expect(error).toBeInstanceOf(ServerError);
      expect(error.message).toContain(`older than 2.9.10: this one is "${version}"`);
    },
  );

  test.each(["2.9.10", "2.10.0", "2.15.1", "3.0.0-dev"])(
    "but not when it is of version %s",
    async (version) => {
      const connection = await within(natsTransport({ servers: await impostor(version) }), TIMEOUT_MS);
      await within(connection.close(), TIMEOUT_MS);
    },
  );

  test("when the server has no JetStream, and only records are asked for", async () => {
    const server = await startNatsServer({ jetstream: false });
    ends.push(() => server.stop());
    const connection = await natsTransport({ servers: server.url });
    ends.push(() => connection.close());
    const error = await refusalOf(connection.records("shop"));
    expect(error).toBeInstanceOf(ServerError);
    expect(error.message).toContain("has no JetStream");
  });

  /** A server whose JetStream answers everything with one error. */
  async function troubled(error: { code: number; err_code: number; description: string }): Promise<string> {
    const server = await startNatsServer({ jetstream: false });
    ends.push(() => server.stop());
    const { client, close } = await natsTransport({ servers: server.url });
    ends.push(close);
    const answer = JSON.stringify({ type: "io.nats.jetstream.api.v1.stream_info_response", error });
    client.subscribe("$JS.API.>", { callback: (_, message) => void message.respond(answer) });
    await client.flush();
    return server.url;
  }

  const troubles: [string, typeof ConfigurationError | typeof ServerError, number, number][] = [
    ["JetStream system temporarily unavailable", ServerError, 503, 10008],
    ["insufficient resources", ServerError, 503, 10023],
    ["unexpected error", ServerError, 500, 10000],
    ["no suitable peers for placement", ServerError, 400, 10005],
    ["stream name already in use with a different configuration", ConfigurationError, 400, 10058],
  ];
  test.each(troubles)("when JetStream answers %s", async (description, type, code, err_code) => {
    const servers = await troubled({ code, err_code, description });
    const connection = await natsTransport({ servers, connectTimeoutMs: 300 });
    ends.push(() => connection.close());
    const error = await refusalOf(connection.records("shop"));
    expect(error.message).toContain(description);
    expect(error).toBeInstanceOf(type);
  });

  test.each([
    [503, 10008, "no leader yet"],
    [400, 10005, "no peers yet"],
  ])(
    "but not when JetStream can serve a moment later: servers that were just started answer %d (%d): %s",
    async (code, err_code, description) => {
      const server = await startNatsServer({ jetstream: false });
      ends.push(() => server.stop());
      const { client, close } = await natsTransport({ servers: server.url });
      ends.push(close);
      const config = {
        name: "KV_shop",
        subjects: ["$KV.shop.>"],
        storage: "file",
        max_msgs_per_subject: 1,
        max_age: 0,
      };
      const away = { error: { code, err_code, description } };
      let asked = 0;
      client.subscribe("$JS.API.>", {
        callback: (_, message) =>
          void message.respond(JSON.stringify(++asked < 4 ? away : { config, state: {} })),
      });
      await client.flush();
      const connection = await natsTransport({ servers: server.url });
      ends.push(() => connection.close());
      await within(connection.records("shop"), TIMEOUT_MS);
      expect(asked).toBeGreaterThanOrEqual(4);
    },
  );

  test("but not when another has just made the bucket, with other settings", async () => {
    const server = await startNatsServer({ jetstream: false });
    ends.push(() => server.stop());
    const { client, close } = await natsTransport({ servers: server.url });
    ends.push(close);
    const config = {
      name: "KV_shop",
      subjects: ["$KV.shop.>"],
      storage: "file",
      max_age: 0,
      max_msgs_per_subject: 1,
      num_replicas: 3,
    };
    const asked: string[] = [];
    const answers: Record<string, () => object> = {
      INFO: () => ({}),
      "STREAM.INFO.KV_shop": () =>
        asked.includes("STREAM.CREATE.KV_shop")
          ? { config, state: {} }
          : { error: { code: 404, err_code: 10059, description: "stream not found" } },
      "STREAM.CREATE.KV_shop": () => ({
        error: { code: 400, err_code: 10058, description: "stream name already in use with a different one" },
      }),
    };
    client.subscribe("$JS.API.>", {
      callback: (_, message) => {
        const what = message.subject.slice("$JS.API.".length);
        message.respond(JSON.stringify(answers[what]?.() ?? {}));
        asked.push(what);
      },
    });
    await client.flush();
    const connection = await natsTransport({ servers: server.url });
    ends.push(() => connection.close());
    expect(await within(connection.records("shop"), TIMEOUT_MS)).toBeDefined();
    expect(asked).toContain("STREAM.CREATE.KV_shop");
  });

  test("when the password is wrong", async () => {
    const config = 'authorization { user: "baton", password: "right" }';
    const server = await startNatsServer({ config });
    ends.push(() => server.stop());
    const error = await refusalOf(natsTransport({ servers: server.url, user: "baton", password: "wrong" }));
    expect(error).toBeInstanceOf(ConfigurationError);
    const right = await natsTransport({ servers: server.url, user: "baton", password: "right" });
    await within(right.close(), TIMEOUT_MS);
  });
});

describe("natsTransport() over a bad network", () => {
  let server: NatsServer;
  let proxy: TcpProxy;
  const open: NatsTransportConnection[] = [];

  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => within(connection.close(), TIMEOUT_MS)));
    await proxy.end();
  });
  afterAll(() => server.stop());

  /** One connection straight to the server, and one through the proxy. */
  async function both(
    options: NatsOptions = {},
  ): Promise<[NatsTransportConnection, NatsTransportConnection]> {
    proxy = await TcpProxy.start(server.port);
    const straight = await natsTransport({ servers: server.url });
    const patient = {
      reconnectWaitMs: 20,
      pingIntervalMs: 100,
      flushTimeoutMs: 300,
      recordsTimeoutMs: 300,
      connectTimeoutMs: 500,
    };
    const relayed = await natsTransport({ servers: `127.0.0.1:${proxy.port}`, ...patient, ...options });
    open.push(straight, relayed);
    return [straight, relayed];
  }

  test("publish() is silent while disconnected, and subscriptions are back after", async () => {
    const [straight, { transport }] = await both();
    const changes: TransportStatus[] = [];
    transport.onStatus((status) => changes.push(status));
    const heard: string[] = [];
    transport.subscribe("a.>", ({ payload }) => heard.push(new TextDecoder().decode(payload)));
    await transport.flush();
    proxy.cut();
    await until("a disconnection", () => !transport.connected);
    transport.publish("a.b", bytes("lost"));
    expect(await refusalOf(transport.flush())).toBeInstanceOf(UnavailableError);
    proxy.mend();
    await until("a reconnection", () => transport.connected);
    await until("the subscription", () => {
      straight.transport.publish("a.b", bytes("after"));
      return heard.length > 0;
    });
    expect(new Set(heard)).toEqual(new Set(["after"]));
    expect(changes.map(({ connected }) => connected)).toEqual([false, true]);
  });

  test("a silent network is noticed by pings, and flush does not wait longer than told", async () => {
    const [, { transport }] = await both();
    proxy.blackhole();
    transport.publish("a.b", bytes("lost"));
    expect(await refusalOf(transport.flush())).toBeInstanceOf(UnavailableError);
    await until("a disconnection", () => !transport.connected);
    proxy.mend();
    await until("a reconnection", () => transport.connected);
    await within(transport.flush(), TIMEOUT_MS);
  });

  test("watch() catches up when records changed behind a cut", async () => {
    const [straight, relayed] = await both();
    const records = await straight.records("watch-cut");
    const heard: RecordEntry[] = [];
    const watched = await relayed.records("watch-cut");
    await records.create("k.a", bytes("1"));
    await records.create("k.b", bytes("1"));
    await watched.watch("k", (entry) => heard.push(entry));
    for (let round = 0; round < 3; round++) {
      const before = heard.length;
      proxy.cut();
      await until("a disconnection", () => !relayed.transport.connected);
      await records.create(`k.new${round}`, bytes("1"));
      await records.remove("k.b");
      await records.create("k.b", bytes("2"));
      proxy.mend();
      await until("both changes", () => heard.length >= before + 2);
      expect(heard.at(-1)?.key).toBe("k.b");
    }
    const revisions = heard.map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
  });

  test("watch() catches up by its heartbeats when only messages were swallowed", async () => {
    const [straight, relayed] = await both({ pingIntervalMs: 60_000 });
    const records = await straight.records("watch-hole");
    const heard: RecordEntry[] = [];
    await (await relayed.records("watch-hole")).watch("", (entry) => heard.push(entry));
    proxy.blackhole();
    await records.create("k.a", bytes("1"));
    await straight.transport.flush();
    proxy.mend();
    expect(heard).toEqual([]);
    await until("the swallowed record", () => heard.length === 1);
    expect(heard[0]?.key).toBe("k.a");
  });

  test("records throw RecordsUnavailableError within their time when nobody answers", async () => {
    const [, relayed] = await both({ pingIntervalMs: 60_000 });
    const records = await relayed.records("silence");
    proxy.blackhole();
    const startMs = performance.now();
    const errors = await Promise.all([
      refusalOf(records.create("k.a", bytes("1"))),
      refusalOf(records.update("k.a", bytes("1"), 1)),
      refusalOf(records.remove("k.a")),
      refusalOf(records.get("k.a")),
    ]);
    for (const error of errors) expect(error).toBeInstanceOf(RecordsUnavailableError);
    expect(performance.now() - startMs).toBeLessThan(3000);
    proxy.mend();
  });

  test("connections, watches and records go on when the server was killed and is back", async () => {
    const [straight, relayed] = await both();
    const records = await straight.records("restart");
    const heard: RecordEntry[] = [];
    await (await relayed.records("restart")).watch("", (entry) => heard.push(entry));
    await records.create("k.a", bytes("1"));
    await until("the first record", () => heard.length === 1);
    await server.restart({ kill: true });
    await until("both connections", () => straight.transport.connected && relayed.transport.connected);
    expect((await until("the record", () => records.get("k.a"))).key).toBe("k.a");
    await until("a new record", async () => (await records.create("k.b", bytes("1"))).ok);
    await until("its event", () => heard.some(({ key }) => key === "k.b"));
  });

  test("condition() tells that the bucket was deleted, and that another was made", async () => {
    const connection = await natsTransport({ servers: server.url });
    const records = await connection.records("deleted");
    const manager = await jetstreamManager(connection.client);
    await manager.streams.delete("KV_deleted");
    expect(await records.condition()).toEqual({ is: "gone" });
    const again = await connection.records("deleted");
    expect((await records.condition()).is).toBe("another");
    expect((await again.condition()).is).toBe("same");
    expect((await again.condition()).unfit).toBeUndefined();
    const { config } = await manager.streams.info("KV_deleted");
    await manager.streams.update("KV_deleted", { ...config, max_age: 300_000_000_000 });
    expect((await again.condition()).is).toBe("same");
    expect((await again.condition()).unfit).toContain("an age of at most 300 s");
    await connection.close();
  });

  test("publish() drops and reports once when too much waits for a silent server", async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const [, { transport }] = await both({ outgoingBytesMax: 3_000_000, pingIntervalMs: 60_000, onError });
    proxy.blackhole();
    for (let i = 0; i < 200; i++) transport.publish("a.b", new Uint8Array(50_000));
    expect(errors.map((error) => (error as { code?: string }).code)).toEqual(["busy"]);
    proxy.mend();
  });
});
