/**
 * The client's own way to a server, with two precautions about its sockets, and a word before each dial.
 *
 * The client takes all listeners off a socket between the steps of connecting and when it lets go of one. A reset that
 * comes then is an error that nobody hears, and on Deno that ends the process. So each socket gets a listener that
 * stays. And the client leaves a socket open when it gives up before the connection stood; here it is closed.
 *
 * @module
 */
import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";
import { NatsConnectionImpl, setTransportFactory } from "@nats-io/nats-core/internal";
import { nodeResolveHost, NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";
import { heedErrors, openSocket } from "../../platform/socket.ts";

/** What is done about one connection's dials. */
export interface Dialling {
  /**
   * Awaited before each; if it rejects, the dial has failed.
   *
   * @param reach rejects if no server is there to be dialled
   * @returns what is dialled with
   */
  prepare(options: ConnectionOptions, reach: () => Promise<void>): Promise<ConnectionOptions>;
  /** TLS begins: a certificate may be shown to the server. */
  handshake(): void;
  /** Told why a connection was not made, or has ended. */
  failed(error: unknown): void;
}

type DialOptions = ConnectionOptions & { readonly dialling?: Dialling };

class GuardedTransport extends NodeTransport {
  #dialling: Dialling | undefined;

  override async connect(
    to: Parameters<NodeTransport["connect"]>[0],
    options: DialOptions,
  ): ReturnType<NodeTransport["connect"]> {
    const { dialling } = options;
    this.#dialling = dialling;
    if (dialling === undefined) return await super.connect(to, options);
    try {
      const prepared = await dialling.prepare(options, () => this.#reach(to));
      if (this.isClosed) return; // it was given up meanwhile
      await super.connect(to, prepared);
    } catch (error) {
      dialling.failed(error);
      throw error;
    }
    void this.closed().then((error) => error && dialling.failed(error));
  }

  /** By a connection of its own: a server that is there does not wait long for who is silent. */
  async #reach({ port, hostname }: { hostname: string; port: number }): Promise<void> {
    (await openSocket(port, hostname)).destroy();
  }

  override dial({ port, hostname }: { hostname: string; port: number }): ReturnType<NodeTransport["dial"]> {
    return openSocket(port, hostname);
  }

  override async tlsFirst(to: { hostname: string; port: number }): ReturnType<NodeTransport["tlsFirst"]> {
    this.#dialling?.handshake();
    return heedErrors(await super.tlsFirst(to));
  }

  override async startTLS(): ReturnType<NodeTransport["startTLS"]> {
    this.#dialling?.handshake();
    return heedErrors(await super.startTLS());
  }

  override async close(error?: Error): Promise<void> {
    if (this.connected) await super.close(error);
    else this.discard();
  }
}

/**
 * As the client's own `connect`. It sets how the client's connections of this whole process are made, as that does: a
 * connection that the application makes by itself gets this or the plain way, whichever was set last.
 */
export function connect(options: DialOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new GuardedTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
