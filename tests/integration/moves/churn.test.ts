// Who comes and goes without end delays nothing for the others: whole nodes in virtual time, on the memory network.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, ask, defineActor, host } from "../../../mod.ts";
import { SimulatedCluster } from "../../../testing/cluster.ts";

const SHARDS = 16;
const messages = { add: ask(z.number(), z.number()) };

const Cart = defineActor("cart", { state: z.number(), stateVersion: 1, shards: SHARDS, messages });
class CartActor extends Actor<typeof Cart> {
  static initialState() {
    return 0;
  }
  add(by: number) {
    this.state += by;
    return this.state;
  }
}

const Other = defineActor("other", { state: z.number(), stateVersion: 1, shards: SHARDS, messages });
class OtherActor extends Actor<typeof Other> {
  static initialState() {
    return 0;
  }
  add(by: number) {
    return by;
  }
}

const CART = [host(Cart, CartActor)];
const OTHER = [host(Other, OtherActor)];
const NAMES = Array.from({ length: 40 }, (_, i) => `c${i}`);

class Cluster extends SimulatedCluster {
  #churning = true;

  /** How many shards of carts the node owns. */
  share(of: string): number {
    return this.node("a")
      .inspect()
      .shards.filter(({ kind, owner, state }) => kind === "cart" && state === "owned" && owner === of).length;
  }

  async began(): Promise<void> {
    const a = await this.start("a", CART);
    await this.until("all shards at a", () => this.share("a") === SHARDS);
    await this.ends("words", Promise.all(NAMES.map((name) => a.ref(Cart, name).add(1))));
  }

  /** Goes on until the churn is stilled. */
  churn(everyMs: number, life: (i: number) => Promise<void>): void {
    void (async () => {
      for (let i = 0; this.#churning; i++) {
        await life(i);
        await this.sleep(everyMs);
      }
    })();
  }

  still(): void {
    this.#churning = false;
  }

  /** A node joins in the middle of the churn, and has its share after 5 s at most. */
  async joinsInTime(name: string): Promise<void> {
    await this.advance(2_000);
    await this.start(name, CART);
    const seen = () => `${this.share(name)}`;
    await this.until(`a share of ${name}`, () => this.share(name) >= 6, 5_000, seen);
    this.still();
    await this.remembers();
  }

  /** Every actor has its memory. */
  async remembers(): Promise<void> {
    const a = this.node("a");
    const counts = await this.ends("answers", Promise.all(NAMES.map((name) => a.ref(Cart, name).add(1))));
    expect(new Set(counts)).toEqual(new Set([2]));
  }
}

describe("a node that joins has its share within 5 s", () => {
  for (const [words, hosts] of [
    ["that hosts nothing", []],
    ["that hosts another kind", OTHER],
    ["of the same kind, which goes in order", CART],
  ] as const) {
    test(`while a node ${words} comes and goes every 0.7 s`, async () => {
      await using cluster = new Cluster({ seed: 3 });
      await cluster.began();
      cluster.churn(700, async (i) => {
        await cluster.starting(`job-${i}`, hosts);
        await cluster.leaving(`job-${i}`);
      });
      await cluster.joinsInTime("b");
    });
  }

  test("while a caller joins every 0.3 s", async () => {
    await using cluster = new Cluster({ seed: 4 });
    await cluster.began();
    cluster.churn(300, async (i) => void (await cluster.starting(`job-${i}`, [])));
    await cluster.joinsInTime("b");
  });

  test("as far as others leave it one, while a host of the kind joins every 0.3 s", async () => {
    await using cluster = new Cluster({ seed: 5 });
    await cluster.began();
    cluster.churn(300, async (i) => void (await cluster.starting(`host-${i}`, CART)));
    await cluster.until("a share of a host", () => cluster.share("host-0") > 0, 5_000);
    await cluster.advance(2_000);
    cluster.still();
    await cluster.remembers();
  });

  test("as far as it is not proposed to others, while hosts of the kind are killed as soon as they have joined", async () => {
    await using cluster = new Cluster({ seed: 6 });
    await cluster.began();
    cluster.churn(700, async (i) => {
      await cluster.starting(`crash-${i}`, CART);
      await cluster.sleep(300);
      cluster.crash(`crash-${i}`);
    });
    await cluster.advance(4_000);
    await cluster.start("b", CART);
    await cluster.until("a share of b", () => cluster.share("b") > 0, 5_000);
    cluster.still();
    // each of the dead is a veto for the others, so their leases decide
    await cluster.until("the whole share of b", () => cluster.share("b") >= 6, 20_000);
    await cluster.remembers();
  });
});
