import type { Address, Hex } from '@ogong/chain/hex';
import { encodeAbiParameters, keccak256 } from 'viem';

const SEATS = 7;
const LOG_BITS = 48;

/**
 * Computes an account's place in the draw as the contract of hearings does (docs/spec/cases.md).
 * @returns a lower value is drawn earlier
 */
export function computeLot(seed: Hex, account: Address, vote: bigint): bigint {
  const hash = BigInt(keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'address' }], [seed, account]))) | 1n;
  let log = BigInt(hash.toString(2).length - 1);
  let part = log < 128n ? hash << (127n - log) : hash >> (log - 127n);
  for (let i = 0; i < LOG_BITS; i++) {
    part = (part * part) >> 127n;
    const bit = part >> 128n;
    part >>= bit;
    log = (log << 1n) | bit;
  }
  return (((256n << BigInt(LOG_BITS)) - log) << 128n) / vote;
}

/** The accounts of a panel. @param votes without the parties. @param blockHash of the block of the appeal */
export function drawPanel(
  votes: ReadonlyMap<Address, bigint>,
  { blockHash, subject }: { readonly blockHash: Hex; readonly subject: Hex },
): readonly Address[] {
  const words = [{ type: 'bytes32' }, { type: 'bytes32' }] as const;
  const seed = keccak256(encodeAbiParameters(words, [blockHash, subject]));
  const lots = [...votes]
    .filter(([, vote]) => vote > 0n)
    .map(([account, vote]) => [computeLot(seed, account, vote), account] as const);
  const sorted = lots.sort(([a, one], [b, other]) => (a < b || (a === b && one < other) ? -1 : 1));
  return sorted.slice(0, SEATS).map(([, account]) => account);
}
