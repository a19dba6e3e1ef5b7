import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { EvidenceCandidate, HoneypotEvidence } from '@ogong/protocol/verdict/evidence';
import { markHoneypot } from '@ogong/protocol/verdict/honeypot';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { expect, it } from 'vitest';
import type { HoneypotRow } from '../store/honeypot-store.ts';
import { planHoneypot } from './plan-honeypots.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const ledger = { chainId: 31_337n, verifyingContract: bytes(20, 3) };
const served = createSyntheticReply({
  ...{ crypto, ledger },
  provider: createTestHybrid('provider'),
  payer: createTestPayee('payer'),
});
const opened = openReply(crypto, served.record, served.openingBytes) as OpenedReply;
const judged = {
  claim: { order: served.order, header: served.header },
  draw: { replyId: served.order.replyId, orderEpoch: 1n, beaconEpoch: 5n, beacon: bytes(32, 4) },
} as unknown as AuditContext;
const candidates: EvidenceCandidate[] = [1, 2, 3, 4, 5].map((n) => ({
  providerId: bytes(32, n),
  payee: bytes(20, n),
  keyHash: bytes(32, 10 + n),
  operator: bytes(32, 20 + n),
  numericClass: 'other',
  contextSize: 4096,
  weight: 1n,
}));
const pair = candidates.slice(0, 2);
const times = { candidates, pair, selectedMs: 1_000, deadlineMs: 9_000 };
const state = {
  ...{ crypto, jobSecret: bytes(32, 5), honeypotPpm: 1_000_000 },
  computeDelay: (id: Uint8Array) => id[0] as number,
};

it('a honeypot goes to an operator that is asked nothing else about the reply, at a moment of its own', () => {
  const planned = planHoneypot(state, judged, opened, times);
  const { id, verifierId, askAtMs, deadlineMs } = planned as NonNullable<typeof planned>;
  expect(pair.map(({ providerId }) => String(providerId))).not.toContain(String(verifierId));
  expect([askAtMs, deadlineMs]).toEqual([1_000 + (id[0] as number), 9_000]);
});

it('whom it goes to follows from the beacon alone, what it is about from the secret, too', () => {
  const plan = (secret: number) =>
    planHoneypot({ ...state, jobSecret: bytes(32, secret) }, judged, opened, times) as HoneypotRow;
  expect(plan(5)).toEqual(plan(5));
  const many = Array.from({ length: 20 }, (_, i) => plan(i));
  expect(new Set(many.map(({ verifierId }) => String(verifierId))).size).toBe(1);
  expect(new Set(many.map(({ position }) => position)).size).toBeGreaterThan(4);
});

it('a honeypot is not made if only one verifier is asked, if nobody else is left, or if the beacon draws none', () => {
  expect(planHoneypot(state, judged, opened, { ...times, pair: pair.slice(0, 1) })).toBeUndefined();
  expect(planHoneypot(state, judged, opened, { ...times, candidates: pair })).toBeUndefined();
  expect(planHoneypot({ ...state, honeypotPpm: 0 }, judged, opened, times)).toBeUndefined();
  const short = candidates.map((candidate) => ({ ...candidate, contextSize: 8 }));
  expect(planHoneypot(state, judged, opened, { ...times, candidates: short })).toBeUndefined();
});

it('an answer marks nobody whose key or operator was asked about the reply in any round', () => {
  const { verifierId } = planHoneypot(state, judged, opened, times) as HoneypotRow;
  const drawn = candidates.find(({ providerId }) => providerId === verifierId) as EvidenceCandidate;
  const [other] = candidates.filter((one) => one !== drawn && !pair.includes(one)) as [EvidenceCandidate];
  const context = {
    ...{ draw: judged.draw, order: served.order, candidates, pair, honeypotPpm: 1_000_000, endpoint: 'chat' },
    ...{ validator: bytes(20, 1), agreed: new Uint8Array(), drift: undefined },
  };
  const committed = { verifierKey: bytes(1, 0), digest: bytes(32, 0), signature: bytes(1, 0) };
  const evidence = { verifierId, nonce: bytes(16, 0), committed } as unknown as HoneypotEvidence;
  const mark = (asked: readonly EvidenceCandidate[]) => markHoneypot(crypto, opened, { ...context, asked }, evidence);
  const refused = { problem: 'its verifier was asked about the reply, too' };
  const foreign = { problem: 'signed by another key than the verifier announced' };
  expect(mark([...pair, other])).toEqual(foreign);
  expect(mark([...pair, { ...other, operator: drawn.operator }])).toEqual(refused);
  expect(mark([...pair, { ...other, keyHash: drawn.keyHash }])).toEqual(refused);
});
