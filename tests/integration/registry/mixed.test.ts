// Which actors there are on nodes of both runtimes, as processes, in one cluster on a real nats-server.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ListedActor } from "../../../mod.ts";
import { until, within } from "../../support/conditions.ts";
import { ledger } from "../../support/ledger.ts";
import { ProcessCluster } from "../../support/processes/process_cluster.ts";

const NAMES = Array.from({ length: 40 }, (_, i) => `n${i}`);

let cluster: ProcessCluster;

beforeEach(async () => {
  cluster = await ProcessCluster.begin();
});
afterEach(() => cluster.end());

for (const durability of ["memory", "stored"] as const) {
  const Wide = ledger({ shards: 16, durability });

  async function listed(): Promise<ListedActor[]> {
    const items: ListedActor[] = [];
    let cursor: string | undefined;
    do {
      const page = await within(cluster.caller.list(Wide, { limit: 7, ...(cursor && { cursor }) }), 10_000);
      expect([page.silent, page.unserved, page.unread]).toEqual([[], [], []]);
      items.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return items;
  }

  describe(`of a kind in ${durability}`, () => {
    test("every actor is listed once, counted, and found, over nodes on Bun and on Deno", async () => {
      await cluster.start("bun", "first", durability);
      await cluster.start("deno", "second", durability);
      const { caller } = cluster;
      await until(
        "shards at both",
        () => {
          const owners = caller
            .inspect()
            .shards.map(({ owner, state }) => (state === "owned" ? owner : state));
          return new Set(owners).size === 2 && owners.length === 16 && !owners.includes("moving");
        },
        { timeoutMs: 20_000 },
      );
      const asks = NAMES.map((name) => caller.ref(Wide, name).run({ word: "one" }, { timeoutMs: 20_000 }));
      expect(new Set(await within(Promise.all(asks), 25_000))).toEqual(new Set(["bun", "deno"]));
      const items = await listed();
      expect(items.map(({ name }) => name).toSorted()).toEqual(NAMES.toSorted());
      expect(new Set(items.map(({ node }) => node))).toEqual(new Set(["first", "second"]));
      for (const { name, node, epoch, state } of items.slice(0, 5))
        expect(await within(caller.where(caller.ref(Wide, name)), 5_000)).toEqual({ node, epoch, state });
      await until("all to be counted", () => {
        const { active, asleep, silent } = caller.count(Wide);
        return active + asleep === NAMES.length && silent.length === 0;
      });
    }, 60_000);
  });
}
