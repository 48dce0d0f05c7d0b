// The actor of the recovery: stored, with one timer.
import { z } from "zod";
import { Actor, ask, defineActor, type HandlersOf, type Hosted, host, tell } from "../../mod.ts";

const Plan = z.strictObject({ afterMs: z.number() });

/** Its timer is planned once, and goes off once. */
export const Reminder = defineActor("reminder", {
  durability: "stored",
  state: z.strictObject({ wentOff: z.number().int() }),
  stateVersion: 1,
  messages: {
    plan: ask(Plan, z.undefined()),
    goOff: tell(z.undefined()),
    read: ask(z.undefined(), z.number().int()),
  },
});

/** @param onGoOff told whose timer went off, each time */
export function reminderHost(onGoOff: (name: string) => void): Hosted {
  return host(
    Reminder,
    class ReminderActor extends Actor<typeof Reminder> implements HandlersOf<typeof Reminder> {
      static initialState(): { wentOff: number } {
        return { wentOff: 0 };
      }
      plan({ afterMs }: z.infer<typeof Plan>): undefined {
        this.schedule("goOff", undefined, { afterMs });
      }
      goOff(): void {
        this.state.wentOff++;
        onGoOff(this.name);
      }
      read(): number {
        return this.state.wentOff;
      }
    },
  );
}
