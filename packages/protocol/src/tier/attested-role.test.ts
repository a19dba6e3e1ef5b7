import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/tier.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import {
  type AttestedRole,
  computeRoleNonce,
  computeRoleReportData,
  encodeRoleEvidence,
  nameSigningKey,
  parseRoleEvidence,
} from './attested-role.ts';

describe('the attested identity of a role', () => {
  const { attestedRoles: vector } = vectors;
  const ledger = { chainId: BigInt(vector.chainId), verifyingContract: fromHex(vector.escrow) };
  const certHash = fromHex(vector.certHash);
  const asked = { epoch: BigInt(vector.epoch), beacon: fromHex(vector.beacon), certHash };

  it('is as in the vectors, and differs by role', () => {
    const nonce = computeRoleNonce(crypto, asked);
    expect(toHex(nonce)).toBe(vector.nonce);
    for (const { role, nodeId, reportData } of vector.roles) {
      const keys = { role: role as AttestedRole, ledger, nodeId: fromHex(nodeId), certHash };
      expect(toHex(computeRoleReportData(crypto, keys, nonce))).toBe(reportData);
      const other = { ...keys, role: role === 'router' ? ('validator' as const) : ('router' as const) };
      expect(toHex(computeRoleReportData(crypto, other, nonce))).not.toBe(reportData);
    }
    expect(toHex(nameSigningKey(new Uint8Array(20).fill(5)))).toBe(vector.roles[1]?.nodeId);
  });

  it('answers one epoch and one certificate', () => {
    const nonces = [asked, { ...asked, epoch: 8n }, { ...asked, certHash: asked.beacon }].map((each) =>
      toHex(computeRoleNonce(crypto, each)),
    );
    expect(new Set(nonces).size).toBe(3);
  });

  it('is carried by a receipt as the vectors say, and nothing else is read', () => {
    const part = { certHash, evidence: fromHex(vector.evidence) };
    expect(toHex(encodeRoleEvidence(part))).toBe(vector.part);
    expect(parseRoleEvidence(fromHex(vector.part))).toEqual(part);
    for (const broken of [vector.part.slice(2), `${vector.part}00`, vector.part.slice(0, -2), ''])
      expect(() => parseRoleEvidence(fromHex(broken))).toThrow();
  });
});
