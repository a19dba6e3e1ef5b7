import { expect, it } from 'vitest';
import { type AuditDraw, isSelected } from '../audit/audit.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { CHARGED_FEES, CHARGED_PPM, INITIAL_BALANCE } from '../settlement/audit-balance.ts';
import { computeCharge } from './audit-charge.ts';
import { judge } from './judge.ts';

const drawOf = (number: number): AuditDraw => ({
  ...{ replyId: new Uint8Array(16).fill(number), orderEpoch: 0n },
  ...{ beaconEpoch: 4n, beacon: new Uint8Array(32) },
});
/** A reply that the base coverage draws. */
const draw = Array.from({ length: 256 }, (_, i) => drawOf(i)).find((one) => isSelected(crypto, one, CHARGED_PPM));
const unjudged = { verdict: 'unjudged', evidence: 'none', checks: [], verifiers: [] } as const;

it('an audit without a result charges its key, and one that was never asked for does not', () => {
  const charge = (judgement: Parameters<typeof computeCharge>[1]['judgement']): bigint =>
    computeCharge(crypto, { judgement, draw, feeAtomic: 7n }, INITIAL_BALANCE);
  expect(charge(unjudged)).toBe(CHARGED_FEES * 7n);
  const unasked = judge(crypto, { claim: {} } as never, { kind: 'unasked', consent: undefined, statements: [] });
  expect(unasked).toMatchObject({ verdict: 'unjudged', isUnasked: true });
  expect(charge(unasked)).toBe(0n);
});
