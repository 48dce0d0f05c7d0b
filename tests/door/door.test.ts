// The door, as a client sees it that is not ours: the older `nats` package.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, headers, type Msg, type NatsConnection } from "nats";
import { z } from "zod";
import {
  Actor,
  type ActorNode,
  ask as ask_,
  defineActor,
  type DoorOptions,
  type HandlersOf,
  host,
  type Hosted,
  natsTransport,
  startNode,
} from "../../mod.ts";
import { createCodec } from "../../codec/codec.ts";
import { encodeToken } from "../../transport/subjects.ts";
import { until, within } from "../support/conditions.ts";
import { hostLedger, Ledger, ledger, steering } from "../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

const codec = createCodec();
const steered = steering({
  run: (_, argument) => {
    if (argument === "throw") throw Object.assign(new Error("no ü more\ntea"), { code: "E_TEA" });
    if (argument === "date") return new Date(0);
    if (argument === "bigint") return 2n ** 70n;
    if (argument === "large") return "x".repeat(1_040_000);
    return argument;
  },
});

const Meter = defineActor("meter", {
  state: z.strictObject({}),
  stateVersion: 1,
  shards: 1,
  messages: { since: ask_(z.object({ at: z.number().int(), parts: z.array(z.number()) }), z.boolean()) },
});

class MeterActor extends Actor<typeof Meter> implements HandlersOf<typeof Meter> {
  static initialState(): Record<string, never> {
    return {};
  }
  since({ at, parts }: { at: number; parts: number[] }): boolean {
    return at === 1_700_000_000_123 && parts[0] === -5_000_000_000;
  }
}

let server: NatsServer;
let client: NatsConnection;
const nodes: ActorNode[] = [];

beforeAll(async () => {
  server = await startNatsServer();
  for (const name of ["a", "b"]) {
    const transport = await natsTransport({ servers: server.url, name });
    const hosts: Hosted[] = [hostLedger(steered, ledger({ mailboxMax: 4, shards: 4 }))];
    if (name === "a") hosts.push(host(Meter, MeterActor)); // the door of "b" does not know its schema
    nodes.push(await startNode({ name, cluster: "test", transport, hosts, signals: false }));
  }
  client = await connect({ servers: server.url });
}, 40_000);

afterAll(async () => {
  await within(client.close(), 10_000);
  await Promise.all(nodes.map((node) => within(node.kill(), 10_000)));
  await server.stop();
}, 40_000);

interface Asked {
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly headers?: Record<string, string>;
}

async function ask(
  name: string,
  message: string,
  { json, bytes, headers: given = {} }: Asked = {},
): Promise<Msg> {
  const payload =
    bytes ?? (json === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(json)));
  const lines = headers();
  for (const [key, value] of Object.entries(given)) lines.set(key, value);
  const subject = `test.call.ledger.${name}.${message}`;
  return await within(
    client.request(subject, payload, { timeout: 8_000, headers: lines }),
    10_000,
    `an answer of ${subject}`,
  );
}

function errorOf(message: Msg): { code: string; status: string; body: Record<string, unknown> } {
  const cbor = message.headers?.get("Content-Type") === "application/cbor";
  const body = (cbor ? codec.decode(message.data) : message.json()) as Record<string, unknown>;
  expect(message.headers?.get("Nats-Service-Error")).toMatch(/^[ -~]+$/);
  return { code: body.code as string, status: message.headers?.get("Nats-Service-Error-Code") ?? "", body };
}

describe("the door", () => {
  test("answers JSON with JSON, wherever the actor is", async () => {
    for (let i = 0; i < 20; i++) {
      expect((await ask(`json-${i}`, "add", { json: "tea" })).json()).toBe(1);
      expect((await ask(`json-${i}`, "read")).json()).toEqual(["tea"]);
    }
    expect(await within(nodes[0]?.ref(Ledger, "json-3").read() ?? Promise.reject(), 5_000)).toEqual(["tea"]);
  });

  test("takes the integers of any CBOR encoder for the numbers of a schema, also where it is not known", async () => {
    // {"at": 1700000000123, "parts": [-5000000000]}, as cbor2 of Python and others write it
    const hex = "a2626174" + "1b0000018bcfe5687b" + "657061727473" + "813b000000012a05f1ff";
    const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    for (let i = 0; i < 16; i++) {
      const lines = headers();
      lines.set("Content-Type", "application/cbor");
      const answer = await client.request("test.call.meter.m.since", bytes, {
        timeout: 8_000,
        headers: lines,
      });
      expect(codec.decode(answer.data)).toBe(true);
    }
  });

  test("answers CBOR with CBOR, by the header", async () => {
    const cbor = { "Content-Type": "application/cbor" };
    const answer = await ask("cbor", "run", {
      bytes: codec.encode(new Map([["k", 2n ** 70n]])),
      headers: cbor,
    });
    expect(answer.headers?.get("Content-Type")).toBe("application/cbor");
    expect(codec.decode(answer.data)).toEqual(new Map([["k", 2n ** 70n]]));
    const refused = await ask("cbor", "add", { bytes: codec.encode(7), headers: cbor });
    expect(refused.headers?.get("Nats-Service-Error-Code")).toBe("400");
    expect(codec.decode(refused.data)).toMatchObject({ code: "invalid-argument", retryable: false });
  });

  test("takes tells: answered once admitted, or without any reply subject", async () => {
    const answer = await ask("told", "note", { json: "one" });
    expect([answer.data.length, answer.headers?.get("Nats-Service-Error-Code") ?? ""]).toEqual([0, ""]);
    client.publish("test.call.ledger.told.note", new TextEncoder().encode('"two"'));
    await until("both words", async () => ((await ask("told", "read")).json() as string[]).length === 2);
  });

  test("answers errors by the convention of NATS services, without a stack", async () => {
    const cases: [Promise<Msg>, string, string][] = [
      [ask("x", "add", { json: 7 }), "invalid-argument", "400"],
      [ask("x", "add", { bytes: new TextEncoder().encode("{not json") }), "invalid-argument", "400"],
      [ask("x", "add", { bytes: Uint8Array.from([0xff, 0xfe]) }), "invalid-argument", "400"],
      [ask("x", "add", { bytes: new TextEncoder().encode("[".repeat(500_000)) }), "invalid-argument", "400"],
      [
        ask("x", "run", { bytes: new TextEncoder().encode(`${"[".repeat(100)}${"]".repeat(100)}`) }),
        "invalid-argument",
        "400",
      ],
      [
        ask("x", "run", { bytes: new TextEncoder().encode('{"__proto__":{"x":1}}') }),
        "invalid-argument",
        "400",
      ],
      [
        ask("x", "add", { bytes: Uint8Array.from([0x9f]), headers: { "Content-Type": "application/cbor" } }),
        "decode-failed",
        "400",
      ],
      [ask("x", "nothing"), "unknown-message", "404"],
      [ask("x", "constructor"), "unknown-message", "404"],
      [ask("x", "onActivate"), "unknown-message", "404"],
      [ask("=zz", "read"), "invalid-name", "400"],
      [ask("=h00", "read"), "invalid-name", "400"],
      [ask("x", "run", { json: "throw" }), "handler-error", "500"],
      [ask("x", "run", { json: "large" }), "too-large", "413"],
    ];
    for (const [answer, code, status] of cases) {
      const found = errorOf(await answer);
      expect([found.code, found.status, found.body.retryable]).toEqual([code, status, false]);
      expect(JSON.stringify(found.body)).not.toContain("ledger.ts");
    }
    const kind = await within(client.request("test.call.nothing.x.read", "", { timeout: 8_000 }), 10_000);
    expect(errorOf(kind)).toMatchObject({ code: "unknown-kind", status: "404" });
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  test("writes what JSON has no form for, in some form or as an error", async () => {
    expect((await ask("x", "run", { json: "date" })).json()).toBe("1970-01-01T00:00:00.000Z");
    const bigint = await ask("x", "run", { json: "bigint" });
    expect(bigint.data.length).toBeGreaterThan(0);
  });

  test("reaches names of every kind, long ones by a header", async () => {
    for (const name of [".", "*", ">", "a b", "ü🎉", "\r\n", "$SYS"]) {
      expect((await ask(encodeToken(name), "add", { json: name })).json()).toBe(1);
      expect(await within(nodes[1]?.ref(Ledger, name).read() ?? Promise.reject(), 5_000)).toEqual([name]);
    }
    const long = "n".repeat(4_000);
    expect(
      (await ask(encodeToken(long), "add", { json: "long", headers: { "Baton-Name": long } })).json(),
    ).toBe(1);
    expect(await within(nodes[1]?.ref(Ledger, long).read() ?? Promise.reject(), 5_000)).toEqual(["long"]);
    const odd = ` ${"ü\r\n=2".repeat(300)} `;
    const escaped = [...new TextEncoder().encode(odd)]
      .map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`)
      .join("");
    expect(
      (await ask(encodeToken(odd), "add", { json: "odd", headers: { "Baton-Name": escaped } })).json(),
    ).toBe(1);
    expect(await within(nodes[1]?.ref(Ledger, odd).read() ?? Promise.reject(), 5_000)).toEqual(["odd"]);
    expect(errorOf(await ask(encodeToken(long), "read", { headers: { "Baton-Name": "another" } })).code).toBe(
      "invalid-name",
    );
    expect(errorOf(await ask(encodeToken(long), "read")).code).toBe("invalid-name");
  });

  test("ends by the time that the client asks for, and tells a full mailbox to try again", async () => {
    steered.gates.set("held", new Promise(() => {}));
    const before = performance.now();
    const late = errorOf(await ask("held", "hold", { json: "x", headers: { "Baton-Timeout-Ms": "200" } }));
    expect([late.code, late.status]).toEqual(["outcome-unknown", "504"]);
    expect(performance.now() - before).toBeLessThan(3_000);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        ask("held", "add", { json: "x", headers: { "Baton-Timeout-Ms": "500" } }),
      ),
    );
    const busy = answers.map(errorOf).filter(({ code }) => code === "busy");
    expect(busy.length).toBeGreaterThan(0);
    expect(busy[0]).toMatchObject({ status: "429", body: { retryable: true } });
  });

  test("has the generation of its cluster in every answer, and takes no request that names another", async () => {
    const first = await ask("gen", "read");
    const generation = first.headers?.get("Baton-Generation") ?? "";
    expect(generation).toBe(nodes[0]?.inspect().generation as string);
    const same = await ask("gen", "add", { json: "one", headers: { "Baton-Generation": generation } });
    expect(same.json()).toBe(1);
    for (const type of ["application/json", "application/cbor"]) {
      const headers = { "Baton-Generation": "anything", "Content-Type": type };
      const other = await ask("gen", "add", { bytes: codec.encode("two"), headers });
      expect(other.headers?.get("Nats-Service-Error-Code")).toBe("421");
      expect(other.headers?.get("Baton-Generation")).toBe(generation);
      const body = type === "application/cbor" ? codec.decode(other.data) : other.json();
      expect(body).toMatchObject({ code: "other-cluster", retryable: false });
    }
    expect((await ask("gen", "read")).json()).toEqual(["one"]);
  });

  test("answers only under inboxes: nobody makes a node publish elsewhere", async () => {
    const replies = [
      "test.hint",
      "$JS.API.STREAM.NAMES",
      "elsewhere.x",
      "_INBOXED.x",
      "test.node.b.x.batch",
      "$SYS.x",
    ];
    const heard: string[] = [];
    for (const subject of replies)
      client.subscribe(subject, {
        callback: (_, { data }) => void heard.push(new TextDecoder().decode(data)),
      });
    await within(client.flush(), 5_000);
    const payload = new TextEncoder().encode('"x"');
    for (const reply of replies) client.publish("test.call.ledger.reply.add", payload, { reply });
    expect((await ask("reply", "read")).json()).toEqual([]);
    expect(heard.filter((text) => /^\d$|code/.test(text))).toEqual([]);
  });
});

test("the door is as by default where an option is undefined", async () => {
  const transport = await natsTransport({ servers: server.url });
  const none = { replyPrefixes: undefined, timeoutMs: undefined, callsMax: undefined, expose: undefined };
  const door = none as unknown as DoorOptions; // what a program passes on that has got nothing itself
  const node = await startNode({ cluster: "other", transport, door, signals: false, hosts: [hostLedger()] });
  nodes.push(node);
  await within(transport.transport.flush(), 5_000); // the server knows its subscriptions
  const reply = await within(
    client.request("other.call.ledger.alice.read", undefined, { timeout: 8_000 }),
    10_000,
  );
  expect(reply.json()).toEqual([]);
}, 20_000);
