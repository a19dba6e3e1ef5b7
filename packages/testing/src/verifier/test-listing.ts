import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashJobRound, hashReveal, type JobRound } from '@ogong/protocol/exchange/round-signature';
import { testCrypto as crypto } from '../validator/test-crypto.ts';
import { createTestLedgerSigner, seedOf } from '../validator/test-keys.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0xe5) };
const addressOf = (certHash: Uint8Array): Uint8Array => certHash.slice(0, 20);
const keyOf = (certHash: Uint8Array) => createTestLedgerSigner(seedOf(`signing key ${toHex(certHash)}`));

/** The chain as a verifier sees it, with the validators of these certificates. */
export function createTestListing(
  certHashes: readonly Uint8Array[],
): Pick<ChainView, 'findByCertHash' | 'findByAddress' | 'ledger'> {
  const members = certHashes.map((certHash) => ({
    ...{ address: addressOf(certHash), signingKey: keyOf(certHash).address, stake: 1n, certHash },
    ...{ vrfKey: new Uint8Array(32), endpoint: 'v:1' },
  }));
  return {
    ledger,
    findByCertHash: (hash) => members.find((one) => equalBytes(one.certHash, hash)),
    findByAddress: (address) => members.find((one) => equalBytes(one.address, address)),
  };
}

/** The validator's message with the round that it has opened. */
export function nameTestRound(certHash: Uint8Array, { jobId, round }: JobRound) {
  const validator = addressOf(certHash);
  const digest = hashReveal(crypto, ledger, { validator, round: hashJobRound(crypto, { jobId, round }) });
  return { jobId, round: [...round], word: keyOf(certHash).signDigest(digest) };
}
