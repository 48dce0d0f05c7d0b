import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { until } from "../support/conditions.ts";
import { TcpProxy } from "../support/nats/tcp_proxy.ts";

/** Sends everything back, behind a greeting by which it is known. */
async function echo(greeting: string, accepted: Set<Socket>): Promise<Server> {
  const server = createServer((socket) => {
    accepted.add(socket);
    socket.on("error", () => {});
    socket.write(greeting);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** A client that remembers what it got. */
class Client {
  got = "";
  closed = false;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (data) => {
      this.got += String(data);
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.closed = true;
    });
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  end(): void {
    this.#socket.destroy();
  }
}

describe("TcpProxy", () => {
  const accepted = new Set<Socket>();
  const clients: Client[] = [];
  let servers: Server[] = [];
  let proxy: TcpProxy;

  function client(): Client {
    const made = new Client(proxy.port);
    clients.push(made);
    return made;
  }

  beforeEach(async () => {
    servers = [await echo("a", accepted), await echo("b", accepted)];
    proxy = await TcpProxy.start(...servers.map((server) => (server.address() as AddressInfo).port));
  });

  afterEach(async () => {
    for (const each of clients.splice(0)) each.end();
    await proxy.end();
    for (const socket of accepted) socket.destroy();
    for (const server of servers) server.close();
  });

  test("passes on what both sides say", async () => {
    const one = client();
    one.say("hello");
    await until("the echo", () => one.got === "ahello");
  });

  test("turns to the next target when one does not let it in, and stays there", async () => {
    servers[0]?.close();
    const one = client();
    await until("the greeting of the other", () => one.got === "b");
    const two = client();
    await until("the same again", () => two.got === "b");
  });

  test("cut() ends connections and refuses new ones until mend()", async () => {
    const one = client();
    await until("a greeting", () => one.got === "a");
    proxy.cut();
    await until("its end", () => one.closed);
    const two = client();
    await until("a refusal", () => two.closed);
    expect(two.got).toBe("");
    proxy.mend();
    const three = client();
    await until("a greeting", () => three.got === "a");
  });

  test("blackhole() swallows for good what is said until mend()", async () => {
    const one = client();
    await until("a greeting", () => one.got === "a");
    proxy.blackhole();
    one.say("lost");
    const other = client();
    other.say("lost too");
    await until("both to be taken in", () => accepted.size >= 2);
    await until("the swallowing", () => proxy.swallowedBytes >= "lostlost tooa".length);
    proxy.mend();
    one.say("heard");
    await until("what came after", () => one.got === "aheard");
  });

  test("delay() holds everything up and keeps its order, also when it ends", async () => {
    const one = client();
    await until("a greeting", () => one.got === "a");
    proxy.delay(120);
    const saidAt = performance.now();
    one.say("1");
    one.say("2");
    await until("the delayed echo", () => one.got === "a12");
    expect(performance.now() - saidAt).toBeGreaterThanOrEqual(240 - 10);
    one.say("3");
    proxy.mend();
    one.say("4");
    await until("the rest in order", () => one.got === "a1234");
  });
});
