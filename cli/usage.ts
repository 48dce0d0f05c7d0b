/** A command was called in a way that it does not know. The message says what is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
