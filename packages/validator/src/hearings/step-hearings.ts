import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { Hex } from '@ogong/chain/hex';
import { compareBytes, equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';

type HearingChain = Pick<ChainClient, 'hearingsOpened' | 'hearingOf' | 'drawPanel' | 'appealDelay'>;

interface HearingsState {
  /** The validator's account, 20 bytes. */
  readonly validator: Uint8Array;
  readonly chain: { client(): Promise<HearingChain>; validators(): readonly QuorumMember[] };
  readonly onDrawn: (subject: Hex, transactionHash: string) => void;
  /** Called when this validator is on the panel, so that its operator decides the appeal. */
  readonly onPanelMember: (subject: Hex) => void;
  /** Called when a panel cannot be drawn yet. */
  readonly onError: (subject: Hex, error: unknown) => void;
  /** Time since which an appeal without a panel is known, by the chain's clock. */
  readonly waiting: Map<Hex, bigint>;
  /**
   * Appeals already reported to the operator. The newest blocks are read more than once, since others may replace them.
   */
  readonly asked: Set<Hex>;
  /** Undefined before the first reading. */
  next: bigint | undefined;
}

/** Seconds that each validator leaves to the one before it, so that one of them pays for the transaction. */
export const DRAW_TURN_S = 60n;
/**
 * Number of turns, after which they begin again: a panel is drawn long before the chain forgets the block that draws
 * it.
 */
const MOST_TURNS = 8;

export const openHearingsState = (options: Omit<HearingsState, 'waiting' | 'asked' | 'next'>): HearingsState => ({
  ...options,
  ...{ waiting: new Map(), asked: new Set(), next: undefined },
});

/**
 * Draws the panels of appeals in this validator's turn. If no validator drew them, a party could wait for a block with
 * a friendlier panel.
 * @throws ChainError
 */
export async function stepHearings(state: HearingsState): Promise<void> {
  const { waiting } = state;
  const client = await state.chain.client();
  const { subjects, next, now } = await client.hearingsOpened(state.next);
  state.next = next;
  for (const subject of subjects) waiting.set(subject, waiting.get(subject) ?? now);
  if (waiting.size === 0) return;
  const appealDelay = BigInt(await client.appealDelay());
  for (const [subject, since] of waiting) {
    // The appeal is over, so a panel has no effect any more.
    if (now >= since + appealDelay) {
      waiting.delete(subject);
      continue;
    }
    const turn = findTurn(state, subject);
    const isMine = turn !== undefined && now >= since + turn * DRAW_TURN_S;
    try {
      if (!(await endWhereDrawn(state, client, subject)) && isMine) {
        const { transactionHash } = await client.drawPanel(subject);
        if (await endWhereDrawn(state, client, subject)) state.onDrawn(subject, transactionHash);
      }
    } catch (error) {
      // Another validator was faster.
      if (!(error instanceof ChainError && error.revert?.name === 'DrawnAlready')) state.onError(subject, error);
    }
  }
}

/** A late draw names another block, and draws no panel. */
async function endWhereDrawn(
  { validator, waiting, asked, onPanelMember }: HearingsState,
  client: HearingChain,
  subject: Hex,
): Promise<boolean> {
  const { panel } = await client.hearingOf(subject);
  if (panel.length === 0) return false;
  waiting.delete(subject);
  const isSeated = panel.some((account) => equalBytes(validator, fromHex(account.slice(2), 20)));
  if (isSeated && !asked.has(subject)) onPanelMember(subject);
  asked.add(subject);
  return true;
}

/**
 * Returns this validator's turn: in the order of addresses, with another first validator each time. Undefined for a
 * non-validator.
 */
function findTurn({ validator, chain }: Pick<HearingsState, 'validator' | 'chain'>, subject: Hex): bigint | undefined {
  const addresses = chain
    .validators()
    .map(({ address }) => address)
    .sort(compareBytes);
  const own = addresses.findIndex((address) => equalBytes(address, validator));
  if (own === -1) return undefined;
  const first = Number(BigInt(subject) % BigInt(addresses.length));
  return BigInt(((own - first + addresses.length) % addresses.length) % MOST_TURNS);
}
