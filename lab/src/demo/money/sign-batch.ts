import type { ChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { type SettleCall, sortQuorum } from '@ogong/chain/settlement/settle-call';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import type { MeshValidator } from '@ogong/devnet/mesh/mesh-identities';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromHex } from '@ogong/protocol/base/bytes';
import { hashSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import type { Member } from '../run-record.ts';

export interface CourtContext {
  readonly mesh: Mesh;
  readonly chain: ChainClient;
  readonly members: readonly Member[];
  /** With their keys, the largest bond first. */
  readonly validators: readonly NamedValidator[];
}

export interface NamedValidator extends MeshValidator {
  readonly name: string;
}

export const toBytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

/** A batch under the signatures of these validators. */
export async function signBatch(
  { chain }: Pick<CourtContext, 'chain'>,
  signers: readonly NamedValidator[],
  { batch, debits, lines, ejections, tallies }: Omit<Settlement, 'uncollectable'>,
): Promise<SettleCall> {
  const lists = { batch, debits, lines, ejections, tallies };
  const digest = hashSettlement(crypto, domainOf(chain.deployment, chain.deployment.settlement), lists);
  const signatures = signers.map(({ signing }) => signing.signDigest(digest));
  return { ...lists, quorum: await sortQuorum(digest, signatures) };
}
