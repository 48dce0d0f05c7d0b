import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { ServerError } from "../../../errors.ts";
import { natsTransport } from "../../../transport/nats/connection.ts";
import { until, within } from "../../support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../support/nats/nats_server.ts";

const uncaught: unknown[] = [];
const note = (error: unknown) => void uncaught.push(error);
const TIMEOUT_MS = 120_000;

beforeAll(() => void process.on("uncaughtException", note));
afterAll(() => void process.off("uncaughtException", note));

/** How long the client waits for one attempt, in milliseconds. */
const DIAL_MS = 30;
const CONNECTIONS = 1_000;
const INFO = `INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"headers":true}\r\n`;

/** A server that resets each connection at another moment of its beginning, also after the client has given it up. */
class Resetter {
  readonly open = new Set<Socket>();
  accepted = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  #accept(socket: Socket): void {
    this.open.add(socket);
    socket.on("close", () => this.open.delete(socket));
    socket.on("error", () => {});
    const moment = this.accepted++ % 8;
    const reset = () => void socket.resetAndDestroy();
    const lateMs = DIAL_MS * (0.7 + (this.accepted % 13) / 20);
    if (moment === 2) socket.write(INFO.slice(0, 20));
    else if (moment > 2) socket.write(INFO);
    if (moment === 0 || moment === 3) reset();
    else if (moment <= 4)
      setTimeout(reset, lateMs); // it has said nothing, half of it, or does not answer
    else socket.on("data", (data) => this.#answer(socket, moment, String(data), reset));
  }

  #answer(socket: Socket, moment: number, said: string, reset: () => void): void {
    if (moment === 6) socket.write("-ERR 'Authorization Violation'\r\n"); // and a reset that the client does not await
    if (moment <= 6) return reset();
    if (said.includes("PING")) socket.write("PONG\r\n");
    setTimeout(reset, this.accepted % 5);
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

describe("the client's sockets", () => {
  test(
    "let no reset go unheard, at whatever moment of connecting it comes",
    async () => {
      const resetter = new Resetter();
      const servers = await resetter.start();
      const connecting = async () => {
        while (resetter.accepted < CONNECTIONS) {
          try {
            const client = await natsTransport({ servers, reconnectWaitMs: 1, connectTimeoutMs: DIAL_MS });
            await until("further connections", () => resetter.accepted >= CONNECTIONS);
            await within(client.close(), 10_000);
          } catch (error) {
            expect(["ServerError", "ConfigurationError"]).toContain((error as Error).name);
          }
        }
      };
      await Promise.all(Array.from({ length: 10 }, connecting));
      await resetter.stop();
      expect(uncaught).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "let none go unheard while a server is killed and started again, fifty times",
    async () => {
      const server: NatsServer = await startNatsServer({ jetstream: false });
      const connect = () => natsTransport({ servers: server.url, reconnectWaitMs: 2 });
      const clients = await Promise.all(Array.from({ length: 12 }, connect));
      for (let i = 0; i < 50; i++) {
        await server.restart({ kill: true });
        if (i % 10 === 0) await until("a client", () => clients.some(({ transport }) => transport.connected));
      }
      await until("all clients", () => clients.every(({ transport }) => transport.connected));
      await Promise.all(clients.map((client) => within(client.close(), 10_000)));
      await server.stop();
      expect(uncaught).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test("are closed at once when a start gives up on a port that stays silent", async () => {
    const open = new Set<Socket>();
    const silent = createServer((socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      socket.on("error", () => {});
      socket.resume();
    });
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const servers = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const startedAt = performance.now();
    const error = await within(
      natsTransport({ servers, connectTimeoutMs: 300 }).catch((thrown: unknown) => thrown),
      5_000,
    );
    expect(error).toBeInstanceOf(ServerError);
    await until("no open socket", () => open.size === 0);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    silent.close();
    await once(silent, "close");
    expect(uncaught).toEqual([]);
  });
});
