/**
 * Frames under construction: what stands around their items, in the protocol of whom they are for. `frame.ts` has the items.
 *
 * @module
 */
import type { ClusterId, NodeId } from "../../cluster/records/schemas.ts";
import { ByteWriter } from "../../codec/bytes.ts";

/** The first byte of every frame. */
export const MAGIC = 0xba;
/** The second, by protocol: frames had two forms before there was a release. */
export const FRAME_VERSIONS: ReadonlyMap<number, number> = new Map([
  [1, 2],
  [2, 3],
]);

/** Writes one frame after the other. */
export class FrameWriter extends ByteWriter {
  /** Of the frame that was begun last. */
  protocol = 0;
  /** When that was: all that is in a frame leaves at one time. */
  now = 0;

  /** Begins a frame, at a time just read from the clock. */
  begin(protocol: number, { cluster, generation }: ClusterId, from: NodeId, now: number): void {
    const version = FRAME_VERSIONS.get(protocol);
    if (version === undefined) throw new TypeError(`Cannot write a frame of protocol ${protocol}`);
    this.protocol = protocol;
    this.now = now;
    this.u8(MAGIC);
    this.u8(version);
    this.string(cluster);
    this.string(generation);
    this.string(from.node);
    this.string(from.incarnation);
  }

  /**
   * Begins an item, about so long.
   *
   * @param flags of an envelope; no other item has any
   * @returns for `end`
   */
  item(
    type: number,
    flags: number | undefined,
    { kind, shard }: { readonly kind: string; readonly shard: number },
    about: number,
  ): number {
    let opened = 0;
    if (this.protocol === 1) this.u8(type | (flags ?? 0));
    else {
      this.u8(type);
      opened = this.open(about);
      if (flags !== undefined) this.u8(flags);
    }
    this.string(kind);
    this.varint(shard);
    return opened;
  }

  /** Ends the item that `item` began, with the same guess. */
  end(opened: number, about: number): void {
    if (this.protocol !== 1) this.close(opened, about);
  }
}
