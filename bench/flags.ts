// Values of flags on a command line: what they must be, and one form of error for what they are not.

/** A number above 0. @throws {Error} */
export function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw unusable(name, text, "a number above 0");
  return value;
}

/** A whole number above 0. @throws {Error} */
export function whole(name: string, text: string): number {
  const value = Number(text);
  if (!(Number.isSafeInteger(value) && value > 0)) throw unusable(name, text, "a whole number above 0");
  return value;
}

/** Words with commas between, in the order in which they are known. @throws {Error} */
export function listOf<T extends string>(name: string, known: readonly T[], text: string): T[] {
  const wanted = text.split(",");
  const stranger = wanted.find((each) => !known.includes(each as T));
  if (stranger !== undefined) throw unusable(name, stranger, `some of ${known.join(", ")}`);
  return known.filter((each) => wanted.includes(each));
}

/** The error of a flag whose value cannot be used. */
export function unusable(name: string, value: string, legal: string): Error {
  return new Error(`Cannot use --${name} "${value}": give ${legal}`);
}
