// Which servers are told of, because they may lose what they acknowledged.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Servers } from "../../../chaos/cluster/servers.ts";
import { type NodeEvent, natsTransport, startNode } from "../../../mod.ts";
import { isAtLeast, outdatedFor } from "../../../transport/nats/server_versions.ts";
import { until, within } from "../../support/conditions.ts";

describe("outdatedFor()", () => {
  test.each([
    ["2.9.10", 1, false],
    ["2.9.10", 3, true],
    ["2.9.25", 2, true],
    ["2.10.27", 3, true],
    ["2.10.27", 1, false],
    ["2.11.9", 5, true],
    ["2.12.0-RC.1", 3, false],
    ["2.12.0", 5, false],
    ["2.15.1", 3, false],
    ["3.0.0", 3, false],
  ] as const)("a server %s with %i copies: %p", (version, copies, isOutdated) => {
    const expected = isOutdated ? { version, least: "2.12.0" } : undefined;
    expect(outdatedFor(copies, version)).toEqual(expected);
  });
});

describe("three servers", () => {
  let servers: Servers;

  beforeAll(async () => {
    servers = await Servers.start(3);
  }, 60_000);

  afterAll(async () => {
    await servers.stop();
  }, 60_000);

  test("whose version may lose writes are used, and told of in every way that there is", async () => {
    const thrown: unknown[] = [];
    const lines: string[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (line: string) => void lines.push(line) };
    const transport = await natsTransport({
      servers: servers.ports.map((port) => `127.0.0.1:${port}`),
      replicas: 3,
      onError: (error) => void thrown.push(error),
    });
    const version = transport.client.info?.version ?? "";
    const isOld = !isAtLeast(version, "2.12.0");
    const node = await within(
      startNode({ name: "a", cluster: "test", transport, signals: false, log }),
      40_000,
    );
    const told: NodeEvent[] = [];
    void (async () => {
      for await (const event of node.events()) told.push(event);
    })();
    const startMs = performance.now();
    await until("the event, or its time", () => {
      const isTold = told.some(({ type }) => type === "server-outdated");
      return isOld ? isTold : performance.now() - startMs > 1_500;
    });
    const outdated = isOld ? [{ type: "server-outdated", version, least: "2.12.0" }] : [];
    expect(told.filter(({ type }) => type === "server-outdated")).toMatchObject(outdated);
    expect(thrown.filter((error) => String(error).includes("2.12.0")).length).toBe(isOld ? 1 : 0);
    expect(lines.filter((line) => line.includes("too old")).length).toBe(isOld ? 1 : 0);
    await within(node.kill(), 10_000);
  }, 60_000);
});
