// The nats-servers of a run: one, or three that are routed together.
import { copyFileSync } from "node:fs";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/nats-core";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import process from "node:process";
import { until } from "../../tests/support/conditions.ts";
import { type NatsServer, startNatsServer } from "../../tests/support/nats/nats_server.ts";

const READY_TIMEOUT_MS = 30_000;
const ASK_TIMEOUT_MS = 1_000;

/** What the monitoring port says of all connections of a server. */
export interface ServerCensus {
  readonly connections: number;
  readonly subscriptions: number;
}

/** What a bucket holds. A record that was removed leaves a mark. */
export interface BucketCensus {
  readonly keys: number;
  readonly marks: number;
  readonly bytes: number;
  readonly consumers: number;
}

export class Servers {
  readonly #servers: readonly NatsServer[];
  readonly #configs: readonly Config[];
  readonly #monitorPorts: readonly number[];

  private constructor(
    servers: readonly NatsServer[],
    configs: readonly Config[],
    monitorPorts: readonly number[],
  ) {
    this.#servers = servers;
    this.#configs = configs;
    this.#monitorPorts = monitorPorts;
  }

  static async start(count: 1 | 3): Promise<Servers> {
    const routePorts = await freePorts(count);
    const monitorPorts = await freePorts(count);
    const configs = monitorPorts.map((port, i) => configOf(i, routePorts, port));
    const starting = configs.map((config) => startNatsServer({ jetstream: false, config: config(true) }));
    const results = await Promise.allSettled(starting);
    const servers = results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const all = new Servers(servers, configs, monitorPorts);
    try {
      await Promise.all(starting);
      await all.ready();
    } catch (error) {
      await all.stop();
      throw error;
    }
    return all;
  }

  get count(): number {
    return this.#servers.length;
  }

  get ports(): readonly number[] {
    return this.#servers.map(({ port }) => port);
  }

  /** Resolves when JetStream answers. */
  async ready(): Promise<void> {
    const answers = async () => (await this.#ask("$JS.API.INFO"))?.type !== undefined;
    await until("JetStream that answers", answers, { timeoutMs: READY_TIMEOUT_MS });
  }

  /** The server that leads the stream of a bucket, if there is one now. */
  async leaderOf(bucket: string): Promise<number | undefined> {
    const info = await this.#ask(`$JS.API.STREAM.INFO.KV_${bucket}`);
    const leader = (info?.cluster as { leader?: string } | undefined)?.leader;
    const index = Number(leader?.replace("server-", ""));
    return Number.isInteger(index) ? index : undefined;
  }

  /** What each bucket holds, by name. Every record is asked for: a listing would leave consumers behind. */
  async buckets(): Promise<ReadonlyMap<string, BucketCensus>> {
    const client = await this.#connect();
    try {
      const found = new Map<string, BucketCensus>();
      const manager = await jetstreamManager(client);
      for await (const { config } of manager.streams.list()) {
        const { state } = await manager.streams.info(config.name, { subjects_filter: ">" });
        const subjects = Object.keys(state.subjects ?? {});
        let marks = 0;
        for (const subject of subjects) {
          const last = await manager.streams.getMessage(config.name, { last_by_subj: subject });
          if (last?.header?.has("KV-Operation")) marks++;
        }
        const rest = { marks, bytes: state.bytes, consumers: state.consumer_count };
        found.set(config.name.replace("KV_", ""), { keys: subjects.length - marks, ...rest });
      }
      return found;
    } finally {
      await client.close();
    }
  }

  /** The revision under which the leader of a bucket's stream holds each of these keys, marks of removal included. */
  async revisions(bucket: string, keys: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    const client = await this.#connect();
    try {
      const manager = await jetstreamManager(client, { timeout: ASK_TIMEOUT_MS });
      const found = new Map<string, number>();
      for (const key of keys) {
        const last = await manager.streams.getMessage(`KV_${bucket}`, {
          last_by_subj: `$KV.${bucket}.${key}`,
        });
        if (last) found.set(key, last.seq);
      }
      return found;
    } finally {
      await client.close();
    }
  }

  /** Of all servers together. */
  async census(): Promise<ServerCensus> {
    const total = { connections: 0, subscriptions: 0 };
    for (const port of this.#monitorPorts) {
      const response = await fetch(`http://127.0.0.1:${port}/connz?subs=1`);
      const { connections } = (await response.json()) as { connections: { subscriptions: number }[] };
      total.connections += connections.length;
      for (const { subscriptions } of connections) total.subscriptions += subscriptions;
    }
    return total;
  }

  /** Ends one and leaves it so, until `revive`. */
  down(index: number, how: { readonly kill: boolean }): void {
    const server = this.#at(index);
    if (how.kill) server.kill();
    else process.kill(server.pid, "SIGTERM");
  }

  async revive(index: number): Promise<void> {
    await this.#at(index).restart();
  }

  freeze(index: number): void {
    this.#at(index).freeze();
  }

  thaw(index: number): void {
    this.#at(index).resume();
  }

  /** Takes JetStream away from a server that goes on serving messages, by a reload. */
  loseJetStream(index: number): void {
    this.#configure(index, false);
  }

  /** Gives it back, by a restart: after a reload a server of 2.9 may have no streams (`findings/nats_reload_loses_streams.sh`). */
  async giveJetStreamBack(index: number): Promise<void> {
    await this.#at(index).restart({ between: () => this.#configure(index, true) });
  }

  #configure(index: number, jetstream: boolean): void {
    const config = this.#configs[index];
    if (config !== undefined) this.#at(index).configure(config(jetstream));
  }

  /** Copies all logs to a folder. */
  keepLogs(folder: string): void {
    for (const [i, server] of this.#servers.entries()) {
      try {
        copyFileSync(server.logFile, join(folder, `server-${i}.log`));
      } catch {
        // It had not begun to log.
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  #at(index: number): NatsServer {
    const server = this.#servers[index];
    if (server === undefined)
      throw new Error(`Cannot reach server ${index}: there are ${this.count}, counted from 0`);
    return server;
  }

  #connect(): Promise<NatsConnection> {
    const servers = this.#servers.map(({ url }) => url);
    return connect({ servers, reconnect: false, timeout: ASK_TIMEOUT_MS, ignoreClusterUpdates: true });
  }

  /** A question to JetStream, over a connection of its own to whichever server answers. */
  async #ask(subject: string, body = ""): Promise<Record<string, unknown> | undefined> {
    let client: NatsConnection | undefined;
    try {
      client = await this.#connect();
      const answer = await client.request(subject, body, { timeout: ASK_TIMEOUT_MS });
      const said = answer.json() as Record<string, unknown>;
      return said.error === undefined ? said : undefined;
    } catch {
      return undefined;
    } finally {
      await client?.close().catch(() => {});
    }
  }
}

type Config = (jetstream: boolean) => (directory: string) => string;

/** Servers tell clients nothing of one another, so that each node stays with its proxy. */
function configOf(index: number, routePorts: readonly number[], monitorPort: number): Config {
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`).join(", ");
  const cluster =
    routePorts.length === 1
      ? ""
      : `cluster { name: chaos, listen: "127.0.0.1:${routePorts[index]}", no_advertise: true, routes: [${routes}] }\n`;
  return (jetstream) => (directory) =>
    `server_name: server-${index}\nhttp: "127.0.0.1:${monitorPort}"\n${cluster}` +
    (jetstream ? `jetstream { store_dir: "${directory}/store" }\n` : "");
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
