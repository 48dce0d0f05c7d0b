// Groups for plain NATS clients, as one sees it that is not ours: the older `nats` package.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, headers, type Msg, type NatsConnection } from "nats";
import {
  type ActorNode,
  defineGroup,
  type DoorOptions,
  natsTransport,
  startNode,
  tell,
  type Topic,
} from "../../mod.ts";
import { z } from "zod";
import { createCodec } from "../../codec/codec.ts";
import { encodeToken, escapedName } from "../../transport/subjects.ts";
import { guest, hostGuest, Room } from "../integration/groups/chat.ts";
import { until, within } from "../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

const codec = createCodec();
const Guest = guest({ shards: 8 });
const Lobby = defineGroup("lobby", { messages: { said: tell(z.string()) } });
const HOSTILE = ["a b", "a.b.*.>", "naïve=…", "x".repeat(201), `${"ü ".repeat(300)}.`];
const OPEN: readonly Topic[] = [
  { group: Room, publish: true, follow: "json" },
  { group: Lobby, follow: "cbor" },
];

let server: NatsServer;
let client: NatsConnection;
/** "a" and "b" host guests and are open; "c" hosts nothing and is closed. */
let [a, b, c]: ActorNode[] = [];

const start = async (name: string, door: DoorOptions | boolean, hosts = true) =>
  await startNode({
    ...{ name, cluster: "test", signals: false, door },
    transport: await natsTransport({ servers: server.url, name }),
    hosts: hosts ? [hostGuest(Guest)] : [],
  });

beforeAll(async () => {
  server = await startNatsServer();
  a = await start("a", { topics: OPEN });
  b = await start("b", { topics: OPEN });
  c = await start("c", true, false);
  client = await connect({ servers: server.url });
  const owners = () => new Set(a?.inspect().shards.map(({ owner }) => owner)).size;
  await until("shards at both", () => owners() === 2, { timeoutMs: 20_000 });
}, 60_000);

afterAll(async () => {
  await within(client.close(), 10_000);
  for (const node of [a, b, c]) if (node) await within(node.kill(), 10_000);
  await server.stop();
}, 40_000);

interface Said {
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly headers?: Record<string, string>;
}

const payloadOf = ({ json, bytes }: Said) =>
  bytes ?? (json === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(json)));

function linesOf(given: Record<string, string> = {}) {
  const lines = headers();
  for (const [key, value] of Object.entries(given)) lines.set(key, value);
  return lines;
}

const request = (subject: string, said: Said = {}): Promise<Msg> =>
  within(
    client.request(subject, payloadOf(said), { timeout: 8_000, headers: linesOf(said.headers) }),
    10_000,
  );
const codeOf = async (subject: string, said?: Said) =>
  ((await request(subject, said)).json() as { code: string }).code;

/** Guests of both nodes, in that room. */
async function guests(room: string, count = 12): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${room.slice(0, 20)}-${i}`);
  for (const name of names)
    await within((a as ActorNode).ref(Guest, name).enter({ room, meta: undefined }), 10_000);
  for (const node of [a, b])
    await until("all members", async () => {
      const { members } = await (node as ActorNode).group(Room, room).members();
      return members.length === count;
    });
  return names;
}

const heard = (name: string) => within((b as ActorNode).ref(Guest, name).heard(), 10_000);

/** What comes to a subject, from now on. */
async function followed(subject: string): Promise<Msg[]> {
  const all: Msg[] = [];
  client.subscribe(subject, { callback: (_, message) => void all.push(message) });
  await within(client.flush(), 5_000);
  return all;
}

describe("a plain NATS client", () => {
  test("publishes to a group, and each member gets it once", async () => {
    const names = await guests("7");
    for (const words of ["one", "two"]) {
      const answer = await request("test.group.room.7.said", { json: words });
      expect([answer.data.length, answer.headers?.get("Nats-Service-Error-Code")]).toEqual([0, ""]);
    }
    const bytes = codec.encode("three").slice();
    await request("test.group.room.7.said", { bytes, headers: { "Content-Type": "application/cbor" } });
    client.publish("test.group.room.7.said", payloadOf({ json: "four" }));
    for (const name of names)
      await until("the last of it", async () => (await heard(name)).length === 4, { timeoutMs: 8_000 });
    for (const name of names) expect(await heard(name)).toEqual(["one", "two", "three", "four"]);
  }, 40_000);

  test("is told why it may not, by a code", async () => {
    const names = await guests("refused", 1);
    expect(await codeOf("test.group.room.refused.said", { json: 7 })).toBe("invalid-argument");
    expect(await codeOf("test.group.room.refused.said")).toBe("invalid-argument");
    expect(await codeOf("test.group.room.refused.said", { bytes: new Uint8Array([123]) })).toBe(
      "invalid-argument",
    );
    expect(
      await codeOf("test.group.room.refused.said", {
        bytes: new Uint8Array([0xff]),
        headers: { "Content-Type": "application/json" },
      }),
    ).toBe("invalid-argument");
    expect(await codeOf("test.group.room.refused.whispered", { json: "x" })).toBe("invalid-argument");
    expect(await codeOf("test.group.room.refused.mood", { json: "x" })).toBe("invalid-argument"); // an ask
    expect(await codeOf("test.group.room.not=ok.said", { json: "x" })).toBe("invalid-name");
    expect(
      await codeOf("test.group.room.refused.said", { json: "x", headers: { "Baton-Generation": "other" } }),
    ).toBe("other-cluster");
    const text = JSON.stringify((await request("test.group.room.refused.said", { json: 7 })).json());
    expect(text).not.toContain(".ts:");
    expect(await heard(names[0] as string)).toEqual([]);
  }, 40_000);

  test("is counted where nobody hears that it was refused", async () => {
    const unheard = () => [a, b].reduce((sum, node) => sum + (node?.inspect().counters.doorUnheard ?? 0), 0);
    const before = unheard();
    client.publish("test.group.room.7.said", payloadOf({ json: 7 }));
    await until("one more", () => unheard() === before + 1);
  });

  test("reaches no group that is not opened for it", async () => {
    for (const subject of ["test.group.lobby.7.said", "test.group.other.7.said"])
      await expect(
        client.request(subject, payloadOf({ json: "x" }), { timeout: 2_000 }),
      ).rejects.toMatchObject(
        { code: "503" }, // nobody listens
      );
  });

  test("follows what is published, by actors, nodes and clients, once, and nothing comes back in", async () => {
    const [name = ""] = await guests("open", 3);
    const all = await followed("test.feed.room.*.said");
    await within((a as ActorNode).group(Room, "open").publish("said", "by a"), 10_000);
    await within((b as ActorNode).ref(Guest, name).say({ room: "open", words: "by a guest" }), 10_000);
    await request("test.group.room.open.said", { json: "by a client" });
    const shown = () => all.map((each) => each.json());
    await until("three", () => all.length >= 3);
    const answer = await request("test.group.room.open.said", { json: "last" });
    await until("four", () => all.length >= 4);
    expect(shown().toSorted()).toEqual(["by a", "by a client", "by a guest", "last"].toSorted());
    expect(new Set(all.map(({ subject }) => subject))).toEqual(new Set(["test.feed.room.open.said"]));
    expect(all[0]?.headers?.get("Baton-Generation")).toBe(answer.headers?.get("Baton-Generation") as string);
    await until("all heard", async () => (await heard(name)).length === 4);
  }, 40_000);

  test("follows no ask, nothing that was refused, and nothing of a node that does not open it", async () => {
    await guests("shut", 1);
    const all = await followed("test.feed.>");
    await within((a as ActorNode).group(Room, "shut").ask("mood", "x"), 10_000);
    await request("test.group.room.shut.said", { json: 7 });
    await within((c as ActorNode).group(Room, "shut").publish("said", "closed"), 10_000);
    await within((a as ActorNode).group(Room, "shut").publish("said", "open"), 10_000);
    await until("one", () => all.length > 0);
    await within(client.flush(), 5_000);
    expect(all.map((each) => each.json())).toEqual(["open"]);
  }, 40_000);

  test("follows in CBOR where that was chosen, and JSON has a form for what it has not", async () => {
    const all = await followed("test.feed.*.*.*");
    await within((a as ActorNode).group(Lobby, "x").publish("said", "words"), 10_000);
    await within((a as ActorNode).group(Room, "x").publish("shown", { big: 2n ** 70n }), 10_000);
    await until("both", () => all.length === 2);
    const [lobby, room] = all as [Msg, Msg];
    expect([lobby.headers?.get("Content-Type"), codec.decode(lobby.data)]).toEqual([
      "application/cbor",
      "words",
    ]);
    expect([room.headers?.get("Content-Type"), room.json()]).toEqual(["", { big: String(2n ** 70n) }]);
  }, 20_000);

  test("names groups as subjects cannot", async () => {
    for (const room of HOSTILE) {
      const [name = ""] = await guests(room, 1);
      const token = encodeToken(room);
      const all = await followed(`test.feed.room.${token}.said`);
      const named = token.startsWith("=h") ? { headers: { "Baton-Name": escapedName(room) } } : {};
      await request(`test.group.room.${token}.said`, { json: "hello", ...named });
      await until("it followed", () => all.length === 1);
      expect(await heard(name)).toEqual(["hello"]);
      expect(all[0]?.headers?.get("Baton-Name")).toBe(named.headers?.["Baton-Name"] ?? "");
    }
    const long = `test.group.room.${encodeToken("x".repeat(201))}.said`;
    expect(await codeOf(long, { json: "no name" })).toBe("invalid-name");
  }, 60_000);
});

describe("startNode() with topics that cannot be", () => {
  const opening = (topics: unknown) => startNode({ door: { topics } as DoorOptions });
  for (const [fault, topics] of [
    ['its "topics" is "string"', "room"],
    ["topic 1 cannot be used; it is no object", [null]],
    ["its `group` is nothing that defineGroup() gave", [{ group: "room", publish: true }]],
    ["it opens nothing", [{ group: Room }]],
    ["it opens nothing", [{ group: Room, publish: false }]],
    ['its "follow" is true; give "json" or "cbor"', [{ group: Room, follow: true }]],
    ['its "publish" is of type string', [{ group: Room, publish: "yes" }]],
    ['"ask" is no option of it', [{ group: Room, ask: true }]],
    [
      'topic 2 cannot be used; group "room" is in the list already',
      [
        { group: Room, publish: true },
        { group: Room, follow: "json" },
      ],
    ],
  ] as const)
    test(`says that ${fault}`, async () => {
      await expect(opening(topics)).rejects.toMatchObject({ code: "invalid-configuration" });
      await expect(opening(topics)).rejects.toThrow(fault);
    });
});

test("more than callsMax at once are refused as busy, calls and publishes together", async () => {
  const mood = Promise.withResolvers<string>();
  const slow = await startNode({
    ...{ name: "slow", cluster: "slow", signals: false },
    transport: await natsTransport({ servers: server.url }),
    hosts: [hostGuest(guest({ shards: 1 }), { mood: () => mood.promise })],
    door: { callsMax: 1, topics: [{ group: Room, publish: true }] },
  });
  try {
    await within(slow.ref(Guest, "g").enter({ room: "full", meta: undefined }), 10_000);
    const asked = client.request("slow.call.guest.g.mood", payloadOf({ json: "?" }), { timeout: 9_000 });
    expect(await codeOf("slow.group.room.full.said", { json: "one" })).toBe("busy");
    mood.resolve("fine");
    expect((await within(asked, 9_000)).json()).toBe("fine");
    expect((await request("slow.group.room.full.said", { json: "two" })).data.length).toBe(0);
    expect(await within(slow.ref(Guest, "g").heard(), 10_000)).toEqual(["two"]);
  } finally {
    mood.resolve("fine");
    await within(slow.kill(), 10_000);
  }
}, 30_000);
