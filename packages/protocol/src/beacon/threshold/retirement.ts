import { createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { BeaconNetwork } from '../beacon.ts';

const DOMAIN = encodeDomain('ogong-beacon-retirement-v1');

/** The end of a generation without a successor. The validators return to the bootstrap beacon. */
export interface Retirement {
  readonly generation: number;
  readonly lastEpoch: bigint;
}

/** Hashes the statement that validators sign to end a generation, 32 bytes. */
export function hashRetirement(
  crypto: Pick<Crypto, 'keccak256'>,
  { chainId, settlement }: BeaconNetwork,
  { generation, lastEpoch }: Retirement,
): Uint8Array {
  const writer = createWriter().bytes(DOMAIN).u64(chainId).bytes(settlement, 20);
  return crypto.keccak256(writer.u32(generation).u64(lastEpoch).finish());
}
