import { type EarningsView, readLeastHeld } from '@ogong/host/views/earnings-view';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { CandidateList } from '@ogong/protocol/exchange/match';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import type { Ticket } from '@ogong/protocol/exchange/ticket';

/** A router that cannot read the chain uses its earlier reading for so long. */
const ROUTER_LAG_MS = 3_600_000;

export interface HeldLack {
  readonly problem: string;
  /**
   * The chain never had as much as the list says while an honest router could read it. So the router signed a false statement.
   */
  readonly isLie: boolean;
}

/**
 * The amount that the drawn provider lacks, by the chain and not by the router's claim; undefined if it holds enough. It takes
 * two readings of the chain for each key and period, which are kept.
 * @throws ChainError
 */
export async function findStakeShortfall(
  earnings: Pick<EarningsView, 'heldFor'>,
  { providerId, payee }: Pick<Ticket, 'providerId' | 'payee'>,
  { asked: { minHeldTokens }, candidates }: CandidateList,
  nowMs: number,
): Promise<HeldLack | undefined> {
  if (minHeldTokens === 0n) return undefined;
  const readTokens = async (timeMs: number): Promise<bigint> =>
    (await readLeastHeld(earnings, { providerId, payee }, timeMs)) / ATOMIC_PER_TOKEN;
  const now = await readTokens(nowMs);
  if (now >= minHeldTokens) return undefined;
  const before = await readTokens(nowMs - ROUTER_LAG_MS);
  const listed = candidates.find((each) => equalBytes(each.providerId, providerId))?.heldTokens ?? 0n;
  const problem = `its provider has ${now} whole tokens to lose by the chain, ${listed} by the list, and ${minHeldTokens} were asked for`;
  return { problem, isLie: listed > now && listed > before };
}
