// One nats-server for all tests of a file, and what each of them leaves to be ended.
import { afterAll, afterEach, beforeAll } from "bun:test";
import { type ActorNode, type Hosted, natsTransport, startNode } from "../../../mod.ts";
import { type NatsServer, startNatsServer } from "./nats_server.ts";

/** See the file's first line. */
export class SharedServer {
  readonly #ends: (() => Promise<unknown>)[] = [];
  #server: NatsServer | undefined;

  /** Call it where a file begins: it starts the server before the first test and stops it after the last. */
  static forAllTests(timeoutMs: number): SharedServer {
    const shared = new SharedServer();
    beforeAll(async () => {
      shared.#server = await startNatsServer();
    }, timeoutMs);
    afterEach(() => shared.#endAll(), timeoutMs);
    afterAll(async () => {
      await shared.#server?.stop();
    }, timeoutMs);
    return shared;
  }

  get nats(): NatsServer {
    if (this.#server === undefined) throw new Error("Cannot use the server: no test has begun");
    return this.#server;
  }

  /** Runs after the test; what was told last ends first. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  /** A node of this process, which hears no signals. */
  async node(name: string, cluster: string, hosts: readonly Hosted[]): Promise<ActorNode> {
    const transport = await natsTransport({ servers: this.nats.url, name });
    const node = await startNode({ name, cluster, transport, hosts, signals: false });
    this.atEnd(() => node.kill());
    return node;
  }

  async #endAll(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
