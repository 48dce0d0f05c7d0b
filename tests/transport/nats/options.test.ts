// Options with which no server can ever be reached: said at once, as what they are, and nothing is left behind.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ConfigurationError, type NatsOptions, natsTransport, startNode } from "../../../mod.ts";
import { within } from "../../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";

const WRONG: Readonly<Record<string, unknown>> = {
  servers: ["", "::::", "127.0.0.1:99999", "a b", 5, [], [""], ["127.0.0.1:4222", 7]],
  credentials: ["", "no credentials", 5],
  nkeySeed: ["", "SUnotaseed", 5],
  inboxPrefix: ["a b", "*", "a.>", "a..b", ".a", "a\r\nb"],
  connectTimeoutMs: [0, -1, Number.NaN, "5"],
  reconnectWaitMs: [-1, Number.NaN],
  pingIntervalMs: [0, Number.NaN],
  flushTimeoutMs: [0],
  recordsTimeoutMs: [Number.NaN],
  replicas: [0, 1.5, 6],
  outgoingBytesMax: [Number.NaN, 0],
};

let server: NatsServer;

beforeAll(async () => {
  server = await startNatsServer();
}, 40_000);

afterAll(async () => {
  await server.stop();
}, 40_000);

describe("natsTransport() refuses, before it dials,", () => {
  for (const [option, values] of Object.entries(WRONG)) {
    test(`${option} that cannot work`, async () => {
      for (const value of values as unknown[]) {
        const connecting = natsTransport({ servers: server.url, [option]: value } as NatsOptions);
        const error = await within(connecting, 1_000).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect([value, error instanceof ConfigurationError, String(error)]).toEqual([
          value,
          true,
          expect.stringContaining("Cannot connect"),
        ] as never);
        if (option === "credentials" || option === "nkeySeed")
          expect(String(error)).not.toContain(String(value) || "nothing");
      }
    });
  }
});

test("natsTransport() dials every form of an address", async () => {
  const [ipv4, localhost, noPort] = [`127.0.0.1:${server.port}`, `localhost:${server.port}`, "127.0.0.1"];
  for (const address of [
    ipv4,
    localhost,
    `nats://${ipv4}`,
    `nats://user:password@${ipv4}`,
    `tls://${ipv4}`,
  ]) {
    const transport = await within(natsTransport({ servers: [noPort, address] }), 5_000);
    await transport.close();
  }
  for (const address of ["::1", "[::1]", "[::1]:1", "nats://[::1]:1", "127.0.0.1:1"]) {
    const connecting = natsTransport({ servers: address, connectTimeoutMs: 500 });
    await expect(within(connecting, 5_000)).rejects.toMatchObject({ code: "server-unsuitable" });
  }
}, 30_000);

test("a node cannot start on a connection that is closed: trying again does not help", async () => {
  const transport = await natsTransport({ servers: server.url });
  await transport.close();
  const error = await within(startNode({ transport }), 5_000).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "invalid-configuration", retryable: false });
}, 10_000);
