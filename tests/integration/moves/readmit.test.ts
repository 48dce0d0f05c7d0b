// What waited for an actor that ends goes on, and never with a fresh state beside one that cannot be read.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, ask, defineActor, host } from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

let cluster: MemoryCluster;
/** Checks of the state that succeed before the one that fails. */
let checksLeft = Infinity;

const Frail = defineActor("frail", {
  state: z.strictObject({ n: z.number() }).refine(() => checksLeft-- !== 0),
  stateVersion: 1,
  shards: 1,
  onError: "restart",
  messages: { add: ask(z.undefined(), z.number()), fail: ask(z.number(), z.null()) },
});

class FrailActor extends Actor<typeof Frail> {
  static initialState() {
    return { n: 0 };
  }
  add(): number {
    return ++this.state.n;
  }
  async fail(checks: number): Promise<null> {
    await Promise.resolve();
    checksLeft = checks;
    throw new Error("broken");
  }
}

beforeEach(() => {
  cluster = new MemoryCluster();
  checksLeft = Infinity;
});
afterEach(() => cluster.close());

for (const checks of [0, 3]) {
  test(`with ${checks} checks that succeed after the failure`, async () => {
    const node = await cluster.start("a", { hosts: [host(Frail, FrailActor)] });
    const ref = node.ref(Frail, "x");
    await cluster.ends(ref.add(undefined));
    await cluster.ends(ref.add(undefined));
    const failing = cluster.outcome(ref.fail(checks));
    const waiting = cluster.outcome(ref.add(undefined));
    expect((await failing).error).toMatchObject({ code: "handler-error" });
    const { value, error } = await waiting;
    expect([3, "invalid-state"]).toContain(value ?? (error as { code?: string }).code ?? "nothing");
    const quarantined = cluster.seen("actor-quarantined").length > 0;
    const later = await cluster.outcome(ref.add(undefined));
    if (quarantined) expect(later.error).toMatchObject({ code: "invalid-state" });
  });
}
