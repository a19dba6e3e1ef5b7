/** A roster costs as much gas as it saves over three to five batches. */
const PAYS_AFTER = 5n;
/** Batches without a roster after one that did not pay; twice as many after each further one. */
const FIRST_WAIT = 5n;
const MAX_WAIT = 1024n;

/** How long rosters lasted, in batches of this validator. It is forgotten at a restart. */
export interface RosterLife {
  /** A roster is in force for this batch. */
  see(sequence: bigint): void;
  /** None is in force. @returns whether to take one: where the last one paid, or that was long ago. It counts as taken then. */
  mayTake(sequence: bigint): boolean;
}

/** Anyone can end a roster by a change of its own bond or key: without this, others would pay for a new one with each batch. */
export function createRosterLife(maxWait = MAX_WAIT): RosterLife {
  let life: { readonly from: bigint; readonly to: bigint } | undefined;
  let wait = 0n;
  let notBefore = 0n;
  return {
    see(sequence) {
      life = { from: life?.from ?? sequence, to: sequence };
    },
    mayTake(sequence) {
      if (life !== undefined) {
        const next = wait === 0n ? FIRST_WAIT : 2n * wait;
        wait = life.to - life.from >= PAYS_AFTER ? 0n : next < maxWait ? next : maxWait;
        notBefore = sequence + wait;
        life = undefined;
      }
      if (sequence < notBefore) return false;
      life = { from: sequence, to: sequence };
      return true;
    },
  };
}
