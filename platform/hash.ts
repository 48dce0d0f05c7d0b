import { createHash } from "node:crypto";

/** SHA-256 of bytes, as 64 hexadecimal digits. Synchronous, so that a seal can stay one step. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * A well-mixed 32-bit hash of a string's UTF-16 code units, the same on every runtime and release: placement and
 * shard numbers depend on it. FNV-1a over the units, finished with murmur3's avalanche so that the top bits are good.
 */
export function hash32(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
