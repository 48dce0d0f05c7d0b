import { expect, test } from "bun:test";
import { SimulatedCluster, calledBy } from "../../testing/mod.ts";
import { hostLedger, Ledger, steering } from "../support/ledger.ts";

test("calledBy() makes a ref whose messages come from whom a test says, here and on another node", async () => {
  await using cluster = new SimulatedCluster({ seed: 3 });
  const hosts = [hostLedger(steering({ run: (actor) => actor.caller as unknown }))];
  const a = await cluster.start("a", hosts);
  const b = await cluster.start("b", []);
  for (const node of [a, b]) {
    const ref = node.ref(Ledger, "x").with({ context: { tenant: "acme" } });
    const by = (ref_: typeof ref) => cluster.ends("its caller", ref_.run(null));
    const context = { tenant: "acme" };
    const alice = { kind: "cart", name: "alice/1" };
    expect(await by(calledBy(ref, alice))).toEqual({ via: "actor", ...alice, node: node.name, context });
    expect(await by(calledBy(ref, "http"))).toEqual({ via: "http", node: node.name, context });
    expect(await by(ref)).toEqual({ via: "node", node: node.name, context });
  }
});
