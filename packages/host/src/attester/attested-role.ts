import { encodeEvidence } from '@ogong/attestation/evidence-file';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_MACHINE_EVIDENCE_BYTES } from '@ogong/protocol/tier/attestation';
import { computeRoleReportData, type RoleKeys } from '@ogong/protocol/tier/attested-role';
import { type Attester, AttesterError } from './attester.ts';

/** The machine of a router or a validator, for any caller. */
export interface AttestedRoleMachine {
  /** @param nonce 32 bytes. @returns JSON. @throws AttesterError */
  show(nonce: Uint8Array): Promise<Uint8Array>;
}

/** All gateways ask the same in an epoch: a report of hardware is made once for each question. */
const MAX_KEPT = 8;

export function createAttestedRole(
  keys: RoleKeys,
  { crypto, attester }: { readonly crypto: Pick<Crypto, 'sha256'>; readonly attester: Attester },
): AttestedRoleMachine {
  const kept = new Map<string, Promise<Uint8Array>>();

  async function make(nonce: Uint8Array): Promise<Uint8Array> {
    const evidence = encodeEvidence(await attester.attest(computeRoleReportData(crypto, keys, nonce)));
    if (evidence.length <= MAX_MACHINE_EVIDENCE_BYTES) return evidence;
    throw new AttesterError('malformed', `evidence of ${evidence.length} bytes is too long`);
  }

  return {
    show(nonce) {
      const name = toHex(nonce);
      const known = kept.get(name);
      if (known !== undefined) return known;
      for (const oldest of kept.keys()) if (kept.size >= MAX_KEPT) kept.delete(oldest);
      const made = make(nonce);
      kept.set(name, made);
      // A failed request is repeated.
      made.catch(() => kept.delete(name));
      return made;
    },
  };
}
