/**
 * Actors over HTTP: `actorRoutes` gives a Hono app to mount, with `POST /:kind/:name/:message`, JSON in and out.
 *
 * Nothing is reachable that is not listed in `expose`, and nothing is mounted without a decision about `authorize`.
 *
 * @example
 * import { actorRoutes } from "@baton/actors/http";
 * import { Hono } from "hono";
 *
 * const app = new Hono();
 * app.route("/actors", actorRoutes(node, { expose: [Cart], authorize: (c) => c.req.header("x-key") === key }));
 * // curl -X POST localhost:8000/actors/cart/alice/add -H 'content-type: application/json' -d '{"sku":"tea","quantity":1}'
 *
 * @module
 */
export { actorRoutes, TIMEOUT_HEADER } from "./routes.ts";

export type { ActorRoutesOptions, Address, Authorize, CallingNode } from "./options.ts";
export type { Problem } from "./problem.ts";
