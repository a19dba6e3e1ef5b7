import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import { compareBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';

export type MintingChain = Pick<ChainClient, 'priceState' | 'mintEpoch' | 'closeMintEpoch'>;

export interface MintingState {
  readonly token: Address;
  /** The validator's account, 20 bytes. */
  readonly validator: Uint8Array;
  readonly chain: { client(): Promise<MintingChain>; validators(): readonly QuorumMember[] };
  readonly onClosed: (number: bigint, transactionHash: string) => void;
}

/** Watched epochs: a day. A claimant of an older open epoch closes it itself. */
export const WATCHED_EPOCHS = 20n;
/** Seconds that each validator leaves to the one before it. */
export const CLOSE_TURN_S = 60n;

/** Closes finished epochs with earnings, in this validator's turn. Keeps no state. @throws ChainError */
export async function stepMintEpochs({ token, validator, chain, onClosed }: MintingState): Promise<void> {
  const client = await chain.client();
  const { now } = await client.priceState(token);
  const present = now / MINT_EPOCH_S;
  for (let number = present - WATCHED_EPOCHS; number < present; number++) {
    const { isClosed, dollars } = await client.mintEpoch(number);
    if (isClosed || dollars === 0n) continue;
    const turn = findTurn(chain.validators(), validator, number);
    if (turn === undefined || now < (number + 1n) * MINT_EPOCH_S + turn * CLOSE_TURN_S) continue;
    try {
      onClosed(number, (await client.closeMintEpoch(number)).transactionHash);
    } catch (error) {
      // Another validator or a claimant was faster.
      if (!(error instanceof ChainError && error.revert?.name === 'ClosedAlready')) throw error;
    }
  }
}

/** Returns this validator's turn: in the order of addresses, with another first validator each time. */
function findTurn(validators: readonly QuorumMember[], own: Uint8Array, number: bigint): bigint | undefined {
  const addresses = validators.map(({ address }) => address).sort(compareBytes);
  const index = addresses.findIndex((address) => equalBytes(address, own));
  if (index === -1) return undefined;
  const count = BigInt(addresses.length);
  return (BigInt(index) - (number % count) + count) % count;
}
