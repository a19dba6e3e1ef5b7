import { toHex } from '@ogong/protocol/base/bytes';
import { readVotes } from './gather-signatures.ts';
import { createRosterLife } from './roster-life.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';
import { readRoster } from './sum-signatures.ts';

/** Between two looks. No network that is played or tested runs for so long. */
const LOOK_MS = 10 * 60_000;
/** Six hours: meanwhile whoever handles a reply has the part of those who sign with it. */
const MAX_LOOKS_BETWEEN = 36n;

type KeepingState = Pick<SettlementState, 'signer' | 'clock' | 'chain' | 'onError'>;

/**
 * Has a roster taken where none is in force: without one, those who sign batches share nothing of them, and each quorum costs twice the gas
 * (docs/spec/votes.md). Validators take turns, so that one of them pays for it; rosters that end soon are taken less and less often, and every six hours at least.
 * @returns what to call now and then; it looks at the chain every ten minutes.
 */
export function createRosterKeeper(
  { signer, clock, chain, onError }: KeepingState,
  client: () => Promise<Pick<SettlementChain, 'votesOf' | 'rosterMembers' | 'takeRoster'>>,
): () => Promise<void> {
  const rosterLife = createRosterLife(MAX_LOOKS_BETWEEN);
  let nextMs = clock.nowMs() + LOOK_MS;
  let looks = 0n;
  /** Looks that have found none, one after the other. */
  let missing = 0;
  const look = async (): Promise<void> => {
    const validators = chain.validators();
    if (validators.length < 2) return;
    const found = await client();
    looks++;
    if ((await found.rosterMembers()).length > 0) {
      missing = 0;
      rosterLife.see(looks);
      return;
    }
    const ordered = validators.map(({ address }) => toHex(address)).sort();
    const turn = ordered.indexOf(toHex(signer.address));
    if (turn === -1 || missing++ < turn) return;
    await readRoster(found, await readVotes(found, validators, []), { rosterLife, sequence: looks });
  };
  return async () => {
    if (clock.nowMs() < nextMs) return;
    nextMs = clock.nowMs() + LOOK_MS;
    await look().catch(onError);
  };
}
