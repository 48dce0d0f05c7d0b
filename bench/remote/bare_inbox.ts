// Requests as cheap as the client allows: one wildcard inbox, a Map, and no timer or Error for a call that succeeds.
import type { NatsTransportConnection } from "../../mod.ts";

type Client = NatsTransportConnection["client"];

/** See above. It knows no time-outs: what is never answered waits for ever. */
export class BareInbox {
  readonly #client: Client;
  readonly #prefix: string;
  readonly #waiting = new Map<string, (payload: Uint8Array) => void>();
  #next = 0;

  constructor(client: Client) {
    this.#client = client;
    this.#prefix = `_INBOX.bare${Math.random().toString(36).slice(2)}.`;
    client.subscribe(`${this.#prefix}*`, {
      callback: (_error, { subject, data }) => {
        const id = subject.slice(this.#prefix.length);
        const resolve = this.#waiting.get(id);
        this.#waiting.delete(id);
        resolve?.(data);
      },
    });
  }

  request(subject: string, payload: Uint8Array): Promise<Uint8Array> {
    const id = String(this.#next++);
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#client.publish(subject, payload, { reply: this.#prefix + id });
    });
  }
}
