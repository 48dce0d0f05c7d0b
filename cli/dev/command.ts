/**
 * `baton dev`: what it is told, and the parts that it is made of.
 *
 * @module
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../../platform/clock.ts";
import { watchTree } from "../../platform/file/watch.ts";
import { startChild } from "../../platform/process/child.ts";
import { followShutdown } from "../../platform/process/signals.ts";
import type { Terminal } from "../../platform/process/terminal.ts";
import { UsageError } from "../usage.ts";
import { isCode, isEntered, projectOf } from "./project.ts";
import { Session } from "./session.ts";
import { Told } from "./told.ts";

export const DEV_HELP = `Usage: baton dev [OPTIONS] FILE [ARGUMENTS]

Runs FILE on the runtime that runs this command. When a file of the project changes, it starts the new code, waits until its node is
ready, and then lets the former process go: state, waiting tells and timers go over. Code that does not start leaves
the former process as it is. What follows FILE is given to the program.

Options:
  --watch PATH         a further folder or file to watch; may be repeated
  --ignore PATH        a folder or file that does not count; may be repeated
  --runtime-arg=ARG    given to the runtime before FILE; may be repeated. Deno is given -A unless there is one
  --fresh              forgets what was parked for the next run (.baton/dev*.db)
  -h, --help           says this

A program without a server parks in .baton/dev.db of the folder in which the command was called, also when it is ended by Ctrl-C.
Colours are left out if NO_COLOR is set.`;

const OPTIONS = {
  watch: { type: "string", multiple: true },
  ignore: { type: "string", multiple: true },
  "runtime-arg": { type: "string", multiple: true },
  fresh: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** What it was told. */
interface DevOptions {
  readonly file: string;
  /** For the program. */
  readonly args: readonly string[];
  readonly runtimeArgs: readonly string[] | undefined;
  readonly watch: readonly string[];
  readonly ignore: readonly string[];
  readonly fresh: boolean;
}

/** Runs until it is told to end. @returns its status */
export async function dev(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = optionsOf(args);
  if (options === "help") {
    terminal.print(DEV_HELP);
    return 0;
  }
  const { folder } = terminal;
  const file = path.resolve(folder, options.file);
  if (!fs.statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new UsageError(`there is no file "${options.file}" to run`);
  const memory = path.join(folder, ".baton");
  prepare(memory, options.fresh);
  const clock = systemClock();
  const session = new Session({
    clock,
    told: new Told(options.file, terminal),
    memoryFile: (count) => path.join(memory, count === 1 ? "dev.db" : `dev-${count}.db`),
    start: (env, heard) =>
      startChild({ ...commandOf(file, options, terminal), env, heard, sharesTerminal: true }),
  });
  const ignored = options.ignore.map((each) => path.resolve(folder, each));
  const roots = [projectOf(file), ...options.watch.map((each) => path.resolve(folder, each))];
  const watch = watchTree(
    {
      roots,
      wants: (each) => (isCode(each) || each === file) && !ignored.includes(each),
      enters: (each) => isEntered(each) && !ignored.includes(each),
    },
    clock,
    (files) => session.changed(files.map((each) => path.relative(folder, each))),
  );
  const unfollow = followShutdown(clock, { leave: () => session.stop(), atOnce: () => session.kill() });
  try {
    return await session.run(watch.size);
  } finally {
    watch.stop();
    unfollow();
  }
}

/** Where memory waits for the next run. It is nobody else's business, and no part of a repository. */
function prepare(folder: string, fresh: boolean): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ignore = path.join(folder, ".gitignore");
  if (!fs.existsSync(ignore)) fs.writeFileSync(ignore, "*\n");
  if (!fresh) return;
  for (const name of fs.readdirSync(folder))
    if (/^dev(-\d+)?\.db(-wal|-shm)?$/.test(name)) fs.rmSync(path.join(folder, name));
}

/** Options end where FILE stands: what follows is the program's. */
function optionsOf(args: readonly string[]): DevOptions | "help" {
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const first = tokens.find(({ kind }) => kind === "positional");
  const end = first === undefined ? args.length : first.index;
  let values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];
  try {
    ({ values } = parseArgs({ args: args.slice(0, end), options: OPTIONS }));
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ")[0] ?? "");
  }
  if (values.help) return "help";
  if (first === undefined) return "help";
  return {
    file: args[end] ?? "",
    args: args.slice(end + 1),
    runtimeArgs: values["runtime-arg"],
    watch: values.watch ?? [],
    ignore: values.ignore ?? [],
    fresh: values.fresh ?? false,
  };
}

function commandOf(
  file: string,
  { args, runtimeArgs }: DevOptions,
  { runtime }: Terminal,
): { command: string; args: string[] } {
  const isDeno = /^deno(\.exe)?$/i.test(path.basename(runtime));
  const given = runtimeArgs ?? (isDeno ? ["-A"] : []);
  return { command: runtime, args: ["run", ...given, file, ...args] };
}
