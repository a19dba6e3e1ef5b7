import { toHex } from '@ogong/protocol/base/bytes';
import { readVotes } from './gather-signatures.ts';
import { createRosterLife } from './roster-life.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';
import { readRoster } from './sum-signatures.ts';

/** Pause between two checks. No demo or test network runs for so long. */
const LOOK_MS = 10 * 60_000;
/** Six hours. Meanwhile the handling validator of a reply keeps the co-signers' share. */
const MAX_LOOKS_BETWEEN = 36n;

type KeepingState = Pick<SettlementState, 'signer' | 'clock' | 'chain' | 'onError'>;

/**
 * Takes a roster if none is in force. Without one, co-signers get no share of batches, and each quorum costs twice the
 * gas (docs/spec/votes.md). Validators take turns, so that one of them pays. Rosters that end soon are taken less
 * often, and every six hours at least.
 * @returns a function to call repeatedly. It checks the chain every ten minutes.
 */
export function createRosterKeeper(
  { signer, clock, chain, onError }: KeepingState,
  client: () => Promise<Pick<SettlementChain, 'votesOf' | 'rosterMembers' | 'takeRoster'>>,
): () => Promise<void> {
  const rosterLife = createRosterLife(MAX_LOOKS_BETWEEN);
  let nextMs = clock.nowMs() + LOOK_MS;
  let looks = 0n;
  /** Checks in a row that have found none. */
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
