// Waiting on real processes. In virtual time, advance the clock instead.

const POLL_MS = 10;
const TIMEOUT_MS = 10_000;

/**
 * Polls until the probe gives a truthy value, and returns it. A probe that throws has not succeeded yet.
 *
 * @param what what should come true, to read after "expected"
 * @param probe looked at every 10 ms
 * @param options `timeoutMs`: 10,000 unless told
 * @throws {Error} past the time, saying what was expected and what was seen last
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: { timeoutMs?: number } = {},
): Promise<NonNullable<T>> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const endMs = performance.now() + timeoutMs;
  let seen = "nothing";
  for (;;) {
    try {
      const value = await within(probe(), endMs - performance.now());
      if (value) return value;
      seen = shown(value);
    } catch (error) {
      seen = `an error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= endMs) break;
    await pause(POLL_MS);
  }
  throw new Error(`Cannot go on after ${timeoutMs} ms: expected ${what}, last seen ${seen}`);
}

/**
 * The promise's outcome, or a failure that says what did not come: a function tells how things are by then.
 *
 * @throws {Error} past the time
 */
export async function within<T>(
  promise: T | Promise<T>,
  timeoutMs: number,
  what: string | (() => string) = "an answer",
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const shownMs = Math.max(0, Math.round(timeoutMs));
  const timer = setTimeout(() => {
    const words = typeof what === "string" ? what : what();
    reject(new Error(`expected ${words} within ${shownMs} ms, none came`));
  }, shownMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function shown(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return (
    JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? String(value)
  );
}
