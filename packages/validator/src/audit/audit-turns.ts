/** Shares the places of audits among payees, so that one payee's slow replies delay no others. */
export interface AuditTurns {
  /**
   * Chooses the payee of the next audit: one with the fewest places, and of those the one that was served longest ago.
   * @param waiting payees with an audit to start, hex; the first of equals wins. At least one.
   * @param taken running audits, by the hex id of their reply.
   */
  choose(waiting: readonly string[], taken: ReadonlyMap<string, unknown>): string;
  /** Notes that a payee has a place. @param key hex id of the reply. */
  note(payee: string, key: string): void;
}

/** Payees whose last turn is remembered. */
const REMEMBERED = 4_096;

export function createAuditTurns(): AuditTurns {
  /** Payee of each reply that has a place. */
  const holders = new Map<string, string>();
  /** Number of each payee's last turn, the oldest first. */
  const served = new Map<string, number>();
  let turn = 0;
  return {
    choose(waiting, taken) {
      for (const key of holders.keys()) if (!taken.has(key)) holders.delete(key);
      const held = new Map<string, number>();
      for (const payee of holders.values()) held.set(payee, (held.get(payee) ?? 0) + 1);
      const isBefore = (one: string, other: string): boolean => {
        const more = (held.get(one) ?? 0) - (held.get(other) ?? 0);
        return more < 0 || (more === 0 && (served.get(one) ?? 0) < (served.get(other) ?? 0));
      };
      return waiting.reduce((first, one) => (isBefore(one, first) ? one : first));
    },
    note(payee, key) {
      holders.set(key, payee);
      served.delete(payee);
      served.set(payee, ++turn);
      const [oldest] = served.keys();
      if (served.size > REMEMBERED) served.delete(oldest as string);
    },
  };
}
