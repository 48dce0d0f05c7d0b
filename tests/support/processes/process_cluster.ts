// A cluster on a real nats-server, for tests: nodes as processes on Bun and on Deno, and a node here that only calls.
import { type ActorNode, type Durability, natsTransport, type Settings, startNode } from "../../../mod.ts";
import { within } from "../conditions.ts";
import { type NatsServer, startNatsServer } from "../nats/nats_server.ts";
import { NodeProcess, type Runtime } from "./node_processes.ts";
import { Program } from "./programs.ts";

const CLUSTER = "test";

/** See the file's first line. End it by `end`. */
export class ProcessCluster {
  readonly server: NatsServer;
  readonly caller: ActorNode;
  /** Those that were run, by their names. */
  readonly programs = new Map<string, Program>();
  readonly #settings: Partial<Settings>;
  readonly #processes: NodeProcess[] = [];

  private constructor(server: NatsServer, caller: ActorNode, settings: Partial<Settings>) {
    this.server = server;
    this.caller = caller;
    this.#settings = settings;
  }

  /** A server and the caller. */
  static async begin(settings: Partial<Settings> = {}): Promise<ProcessCluster> {
    const server = await startNatsServer();
    const transport = await natsTransport({ servers: server.url, name: "caller" });
    const caller = await startNode({ name: "caller", cluster: CLUSTER, transport, signals: false, settings });
    return new ProcessCluster(server, caller, settings);
  }

  /** A node that is up. */
  async start(runtime: Runtime, name: string, durability: Durability = "memory"): Promise<NodeProcess> {
    const started = new NodeProcess(runtime, name, CLUSTER, this.server, this.#settings, durability);
    this.#processes.push(started);
    return await started.up();
  }

  /** A program of a test's own that is up: it is told its name and the server's address, and says `up`. */
  async run(runtime: Runtime, name: string, file: string): Promise<Program> {
    const { port, url } = this.server;
    const denoArgs = [`--allow-net=127.0.0.1:${port}`];
    const program = new Program(name, runtime, [file, name, url], { denoArgs });
    this.programs.set(name, program);
    await program.prints("the start", (printed) => printed.includes("up\n"));
    return program;
  }

  /** Kills all processes, and ends the caller and the server. */
  async end(): Promise<void> {
    this.server.resume();
    const all = [...this.#processes, ...this.programs.values()];
    await Promise.all(all.map((each) => each.end("SIGKILL")));
    await within(this.caller.kill(), 10_000, "the caller's end");
    await this.server.stop();
  }
}
