/** Number of batches after which a roster pays: it costs as much gas as it saves over three to five batches. */
const PAYS_AFTER = 5n;
/** Batches without a roster after one that did not pay. The number doubles after each further one. */
const FIRST_WAIT = 5n;
const MAX_WAIT = 1024n;

/** Life of rosters in batches of this validator. A restart forgets it. */
export interface RosterLife {
  /** Notes that a roster is in force for this batch. */
  see(sequence: bigint): void;
  /**
   * Notes that none is in force. @returns whether to take one: if the last one paid, or was long ago. It then counts as
   * taken. It counts as taken then.
   */
  mayTake(sequence: bigint): boolean;
}

/**
 * Limits how often rosters are taken. Each validator can end a roster by a change of its bond or key. Without the
 * limit, others would pay for a new one with each batch.
 */
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
