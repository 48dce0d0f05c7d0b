/**
 * How far a subscription has come at one actor. The position of its latest message that took effect stands beside the actor's state, and
 * goes with it: so a message that is delivered once more has no effect.
 *
 * That is enough because the messages of one subscription reach one actor in the order of the stream: see `subscriptions/in_flight.ts`.
 *
 * @module
 */
import { DecodeError } from "../../errors.ts";
import type { HeaderMap } from "../../codec/header_map.ts";
import type { Annex, AnnexPart } from "../annex/annex.ts";

/** Header of a message that comes from a stream. */
export const POSITION = ":stream";

/** Where in a stream a message stands. */
export interface Position {
  /** Name of the durable reader. */
  readonly reader: string;
  /** When the stream was made, in milliseconds: another one of its name counts from 1 again. */
  readonly made: number;
  readonly sequence: number;
}

/** Of the readers that an actor has heard from, the one that it heard from last stands last. Nobody changes it. */
export type Positions = ReadonlyMap<string, Omit<Position, "reader">>;

/** Readers of which an actor knows how far they have come. Beyond, the one from which it has not heard for longest is forgotten. */
export const POSITIONS_MAX = 32;
const READER_BYTES_MAX = 256;

/** Its number stands in stored records. */
export const POSITIONS: AnnexPart<Positions> = Object.freeze<AnnexPart<Positions>>({
  number: 7,
  staysLoaded: false,
  write: (writer, positions) => {
    writer.varint(positions.size);
    for (const [reader, { made, sequence }] of positions) {
      writer.string(reader);
      writer.varint(made);
      writer.varint(sequence);
    }
  },
  read: (reader) => {
    const positions = new Map<string, Omit<Position, "reader">>();
    const count = reader.varint();
    if (count > POSITIONS_MAX)
      throw new DecodeError(
        `Cannot read the positions of an actor: there are ${count}, and ${POSITIONS_MAX} are the most`,
      );
    for (let i = 0; i < count; i++)
      positions.set(reader.string(READER_BYTES_MAX), { made: reader.varint(), sequence: reader.varint() });
    return positions;
  },
});

/** As the value of {@link POSITION}. */
export function writtenPosition({ reader, made, sequence }: Position): string {
  return `${made} ${sequence} ${reader}`;
}

const WRITTEN = /^(\d{1,15}) (\d{1,15}) (\S{1,256})$/;

/** Where a message stands in a stream; `undefined` if it comes from none. */
export function positionOf(headers: HeaderMap): Position | undefined {
  const written = headers.get(POSITION);
  const [, made, sequence, reader] = (written !== undefined && WRITTEN.exec(written)) || [];
  return reader === undefined ? undefined : { reader, made: Number(made), sequence: Number(sequence) };
}

/** Whether what stands there has had its effect on the actor with this annex. */
export function isPast(annex: Annex, { reader, made, sequence }: Position): boolean {
  const known = annex.get(POSITIONS)?.get(reader);
  if (known === undefined || known.made < made) return false;
  return known.made > made || known.sequence >= sequence;
}

/** The annex once that message has had its effect. */
export function movedTo(annex: Annex, { reader, made, sequence }: Position): Annex {
  const positions = new Map(annex.get(POSITIONS));
  positions.delete(reader);
  positions.set(reader, { made, sequence });
  for (const [oldest] of positions) {
    if (positions.size <= POSITIONS_MAX) break;
    positions.delete(oldest);
  }
  return annex.with(POSITIONS, positions);
}
