// A TCP relay that a test can cut, refuse and silence: what a network does to a connection.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A relay to one port of this machine. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  #refusing = false;
  #silent = false;

  constructor(targetPort: number) {
    this.#server = createServer((inner) => this.#accept(inner, targetPort));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Breaks all connections, and lets none in until `mend`. */
  cut(): void {
    this.#refusing = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Swallows everything without breaking anything, until `mend`; what was swallowed stays lost. */
  blackhole(): void {
    this.#silent = true;
  }

  mend(): void {
    this.#refusing = false;
    this.#silent = false;
  }

  async end(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(inner: Socket, targetPort: number): void {
    inner.on("error", () => {}); // a reset by either side is what a bad network does, also to those not let in
    if (this.#refusing) {
      inner.destroy();
      return;
    }
    const outer = connect(targetPort, "127.0.0.1");
    this.#relay(inner, outer);
    this.#relay(outer, inner);
  }

  #relay(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (data) => {
      if (!this.#silent) to.write(data);
    });
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
