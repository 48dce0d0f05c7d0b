// A hub and a leafnode with JetStream of their own, and one cluster's name on both: two clusters, of which each says so;
// or one, by JetStream's domain.
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { decodeHello } from "../../../cluster/namesakes.ts";
import { recordCodec } from "../../../cluster/records/schemas.ts";
import { createCodec } from "../../../codec/codec.ts";
import { type ActorNode, type NatsOptions, type NodeEvent, natsTransport, startNode } from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { hostLedger, ledger } from "../../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";

const contract = ledger({ shards: 4 });
const HUB = { domain: "hub" };

let hub: NatsServer;
let leaf: NatsServer;
const nodes: ActorNode[] = [];

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}

const serve = (domain: string, leafnodes: string): Promise<NatsServer> =>
  startNatsServer({
    jetstream: false,
    config: (directory) =>
      `server_name: ${domain}\njetstream { store_dir: "${directory}/store", domain: ${domain} }\nleafnodes { ${leafnodes} }`,
  });

beforeAll(async () => {
  const port = await freePort();
  hub = await serve("hub", `listen: "127.0.0.1:${port}"`);
  leaf = await serve("leaf", `remotes: [ { url: "nats-leaf://127.0.0.1:${port}" } ]`);
  const [there, here] = [
    await natsTransport({ servers: hub.url }),
    await natsTransport({ servers: leaf.url }),
  ];
  let heard = 0;
  here.transport.subscribe("linked", () => void heard++);
  await until("messages from the hub to the leafnode", () => {
    there.transport.publish("linked", new Uint8Array());
    return heard > 0;
  });
  await Promise.all([there.close(), here.close()]);
}, 60_000);

afterAll(async () => {
  await leaf.stop();
  await hub.stop();
}, 40_000);

afterEach(async () => {
  for (const node of nodes.splice(0)) await within(node.kill(), 10_000);
});

async function start(
  server: NatsServer,
  name: string,
  cluster: string,
  options: NatsOptions = {},
): Promise<{ node: ActorNode; told: NodeEvent[] }> {
  const transport = await natsTransport({ servers: server.url, ...options });
  const node = await startNode({
    name,
    cluster,
    transport,
    hosts: [hostLedger(undefined, contract)],
    signals: false,
  });
  nodes.push(node);
  const told: NodeEvent[] = [];
  void (async () => {
    for await (const event of node.events()) told.push(event);
  })();
  return { node, told };
}

const met = (told: readonly NodeEvent[]) => told.filter(({ type }) => type === "other-cluster");

describe("records that are replaced", () => {
  test("make another generation, and no alarm: nobody takes the former one for a cluster that lives", async () => {
    const cluster = "replaced";
    const all = [
      await start(hub, "a", cluster),
      await start(hub, "b", cluster),
      await start(leaf, "c", cluster, HUB),
    ];
    const former = all[0]?.node.inspect().generation ?? "";
    const connection = await natsTransport({ servers: hub.url });
    const records = await connection.records("baton-replaced");
    const entry = await records.get("generation");
    const next = recordCodec().encodeGeneration({ generation: "replacedgeneration", nonce: "n" });
    const hellos = new Map<string, number>();
    connection.transport.subscribe("replaced.node._.hello", ({ payload }) => {
      const { generation } = decodeHello(createCodec(), payload, cluster);
      hellos.set(generation, (hellos.get(generation) ?? 0) + 1);
    });
    const late = natsTransport({ servers: leaf.url, ...HUB }); // comes between the two, and knows nothing of the former
    expect(await records.update("generation", next, entry?.revision ?? 0)).toMatchObject({ ok: true });
    const transport = await late;
    const fresh = await startNode({ name: "d", cluster, transport, signals: false });
    nodes.push(fresh);
    await until("all of the next generation", () =>
      [...all.map(({ node }) => node), fresh].every((node) => node.inspect().generation === "replaced"),
    );
    await until("some hellos of it", () => (hellos.get("replaced") ?? 0) >= 6, { timeoutMs: 20_000 });
    expect(former).not.toBe("replaced");
    expect(all.flatMap(({ told }) => met(told))).toEqual([]);
    await connection.close();
  }, 60_000);
});

describe("one name of a cluster on a hub and a leafnode", () => {
  test("with JetStream of their own: each side hears of the other within seconds, and tells it", async () => {
    const a = await start(hub, "a", "apart");
    const b = await start(leaf, "b", "apart");
    await until("an event on both sides", () => met(a.told).length > 0 && met(b.told).length > 0, {
      timeoutMs: 15_000,
    });
    expect(met(a.told)).toMatchObject([{ node: "b", incarnation: b.node.incarnation }]);
    expect(met(b.told)).toMatchObject([{ node: "a", incarnation: a.node.incarnation }]);
    expect(a.node.inspect().nodes.map(({ node }) => node)).toEqual(["a"]);
  }, 60_000);

  test("with the hub's domain on both: one cluster, and nothing to tell", async () => {
    const a = await start(hub, "a", "together", HUB);
    const b = await start(leaf, "b", "together", HUB);
    await until("both nodes in both views", () =>
      [a, b].every(({ node }) => node.inspect().nodes.filter(({ state }) => state === "up").length === 2),
    );
    await until("shards at both", () => {
      const owners = new Set(a.node.inspect().shards.map(({ owner }) => owner));
      return owners.size === 2;
    });
    const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
    for (const name of names) expect(await within(a.node.ref(contract, name).add("one"), 10_000)).toBe(1);
    for (const name of names) expect(await within(b.node.ref(contract, name).add("two"), 10_000)).toBe(2);
    expect(await within(a.node.leave(), 30_000)).toMatchObject({ leftOver: 0, recovered: 0 });
    for (const name of names) expect(await within(b.node.ref(contract, name).add("three"), 10_000)).toBe(3);
    expect(met([...a.told, ...b.told])).toEqual([]);
  }, 60_000);
});
