import type { RunRecord } from '../run-record.ts';
import { accountOf } from './finding.ts';

export interface HeldEarnings {
  /** When the last of it is free, ISO 8601 in UTC. */
  readonly until: string;
  readonly parties: readonly { readonly name: string; readonly heldAtomic: bigint }[];
}

/** What providers earned in a run, do not have yet, and lose if their key is ejected before. */
export function listHeld({ members, books: { after } }: Pick<RunRecord, 'members' | 'books'>): HeldEarnings {
  const parties = members.flatMap(({ name, address }) => {
    const { heldAtomic = 0n } = accountOf(after, address) ?? {};
    return heldAtomic > 0n ? [{ name, heldAtomic }] : [];
  });
  return { until: new Date(after.heldUntilS * 1_000).toISOString(), parties };
}
