// Starts and ends nodes as processes on Bun and on Deno.
import { fileURLToPath } from "node:url";
import type { Durability, Settings } from "../../../mod.ts";
import type { NatsServer } from "../nats/nats_server.ts";
import { Program, type Runtime } from "./programs.ts";

export type { Ended, Runtime } from "./programs.ts";

const PROGRAM = fileURLToPath(new URL("./node_program.ts", import.meta.url));

/** One node's process. */
export class NodeProcess extends Program {
  constructor(
    runtime: Runtime,
    name: string,
    cluster: string,
    server: NatsServer,
    settings: Partial<Settings> = {},
    durability: Durability = "memory",
    { mayAll = false, ignoring = "" }: { mayAll?: boolean; ignoring?: string } = {},
  ) {
    const denoArgs = [mayAll ? "-A" : `--allow-net=127.0.0.1:${server.port}`];
    const args = [PROGRAM, name, cluster, server.url, JSON.stringify(settings), durability];
    super(name, runtime, args, { denoArgs, ignoring });
  }

  async up(): Promise<this> {
    await this.prints("the start", (printed) => printed.includes("up\n"));
    return this;
  }
}
