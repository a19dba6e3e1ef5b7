import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { expect, it } from 'vitest';
import { planHoneypots } from './plan-honeypots.ts';

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
const occasion = { candidates, pair, selectedMs: 1_000, deadlineMs: 9_000 };
/** Two for each audit, the most that there are. */
const state = {
  ...{ crypto, jobSecret: bytes(32, 5), pairPpm: 1_000_000, honeypotPpm: 2_000_000 },
  alphaPpm: () => 1_000_000,
  computeDelay: (id: Uint8Array) => id[0] as number,
};

it('a honeypot goes to operators that are asked nothing else about the reply, at a moment of its own', () => {
  const planned = planHoneypots(state, judged, opened, occasion);
  expect(planned).toHaveLength(2);
  const asked = [...pair.map(({ providerId }) => providerId), ...planned.map(({ verifierId }) => verifierId)];
  expect(new Set(asked.map(String)).size).toBe(4);
  for (const { id, askAtMs, deadlineMs } of planned) {
    expect([askAtMs, deadlineMs]).toEqual([1_000 + (id[0] as number), 9_000]);
  }
});

it('a honeypot is the same after a restart, and nobody without the secret can compute it', () => {
  const plan = (jobSecret: Uint8Array) => planHoneypots({ ...state, jobSecret }, judged, opened, occasion);
  expect(plan(bytes(32, 5))).toEqual(plan(bytes(32, 5)));
  const ids = (secret: number) => plan(bytes(32, secret)).map(({ id }) => String(id));
  expect(ids(5)).not.toContain(ids(6)[0]);
});

it('a honeypot is not made if only one verifier is asked, if nobody else is left, or if none is wanted', () => {
  expect(planHoneypots(state, judged, opened, { ...occasion, pair: pair.slice(0, 1) })).toEqual([]);
  expect(planHoneypots(state, judged, opened, { ...occasion, candidates: pair })).toEqual([]);
  expect(planHoneypots({ ...state, honeypotPpm: 0 }, judged, opened, occasion)).toEqual([]);
});
