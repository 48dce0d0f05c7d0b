import { spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { ShutdownSignal } from "./signals.ts";

/** What to run as a child process. */
export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Beside this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Whether it stays in this process's group: then it may read from the terminal, and Ctrl-C there reaches both. Default: it has a
   * group of its own, so that it is told once, through its parent.
   */
  readonly sharesTerminal?: boolean;
  /** Told what the child says over a channel of its own (`process.send`). Default: there is no such channel. */
  readonly heard?: (message: unknown) => void;
}

/** How a process ended: with a status, or by a signal. */
export interface ChildExit {
  readonly status: number | null;
  readonly signal: string | null;
}

/** A child process that has started. */
export interface Child {
  readonly pid: number;
  /** Never rejects. */
  readonly exit: Promise<ChildExit>;
  /** Does nothing once it has ended. */
  signal(name: ShutdownSignal | "SIGKILL"): void;
  /** Says something over the channel, if there is one, as JSON. What does not get through is lost: then its exit comes. */
  say(message: object): void;
}

/**
 * Starts a child that shares this process's input and output.
 *
 * @throws what the system says if it cannot be started
 */
export async function startChild({
  command,
  args,
  env,
  heard,
  sharesTerminal = false,
}: ChildCommand): Promise<Child> {
  const stdio: StdioOptions = heard ? ["inherit", "inherit", "inherit", "ipc"] : "inherit";
  const child = spawn(command, args, { stdio, detached: !sharesTerminal, env: { ...process.env, ...env } });
  if (heard) child.on("message", heard);
  const { promise: exit, resolve } = Promise.withResolvers<ChildExit>();
  child.once("exit", (status, signal) => resolve({ status, signal }));
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error("it has no process id");
  child.on("error", () => {}); // a signal that could not be sent: its exit tells what has become of it
  return {
    pid,
    exit,
    // by number: on Deno, a child's own `kill` sends no second signal
    signal(name) {
      if (child.exitCode === null && child.signalCode === null) process.kill(pid, name);
    },
    say(message) {
      if (child.connected) child.send(message, () => {});
    },
  };
}
