/**
 * A header's value as it may travel: one line. A line break inside would be refused, or start another header.
 */
export function headerLine(value: string): string {
  return value.replaceAll(/[\r\n\0]+/g, " ").trim();
}
