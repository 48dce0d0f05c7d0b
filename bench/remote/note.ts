// An actor with arguments, a result and a state as users have them: objects with texts, checked wherever they go.
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, type Hosted, host } from "../../mod.ts";

const Words = z.strictObject({ words: z.string().max(1_000) });

/** `put` keeps what it gets and answers with it. */
export const Note = defineActor("note", {
  state: z.strictObject({ writes: z.number().int(), words: z.string().max(1_000) }),
  stateVersion: 1,
  messages: { put: ask(Words, Words) },
});

/** What is sent: a hundred characters. */
export const WORDS: z.infer<typeof Words> = { words: "x".repeat(100) };

/** The actor, as a user writes it. */
export function noteHost(): Hosted {
  return host(
    Note,
    class NoteActor extends Actor<typeof Note> implements HandlersOf<typeof Note> {
      static initialState(): { writes: number; words: string } {
        return { writes: 0, words: "" };
      }
      put({ words }: { words: string }): { words: string } {
        this.state.writes++;
        this.state.words = words;
        return { words };
      }
    },
  );
}
