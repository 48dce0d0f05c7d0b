import process from "node:process";

/** What asks a process to end in order. */
export type ShutdownSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

/**
 * Runs once at the first SIGTERM or SIGINT, on Bun and on Deno alike. A second signal is left to the runtime's
 * default, so that a person can still end a process that hangs.
 *
 * @returns a function that stops listening
 */
export function onShutdownSignal(run: (signal: ShutdownSignal) => void): () => void {
  const stop = onEverySignal(["SIGTERM", "SIGINT"], (signal) => {
    stop();
    run(signal);
  });
  return stop;
}

/**
 * Runs at each of the signals, every time. Do not listen anew from within: Deno would call the new listener for the
 * same signal, without end.
 *
 * @returns a function that stops listening
 */
export function onEverySignal(
  signals: readonly ShutdownSignal[],
  run: (signal: ShutdownSignal) => void,
): () => void {
  const listeners = signals.map((signal) => [signal, () => run(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
