// A TCP relay that can be cut, refused, delayed and silenced: what a network does to a connection.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A relay to one of the given ports of this machine: the one it used last, or the next that lets it in. */
export class TcpProxy {
  readonly #server: Server;
  readonly #targetDeps: readonly number[];
  readonly #sockets: Set<Socket> = new Set();
  #preferred = 0;
  #refusing = false;
  #silent = false;
  #delayMs = 0;
  #swallowedBytes = 0;

  constructor(...targetDeps: readonly number[]) {
    this.#targetDeps = targetDeps;
    this.#server = createServer((inner) => this.#accept(inner));
  }

  static async start(...targetDeps: readonly number[]): Promise<TcpProxy> {
    const proxy = new TcpProxy(...targetDeps);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What `blackhole` has taken so far. */
  get swallowedBytes(): number {
    return this.#swallowedBytes;
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

  /** Holds up everything, in both directions, for this many milliseconds, until `mend`. Order stays. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** The next connections go to the target behind the one in use. */
  turn(): void {
    this.#preferred = (this.#preferred + 1) % this.#targetDeps.length;
  }

  mend(): void {
    this.#refusing = false;
    this.#silent = false;
    this.#delayMs = 0;
  }

  async end(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(inner: Socket): void {
    inner.on("error", () => {}); // a reset by either side is what a bad network does, also to those not let in
    if (this.#refusing) inner.destroy();
    else this.#reach(inner, this.#targetDeps.length);
  }

  /** The server speaks first in NATS, so nothing is lost while a target is looked for. */
  #reach(inner: Socket, attempts: number): void {
    const outer = connect(this.#targetDeps[this.#preferred] ?? 0, "127.0.0.1");
    let reached = false;
    outer.once("connect", () => {
      reached = true;
      if (this.#refusing || inner.destroyed) {
        outer.destroy();
        return;
      }
      this.#relay(inner, outer);
      this.#relay(outer, inner);
    });
    outer.on("error", () => {});
    outer.once("close", () => {
      if (reached) return;
      this.turn();
      if (attempts > 1 && !inner.destroyed && !this.#refusing) this.#reach(inner, attempts - 1);
      else inner.destroy();
    });
  }

  #relay(from: Socket, to: Socket): void {
    const lane = new DelayedLane((data) => to.write(data));
    this.#sockets.add(from);
    from.on("data", (data: Uint8Array) => {
      if (this.#silent) this.#swallowedBytes += data.length;
      else lane.push(data, this.#delayMs);
    });
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      lane.end();
      to.destroy();
    });
  }
}

/** Lets data through after a time that may change, in the order in which it came. */
class DelayedLane {
  readonly #write: (data: Uint8Array) => void;
  readonly #waiting: { readonly dueAt: number; readonly data: Uint8Array }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (data: Uint8Array) => void) {
    this.#write = write;
  }

  push(data: Uint8Array, delayMs: number): void {
    if (delayMs === 0 && this.#waiting.length === 0) return this.#write(data);
    this.#waiting.push({ dueAt: performance.now() + delayMs, data });
    this.#arm();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #arm(): void {
    const [first] = this.#waiting;
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(() => this.#flush(), Math.max(0, first.dueAt - performance.now()));
  }

  #flush(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (let first = this.#waiting[0]; first !== undefined && first.dueAt <= now; first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#write(first.data);
    }
    this.#arm();
  }
}
