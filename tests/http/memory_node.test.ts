import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { z } from "zod";
import { actorRoutes, type Problem } from "../../http/mod.ts";
import {
  Actor,
  type ActorNode,
  ask,
  defineActor,
  type HandlersOf,
  host,
  startNode,
  tell,
} from "../../mod.ts";
import { within } from "../support/conditions.ts";

const Cart = defineActor("cart", {
  state: z.strictObject({ lines: z.record(z.string(), z.number().int()) }),
  stateVersion: 1,
  mailboxMax: 2,
  messages: {
    add: ask(z.object({ sku: z.string(), quantity: z.number().int() }), z.number().int()),
    show: ask(z.undefined(), z.record(z.string(), z.number().int())),
    clear: tell(z.undefined()),
    wait: ask(z.undefined(), z.undefined()),
    fail: ask(z.string(), z.undefined()),
    loop: ask(z.undefined(), z.undefined()),
  },
});

/** Holds the handlers of "wait" until a test lets them end. */
const newGate = () => ({ ended: Promise.withResolvers<void>(), aborted: Promise.withResolvers<void>() });
let gate = newGate();

class CartActor extends Actor<typeof Cart> implements HandlersOf<typeof Cart> {
  static initialState(): { lines: Record<string, number> } {
    return { lines: {} };
  }
  add({ sku, quantity }: { sku: string; quantity: number }): number {
    const total = (this.state.lines[sku] ?? 0) + quantity;
    this.state.lines[sku] = total;
    return total;
  }
  show(): Record<string, number> {
    return this.state.lines;
  }
  clear(): void {
    this.state.lines = {};
  }
  async wait(): Promise<undefined> {
    const { ended, aborted } = gate;
    this.signal.addEventListener("abort", () => aborted.resolve());
    await ended.promise;
    return undefined;
  }
  fail(words: string): undefined {
    throw Object.assign(new Error(words), { code: "E_CART" });
  }
  async loop(): Promise<undefined> {
    await this.ref(Cart, this.name).loop();
    return undefined;
  }
  secret(): string {
    return "not declared";
  }
}

let node: ActorNode;
const app = new Hono();

beforeAll(async () => {
  node = await startNode({ hosts: [host(Cart, CartActor)] });
  app.route("/", actorRoutes(node, { expose: [Cart], authorize: "public" }));
});

afterAll(() => within(node.kill(), 5_000, "the node's end"));

async function post(
  path: string,
  argument?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers } };
  const body = argument === undefined ? {} : { body: JSON.stringify(argument) };
  return await within(
    app.request(`http://localhost${path}`, { ...init, ...body }),
    8_000,
    `an answer to ${path}`,
  );
}

async function problem(
  path: string,
  argument?: unknown,
  headers: Record<string, string> = {},
): Promise<Problem> {
  const response = await post(path, argument, headers);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await response.json()) as Problem;
}

describe("actorRoutes() on a real node", () => {
  test("asks and tells the actor of that name, whatever the name", async () => {
    for (const name of [
      "alice",
      "%2A",
      "%3E",
      "a%2Fb",
      "%00",
      "%0d%0a",
      "a.b",
      "%20",
      "%F0%9F%8D%B5",
      "x".repeat(4_000),
    ]) {
      const added = await post(`/cart/${name}/add`, { sku: "tea", quantity: 2 });
      expect([name, added.status, await added.json()]).toEqual([name, 200, 2]);
      expect(await (await post(`/cart/${name}/show`)).json()).toEqual({ tea: 2 });
    }
    expect((await post("/cart/alice/clear")).status).toBe(202);
    expect(await (await post("/cart/alice/show")).json()).toEqual({});
    expect(await (await post("/cart/%2A/show")).json()).toEqual({ tea: 2 });
  });

  test("answers 400 with the path for an argument against its schema", async () => {
    const found = await problem("/cart/alice/add", { sku: "tea", quantity: "two" });
    expect(found).toMatchObject({ status: 400, code: "invalid-argument", path: "quantity" });
    expect(JSON.stringify(found)).not.toContain("two");
    expect(await problem("/cart/alice/add")).toMatchObject({ status: 400, code: "invalid-argument" });
  });

  test("answers 404 for methods that are not declared, though the class has them", async () => {
    for (const word of ["secret", "initialState", "onActivate", "constructor", "schedule"]) {
      expect(await problem(`/cart/alice/${word}`)).toMatchObject({ status: 404, code: "unknown-message" });
    }
  });

  test("answers 500 for a handler that throws, without its words, and the actor goes on", async () => {
    const found = await problem("/cart/alice/fail", "password hunter2");
    expect(found).toMatchObject({ status: 500, code: "handler-error" });
    expect(JSON.stringify(found)).not.toContain("hunter2");
    expect((await post("/cart/alice/show")).status).toBe(200);
  });

  test("answers 409 for a call in a cycle", async () => {
    const found = await problem("/cart/round/loop");
    expect([found.status, found.code]).toEqual([409, "call-cycle"]);
  });

  test("ends by the deadline with the error that is true, and tells the handler", async () => {
    gate = newGate();
    const before = performance.now();
    const found = await problem("/cart/slow/wait", undefined, { "Baton-Timeout-Ms": "50" });
    expect(found).toMatchObject({ status: 504, code: "outcome-unknown", retryable: false });
    expect(performance.now() - before).toBeLessThan(4_000);
    await within(gate.aborted.promise, 5_000, "the handler's signal");
    gate.ended.resolve();
  });

  test("answers 429 with Retry-After when the mailbox is full", async () => {
    gate = newGate();
    const posts = Array.from({ length: 8 }, () =>
      post("/cart/full/wait", undefined, { "Baton-Timeout-Ms": "500" }),
    );
    const answers = await Promise.all(posts);
    gate.ended.resolve();
    const busy = answers.filter(({ status }) => status === 429);
    expect(busy.length).toBeGreaterThan(0);
    for (const answer of busy) expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    for (const answer of answers) expect([429, 504]).toContain(answer.status);
  });
});
