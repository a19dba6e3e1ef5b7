import type { RunRecord } from '../run-record.ts';
import { accountOf } from './finding.ts';

export interface HeldEarnings {
  /** Time at which the last of them is released, ISO 8601 in UTC. */
  readonly until: string;
  readonly parties: readonly { readonly name: string; readonly heldAtomic: bigint }[];
}

/** Lists earnings that the contract still holds: a provider loses them if its key is ejected before the time. */
export function listHeld({ members, books: { after } }: Pick<RunRecord, 'members' | 'books'>): HeldEarnings {
  const parties = members.flatMap(({ name, address }) => {
    const { heldAtomic = 0n } = accountOf(after, address) ?? {};
    return heldAtomic > 0n ? [{ name, heldAtomic }] : [];
  });
  return { until: new Date(after.heldUntilS * 1_000).toISOString(), parties };
}
