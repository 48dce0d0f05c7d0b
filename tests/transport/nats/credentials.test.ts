// Secrets that are asked for at each dial, that end, and that the server does not want any more.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "bun:test";
import {
  type ActorNode,
  type NatsOptions,
  type NatsTransportConnection,
  type NodeEvent,
  natsTransport,
  startNode,
} from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { hostLedger, Ledger } from "../../support/ledger.ts";
import { JwtOperator } from "../../support/nats/nats_jwt.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";

const certificates = fileURLToPath(new URL("../../security/certificates/", import.meta.url));
const pem = (name: string): string => readFileSync(`${certificates}${name}`, "utf8");

const jetstream = (directory: string): string => `jetstream { store_dir: "${directory}/store" }\n`;
const withUser = (user: string, password: string) => (directory: string) =>
  `${jetstream(directory)} authorization { user: "${user}", password: "${password}" }`;

const servers: NatsServer[] = [];
const nodes: ActorNode[] = [];

afterEach(async () => {
  for (const node of nodes.splice(0)) await within(node.kill(), 10_000);
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(config: (directory: string) => string): Promise<NatsServer> {
  const server = await startNatsServer({ jetstream: false, config });
  servers.push(server);
  return server;
}

/** A node, and what it tells. */
async function start(
  server: NatsServer,
  options: NatsOptions,
): Promise<{
  node: ActorNode;
  told: NodeEvent[];
  /** Why the connection could not be made anew, each time; a node tells of it once a second at most. */
  refused: unknown[];
  client: NatsTransportConnection["client"];
  isStopped: () => boolean;
}> {
  const transport = await natsTransport({ servers: server.url, ...options });
  const node = await startNode({
    name: "a",
    cluster: "test",
    transport,
    hosts: [hostLedger()],
    signals: false,
  });
  nodes.push(node);
  const refused: unknown[] = [];
  transport.onCredentials?.((notice) => notice.type === "refused" && refused.push(notice.error));
  const told: NodeEvent[] = [];
  void (async () => {
    for await (const event of node.events()) told.push(event);
  })();
  let stopped = false;
  void node.whenStopped.then(() => (stopped = true));
  return { node, told, refused, client: transport.client, isStopped: () => stopped };
}

const add = (node: ActorNode, word: string): Promise<number> =>
  within(node.ref(Ledger, "x").add(word, { timeoutMs: 15_000 }), 20_000);

const refusals = (told: readonly NodeEvent[]) =>
  told.flatMap((event) => (event.type === "credentials-refused" ? [event] : []));

/** The server lets nobody stay who was there: it is another process. */
async function replace(server: NatsServer, config: (directory: string) => string): Promise<void> {
  server.configure(config);
  await server.restart();
}

describe("a secret as a function", () => {
  test("is asked at every dial: a password may change, and nothing is lost", async () => {
    const server = await serve(withUser("u", "first"));
    let password = "first";
    let asked = 0;
    const { node, told } = await start(server, {
      user: () => "u",
      password: () => {
        asked++;
        return Promise.resolve(password);
      },
    });
    expect(await add(node, "one")).toBe(1);
    password = "second";
    const before = asked;
    server.configure(withUser("u", "second")); // by a reload: the server disconnects who is there
    await until("a reconnect", () => told.some(({ type }) => type === "resumed"));
    expect(await add(node, "two")).toBe(2);
    expect(asked).toBeGreaterThan(before);
  }, 60_000);

  test("that throws, rejects, or gives nothing is asked again, and told of, until it gives what is good", async () => {
    const server = await serve(withUser("u", "first"));
    let dial = 0;
    const given: (() => unknown)[] = [
      () => "first",
      () => {
        throw new Error("the vault is away");
      },
      () => Promise.reject(new Error("the vault is still away")),
      () => undefined,
      () => Promise.resolve(7),
      () => "wrong",
      () => "second",
    ];
    const { node, told } = await start(server, {
      user: "u",
      password: () => (given[dial++] ?? given.at(-1))?.() as string,
    });
    expect(await add(node, "one")).toBe(1);
    await replace(server, withUser("u", "second"));
    await until("a reconnect", () => told.some(({ type }) => type === "resumed"), { timeoutMs: 20_000 });
    expect(await add(node, "two")).toBe(2);
    const [first] = refusals(told);
    expect(first).toMatchObject({ final: false, error: { code: "credentials-refused", retryable: false } });
    expect(String(first?.error.message)).toContain('Cannot connect with "password"');
  }, 60_000);

  test("is asked by nobody while no server is there, and what it gives then is shown at once", async () => {
    const server = await serve(withUser("u", "first"));
    let password = "first";
    let asked = 0;
    const { node, told, client } = await start(server, {
      user: "u",
      password: () => {
        asked++;
        return password;
      },
    });
    expect(await add(node, "one")).toBe(1);
    let dials = 0;
    void (async () => {
      for await (const { type } of client.status()) if (type === "reconnecting") dials++;
    })();
    const before = asked;
    server.kill();
    await until("many dials in vain", () => dials > 20, { timeoutMs: 30_000 });
    expect(asked).toBe(before);
    password = "second";
    await replace(server, withUser("u", "second"));
    await until("a reconnect", () => told.some(({ type }) => type === "resumed"), { timeoutMs: 20_000 });
    expect(await add(node, "two")).toBe(2);
    expect(refusals(told)).toEqual([]);
    expect(asked - before).toBeLessThan(4);
  }, 60_000);

  test("that fails while a server is there is told once for each time that it was asked", async () => {
    const server = await serve(withUser("u", "first"));
    let asked = 0;
    let isAway = false;
    const { node, told, refused, client } = await start(server, {
      user: "u",
      password: () => {
        asked++;
        if (isAway) throw new Error("the vault is away");
        return "first";
      },
    });
    expect(await add(node, "one")).toBe(1);
    let dials = 0;
    void (async () => {
      for await (const { type } of client.status()) if (type === "reconnecting") dials++;
    })();
    isAway = true;
    const before = asked;
    await server.restart();
    await until("many dials in vain", () => dials > 20, { timeoutMs: 30_000 });
    const during = asked - before;
    expect(during).toBeLessThan(8);
    expect(refused.length).toBe(during);
    await until("the node to tell of it", () => refusals(told).length > 0);
    expect(refusals(told).length).toBeLessThanOrEqual(asked - before);
    isAway = false;
    await until("a reconnect", () => told.some(({ type }) => type === "resumed"), { timeoutMs: 20_000 });
    expect(await add(node, "two")).toBe(2);
  }, 60_000);

  test("that fails at the start ends the start, with its words, and without what it gave", async () => {
    const server = await serve(withUser("u", "first"));
    for (const [give, words] of [
      [() => Promise.reject(new Error("no vault")), /"token": its function threw "no vault"/],
      [() => undefined, /"token": its function gave nothing/],
      [() => "", /"token": its function gave an empty text/],
    ] as const) {
      const connecting = natsTransport({ servers: server.url, token: give as () => string });
      const error = await within(connecting, 10_000).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: "invalid-configuration" });
      expect((error as Error).message).toMatch(words);
    }
    const connecting = natsTransport({ servers: server.url, nkeySeed: () => "SUsecret" });
    const error = (await within(connecting, 10_000).catch((thrown: Error) => thrown)) as Error;
    expect(error.message).toBe('Cannot connect with "nkeySeed": the text is not of that form');
  }, 60_000);

  test("may be slower than a dial may be", async () => {
    const server = await serve(withUser("u", "first"));
    const slow = Promise.withResolvers<string>();
    let isFirst = true;
    const { node, told, client } = await start(server, {
      user: "u",
      password: () => {
        if (!isFirst) return slow.promise;
        isFirst = false;
        return "first";
      },
    });
    await add(node, "one");
    let dials = 0;
    void (async () => {
      for await (const { type } of client.status()) if (type === "reconnecting") dials++;
    })();
    await server.restart();
    await until("a dial that was given up", () => dials > 2);
    slow.resolve("first");
    await until("a reconnect", () => told.some(({ type }) => type === "resumed"), { timeoutMs: 20_000 });
    expect(await add(node, "two")).toBe(2);
  }, 60_000);

  test("may be a certificate: another authority is trusted after a restart, and shown by then", async () => {
    const tls = (authority: string) => (directory: string) =>
      `${jetstream(directory)} tls { cert_file: "${certificates}server.pem", key_file: "${certificates}server.key",
        ca_file: "${certificates}${authority}.pem", verify: true }`;
    const server = await serve(tls("ca"));
    let who = "node";
    const { node, told } = await start(server, {
      servers: `127.0.0.1:${server.port}`,
      tls: {
        ca: pem("ca.pem"),
        cert: () => pem(`${who}.pem`),
        key: () => Promise.resolve(pem(`${who}.key`)),
      },
    });
    await add(node, "one");
    who = "foreign";
    await replace(server, tls("stranger"));
    await until("a reconnect", () => told.some(({ type }) => type === "resumed"), { timeoutMs: 20_000 });
    expect(await add(node, "two")).toBe(2);
  }, 60_000);
});

describe("credentials that the server does not want any more", () => {
  test("end the node, visibly, when that lasts: a password that was changed by a reload", async () => {
    const server = await serve(withUser("u", "first"));
    const { node, told, isStopped } = await start(server, { user: "u", password: "first", refusedMs: 1_500 });
    await add(node, "one");
    const ref = node.ref(Ledger, "x");
    server.configure(withUser("u", "second"));
    await until("its end", isStopped, { timeoutMs: 20_000 });
    const all = refusals(told);
    expect(all.at(0)?.final).toBe(false);
    expect(all.at(-1)).toMatchObject({ final: true, error: { code: "credentials-refused" } });
    expect(String(all.at(-1)?.error.message)).toMatch(/authorization violation/i);
    await expect(within(ref.add("two"), 5_000)).rejects.toMatchObject({ code: "credentials-refused" });
  }, 60_000);

  test("do not end it when the server is without its accounts for a moment", async () => {
    const server = await serve(withUser("u", "first"));
    const { node, told, isStopped } = await start(server, { user: "u", password: "first" });
    await add(node, "one");
    await replace(server, withUser("other", "other"));
    await until("three refusals", () => refusals(told).length > 1 || isStopped());
    await replace(server, withUser("u", "first"));
    await until("a reconnect", () => told.some(({ type }) => type === "resumed"), { timeoutMs: 20_000 });
    expect(await add(node, "two")).toBe(2);
    expect(isStopped()).toBe(false);
  }, 60_000);

  test("end it soon, and with a warning before, when they are a JWT that has expired", async () => {
    const operator = new JwtOperator();
    const server = await serve((directory) => operator.config(`${directory}/store`));
    const { told, isStopped } = await start(server, { credentials: operator.credentials(4) });
    await until("its end", isStopped, { timeoutMs: 20_000 });
    const types = told.map(({ type }) => type);
    expect(types.indexOf("credentials-expiring")).toBeGreaterThan(-1);
    expect(types.indexOf("credentials-expiring")).toBeLessThan(types.indexOf("credentials-refused"));
    const last = refusals(told).at(-1);
    expect(last?.final).toBe(true);
    expect(String(last?.error.message)).toMatch(/expired/i);
  }, 60_000);

  test("are followed by others without a word, when a function has some, and its actors keep their memory", async () => {
    const operator = new JwtOperator();
    const server = await serve((directory) => operator.config(`${directory}/store`));
    let asked = 0;
    const { node, told, isStopped } = await start(server, {
      credentials: () => operator.credentials(asked++ === 0 ? 4 : 3_600),
    });
    await add(node, "one");
    await until("the end of the first", () => told.some(({ type }) => type === "paused"), {
      timeoutMs: 20_000,
    });
    expect(await add(node, "two")).toBe(2);
    expect(isStopped()).toBe(false);
    expect(told.map(({ type }) => type)).not.toContain("credentials-expiring");
  }, 60_000);

  test("end it as well when a function goes on giving what has expired", async () => {
    const operator = new JwtOperator();
    const server = await serve((directory) => operator.config(`${directory}/store`));
    const one = operator.credentials(3);
    const { told, isStopped } = await start(server, { credentials: () => one, refusedMs: 1_500 });
    await until("its end", isStopped, { timeoutMs: 20_000 });
    expect(told.map(({ type }) => type)).toContain("credentials-expiring");
    expect(refusals(told).at(-1)?.final).toBe(true);
  }, 60_000);
});
