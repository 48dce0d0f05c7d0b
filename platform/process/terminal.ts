import process from "node:process";

/** What a command has of the terminal that it was called from. */
export interface Terminal {
  /** What it was given, without the names of runtime and program. */
  readonly args: readonly string[];
  /** The folder that it was called in. */
  readonly folder: string;
  /** The runtime's own program. */
  readonly runtime: string;
  /** Whether what is told may be coloured: a person reads it, and has not set `NO_COLOR`. */
  readonly isColored: boolean;
  /** The answer that was asked for. */
  print(line: string): void;
  /** What there is to tell beside it. */
  tell(line: string): void;
}

/** This process's. */
export function processTerminal(): Terminal {
  const { env, stderr } = process;
  return {
    args: process.argv.slice(2),
    folder: process.cwd(),
    runtime: process.execPath,
    isColored: Boolean(stderr.isTTY) && !env.NO_COLOR && env.TERM !== "dumb",
    print: (line) => void process.stdout.write(`${line}\n`),
    tell: (line) => void stderr.write(`${line}\n`),
  };
}
