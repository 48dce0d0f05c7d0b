// What a measuring process says to the benchmark and hears from it: lines of JSON on its standard streams.
import process from "node:process";
import { createInterface } from "node:readline";

/** The settings that the benchmark gave on the command line. */
export function childSettings<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

/** Tells the benchmark something. */
export function tellParent(line: object): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve()));
}

/** Calls back with each command; ends this process when the benchmark is gone or says "end". */
export function followParent(onCommand: (command: string) => void): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => (line === "end" ? process.exit(0) : onCommand(line)));
  lines.on("close", () => process.exit(0));
}
