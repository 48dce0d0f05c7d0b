// What all parts of the benchmark share: the server, the runtimes, and the processes, so that all of them end.
import type { NatsServer } from "../tests/support/nats/nats_server.ts";
import { MeasuringProcess } from "./processes.ts";
import type { Runtime } from "../tests/support/processes/runtimes.ts";

/** See above. */
export class Bench {
  readonly runtimes: readonly Runtime[];
  readonly #executables: ReadonlyMap<Runtime, string>;
  readonly #server: NatsServer | undefined;
  readonly #processes = new Set<MeasuringProcess>();

  constructor(executables: ReadonlyMap<Runtime, string>, server: NatsServer | undefined) {
    this.#executables = executables;
    this.runtimes = [...executables.keys()];
    this.#server = server;
  }

  get server(): NatsServer {
    if (this.#server === undefined)
      throw new Error("Cannot measure: no nats-server was started for this run");
    return this.#server;
  }

  start(runtime: Runtime, program: string, settings: object): MeasuringProcess {
    const executable = this.#executables.get(runtime) ?? runtime;
    const port = this.#server === undefined ? {} : { port: this.#server.port };
    const started = new MeasuringProcess({ runtime, executable, program, settings, ...port });
    this.#processes.add(started);
    return started;
  }

  async endAll(): Promise<void> {
    const processes = [...this.#processes];
    this.#processes.clear();
    await Promise.all(processes.map((each) => each.end()));
  }

  /** Ends everything, also after a failure. */
  async close(): Promise<void> {
    for (const each of this.#processes) each.kill();
    await this.endAll();
    await this.#server?.stop();
  }
}
