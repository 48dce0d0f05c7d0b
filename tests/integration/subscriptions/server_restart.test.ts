// The server of a stream is killed while it is read, and comes back with what it had.
import { expect, test } from "bun:test";
import { connect } from "nats";
import { natsTransport, startNode } from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { startNatsServer } from "../../support/nats/nats_server.ts";
import { TestStream } from "../../support/nats/stream.ts";
import { Basket, hostCart } from "./orders.ts";

const NAMES = ["k0", "k1", "k2", "k3"];
const PATIENT = { timeoutMs: 40_000 };

test("a stream whose server is killed is read on when that is back, in order and once", async () => {
  await using server = await startNatsServer();
  const client = await connect({
    ...{ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100, waitOnFirstConnect: true },
  });
  const stream = await TestStream.make(client, "ORDERS", ["orders.*"]);
  const transport = await natsTransport({ servers: server.url });
  const hosts = [hostCart(Basket, { ackWaitMs: 2_000 })];
  await using node = await startNode({ name: "a", cluster: "test", transport, hosts, signals: false });
  let n = 0;
  /** Each is in the stream once, however often it has to be said: by its id. */
  const fill = async (count: number) => {
    for (const end = n + count; n < end; n++)
      await until(
        "room in the stream",
        () => stream.add("orders.x", { cart: NAMES[n % 4], n }, { "Nats-Msg-Id": `${n}` }),
        PATIENT,
      );
  };
  for (let round = 0; round < 2; round++) {
    await fill(60);
    await server.restart({ kill: true });
    await fill(60);
  }
  await until(
    "all to be settled",
    async () => {
      const { waiting, unsettled } = await stream.consumer("test-basket-add");
      return waiting + unsettled === 0;
    },
    PATIENT,
  );
  for (const [i, name] of NAMES.entries())
    expect(await within(node.ref(Basket, name).had(undefined, { timeoutMs: 30_000 }), 35_000)).toEqual(
      Array.from({ length: n }, (_, each) => each).filter((each) => each % 4 === i),
    );
  await within(client.close(), 10_000);
}, 120_000);
