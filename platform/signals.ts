import process from "node:process";

/**
 * Runs once at the first SIGTERM or SIGINT, on Bun and on Deno alike. A second signal is left to the runtime's
 * default, so that a person can still end a process that hangs.
 *
 * @returns a function that stops listening
 */
export function onShutdownSignal(run: (signal: "SIGTERM" | "SIGINT") => void): () => void {
  const term = () => fire("SIGTERM");
  const int = () => fire("SIGINT");
  const stop = () => {
    process.off("SIGTERM", term);
    process.off("SIGINT", int);
  };
  const fire = (signal: "SIGTERM" | "SIGINT") => {
    stop();
    run(signal);
  };
  process.on("SIGTERM", term);
  process.on("SIGINT", int);
  return stop;
}
