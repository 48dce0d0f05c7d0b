// Small damage to bytes that were good: what a broken or hostile sender does to an honest form.
import type { Dice } from "./dice.ts";

const EDGES = [
  0x00, 0x01, 0x17, 0x18, 0x1b, 0x3b, 0x5b, 0x7b, 0x7f, 0x80, 0x9b, 0x9f, 0xa1, 0xba, 0xbb, 0xbf,
];
const WILD = [...EDGES, 0xc1, 0xc2, 0xc3, 0xd8, 0xd9, 0xda, 0xdb, 0xf7, 0xf9, 0xfb, 0xff];

/** Damaged in one to four ways; `other` is where foreign parts come from. */
export function mutate(dice: Dice, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  let damaged = bytes;
  for (let times = 1 + dice.int(4); times > 0; times--) damaged = once(dice, damaged, other);
  return damaged;
}

function once(dice: Dice, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = dice.int(bytes.length + 1);
  switch (dice.int(7)) {
    case 0:
      return bytes.slice(0, at); // cut off
    case 1:
      return join(bytes, dice.bytes(9)); // followed by more
    case 2: {
      const changed = bytes.slice();
      if (changed.length > 0) changed[at % changed.length] = dice.pick(WILD);
      return changed;
    }
    case 3: {
      const changed = bytes.slice();
      if (changed.length > 0)
        changed[at % changed.length] = (changed[at % changed.length] as number) ^ (1 << dice.int(8));
      return changed;
    }
    case 4: // a part left out
      return join(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + dice.int(8))));
    case 5: // a part said twice
      return join(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 1 - dice.int(20))));
    default: // a part of something else
      return join(bytes.subarray(0, at), other.subarray(dice.int(other.length + 1)).subarray(0, 40));
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
