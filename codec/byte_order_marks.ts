/**
 * Byte order marks in texts. The decoder takes one at the start of a long text for a sign of its encoding and leaves it
 * out, so a name or a state would not be the same after a journey. Before such a text it finds another one here.
 *
 * @module
 */
import { MARK, type TextPlace } from "./scan.ts";

/** A text with its length in four bytes. */
const HEAD_BYTES = 5;
const TEXT_OF_FOUR_BYTES_LENGTH = 0x7a;

/** The same CBOR with one more mark at the start of each of these texts. */
export function withSpareMarks(bytes: Uint8Array, texts: readonly TextPlace[]): Uint8Array {
  const out = new Uint8Array(bytes.length + texts.length * (HEAD_BYTES + MARK.length));
  const view = new DataView(out.buffer);
  let [from, to] = [0, 0];
  const copy = (until: number) => {
    out.set(bytes.subarray(from, until), to);
    to += until - from;
  };
  for (const { head, body, end } of texts) {
    copy(head);
    out[to] = TEXT_OF_FOUR_BYTES_LENGTH;
    view.setUint32(to + 1, end - body + MARK.length);
    out.set(MARK, to + HEAD_BYTES);
    to += HEAD_BYTES + MARK.length;
    from = body;
  }
  copy(bytes.length);
  return out.subarray(0, to);
}
