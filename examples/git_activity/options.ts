// The flags of the program.
import { parseArgs } from "node:util";

/** What the program was asked to do. */
export interface Options {
  /** A repository's path, or "-" for a log on standard input. */
  readonly input: string;
  readonly nodes: number;
  readonly transport: "memory" | "nats";
  readonly events: number;
  readonly json: boolean;
  readonly help: boolean;
}

/** A flag that cannot be understood; its message is for the person who gave it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const USAGE = `Counts what happened to every file and by every author of a git repository, with actors on a
cluster whose nodes join, leave and are all replaced meanwhile; then checks the result.

  --input PATH|-           repository to read, or a "git log --numstat" on standard input (default: this one)
  --nodes N                nodes at the start, 1 to 16 (default 3)
  --transport memory|nats  nats: separate processes on Bun and Deno, over a nats-server of their own (default,
                           if there is a server: $NATS_SERVER, or nats-server on the PATH);
                           memory: all nodes in this process
  --events N               changes to read at most, 1 to 20000 (default 20000); a shorter history is replayed
                           until every node has been replaced
  --json                   print only the last line, a JSON object
  --help                   print this
`;

const EVENTS_MAX = 20_000;
const NODES_MAX = 16;

/** @throws {UsageError} */
export function parseOptions(
  args: readonly string[],
  defaults: Pick<Options, "input" | "transport">,
): Options {
  const { values } = parsed(args);
  const transport = values.transport ?? defaults.transport;
  if (transport !== "memory" && transport !== "nats") {
    throw new UsageError(`Cannot use --transport "${transport}": give "memory" or "nats"`);
  }
  return {
    input: values.input ?? defaults.input,
    nodes: wholeNumber("--nodes", values.nodes ?? "3", NODES_MAX),
    transport,
    events: wholeNumber("--events", values.events ?? String(EVENTS_MAX), EVENTS_MAX),
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { input: text, nodes: text, transport: text, events: text, json: flag, help: flag };
  try {
    return parseArgs({ args: [...args], options, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new UsageError(`Cannot use ${name} "${text}": give a whole number from 1 to ${max}`);
}
