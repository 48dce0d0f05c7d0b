// A JetStream stream of a test, by the older `nats` package: another client than ours.
import {
  headers,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  type StreamConfig,
} from "nats";

export class TestStream {
  readonly name: string;
  readonly manager: JetStreamManager;
  readonly #client: JetStreamClient;

  private constructor(name: string, manager: JetStreamManager, client: JetStreamClient) {
    this.name = name;
    this.manager = manager;
    this.#client = client;
  }

  static async make(
    connection: NatsConnection,
    name: string,
    subjects: string[],
    more: Partial<StreamConfig> = {},
  ): Promise<TestStream> {
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name, subjects, ...more });
    return new TestStream(name, manager, connection.jetstream());
  }

  /** @returns its number */
  async add(subject: string, value: unknown, lines: Record<string, string> = {}): Promise<number> {
    const all = headers();
    for (const [key, line] of Object.entries(lines)) all.set(key, line);
    const payload = value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
    return (await this.#client.publish(subject, payload, { headers: all })).seq;
  }

  /** Everything that it has, as headers and payload. */
  async all(): Promise<{ headers: Record<string, string>; payload: Uint8Array; subject: string }[]> {
    const { state } = await this.manager.streams.info(this.name);
    const found = [];
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
      const { header, data, subject } = await this.manager.streams.getMessage(this.name, { seq });
      const all = Object.fromEntries([...(header ?? [])].map(([key, [line = ""]]) => [key, line]));
      found.push({ headers: all, payload: data, subject });
    }
    return found;
  }

  /** How a consumer of it stands. */
  async consumer(durable: string): Promise<{ waiting: number; unsettled: number; floor: number }> {
    const { num_pending, num_ack_pending, ack_floor } = await this.manager.consumers.info(this.name, durable);
    return { waiting: num_pending, unsettled: num_ack_pending, floor: ack_floor.stream_seq };
  }
}
