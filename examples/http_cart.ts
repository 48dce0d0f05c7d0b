// Carts over HTTP, with Hono. Either of:
//
//   bun run examples/http_cart.ts
//   deno serve --host 127.0.0.1 --port 8000 examples/http_cart.ts
//
// and then:
//
//   curl -X POST http://127.0.0.1:8000/actors/cart/alice/add -H "content-type: application/json" \
//        -H "authorization: Bearer alice" -d '{"sku":"tea","quantity":2}'
import { Hono } from "hono";
import { z } from "zod";
import { type Authorize, actorRoutes } from "../http/mod.ts";
import { Actor, ask, defineActor, type HandlersOf, host, startNode, tell } from "../mod.ts";

const line = z.object({ sku: z.string().min(1).max(100), quantity: z.number().int().positive() });
const lines = z.record(z.string(), z.number().int());

const Cart = defineActor("cart", {
  state: z.strictObject({ lines }),
  stateVersion: 1,
  messages: {
    add: ask(line, z.number().int()),
    show: ask(z.undefined(), lines),
    clear: tell(z.undefined()),
  },
});

class CartActor extends Actor<typeof Cart> implements HandlersOf<typeof Cart> {
  static initialState(): { lines: Record<string, number> } {
    return { lines: {} };
  }

  add({ sku, quantity }: z.infer<typeof line>): number {
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
}

export const node = await startNode({ name: "web", hosts: [host(Cart, CartActor)], signals: true });

const app = new Hono();
// Whoever you say you are; a real application checks a token. Everybody has a cart of their own.
const authorize: Authorize = (c, { name }) => c.req.header("authorization") === `Bearer ${name}`;
app.route("/actors", actorRoutes(node, { expose: [Cart], authorize }));
// A route of one's own uses the same reference as any other code.
app.get("/total/:name", async (c) => {
  const lines = await node.ref(Cart, c.req.param("name")).show();
  return c.json(Object.values(lines).reduce((total, quantity) => total + quantity, 0));
});

// `fetch: app.fetch` and not a function around it: so the routes get Bun's server, and can tell it how long calls may take.
const server: { hostname: string; port: number; fetch: typeof app.fetch } = {
  hostname: "127.0.0.1",
  port: 8000,
  fetch: app.fetch,
};
export default server;
