import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { drawNext, findDueHoneypot } from '@ogong/protocol/verdict/verifier-draw';
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
  seed: 5,
});
const opened = openReply(crypto, served.record, served.openingBytes) as OpenedReply;
const judged = {
  claim: { order: served.order, header: served.header },
  draw: { replyId: served.order.replyId, orderEpoch: 1n, beaconEpoch: 5n, beacon: bytes(32, 4) },
  honeypotPpm: 1_000_000,
  vrfKey: computeVrfPublicKey(bytes(32, 5)),
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
const stateOf = (secret: number) => ({
  crypto,
  vrf: { prove: (input: Uint8Array) => proveVrf(bytes(32, secret), input), findKey: async () => undefined },
  computeDelay: (id: Uint8Array) => id[0] as number,
});
const state = stateOf(5);

it('a honeypot goes to an operator that is asked nothing else about the reply, at a moment of its own', () => {
  const planned = planHoneypot(state, judged, opened, times);
  const { id, verifierId, askAtMs, deadlineMs } = planned as NonNullable<typeof planned>;
  expect(pair.map(({ providerId }) => String(providerId))).not.toContain(String(verifierId));
  expect([askAtMs, deadlineMs]).toEqual([1_000 + (id[0] as number), 9_000]);
});

it('its verifier follows from the beacon alone, its content also from the VRF key', () => {
  const plan = (secret: number) => {
    const vrfKey = computeVrfPublicKey(bytes(32, secret));
    return planHoneypot(stateOf(secret), { ...judged, vrfKey }, opened, times) as HoneypotRow;
  };
  expect(plan(5)).toEqual(plan(5));
  const many = Array.from({ length: 60 }, (_, i) => plan(i));
  expect(new Set(many.map(({ verifierId }) => String(verifierId))).size).toBe(1);
  expect(new Set(many.map(({ proof }) => String(proof))).size).toBe(60);
});

it('a honeypot is not made if only one verifier is asked, if nobody else is left, or if the beacon draws none', () => {
  expect(planHoneypot(state, judged, opened, { ...times, pair: pair.slice(0, 1) })).toBeUndefined();
  expect(planHoneypot(state, judged, opened, { ...times, candidates: pair })).toBeUndefined();
  expect(planHoneypot(state, { ...judged, honeypotPpm: 0 }, opened, times)).toBeUndefined();
  const short = candidates.map((candidate) => ({ ...candidate, contextSize: 8 }));
  expect(planHoneypot(state, judged, opened, { ...times, candidates: short })).toBeUndefined();
});

it('a honeypot is not made by who was no validator of that epoch, nor by another key than the registered one', () => {
  expect(planHoneypot(state, { ...judged, vrfKey: undefined }, opened, times)).toBeUndefined();
  expect(() => planHoneypot(stateOf(6), judged, opened, times)).toThrow('not the one that it has registered');
});

const asked = pair.map(({ providerId }) => ({ verifierId: providerId, sitting: 0, round: 0, weighed: undefined }));

it('later rounds of the audit attempt ask no verifier of that operator', () => {
  const audit = { lists: [candidates], asked };
  const drawAt = (beacon: number, honeypotPpm: number) => {
    const context = {
      ...judged,
      honeypotPpm,
      draw: { ...(judged.draw as object), beacon: bytes(32, beacon) } as never,
    };
    const trapped = findDueHoneypot(crypto, context, audit);
    const next = drawNext(crypto, context, audit, { sitting: 0, round: 1 });
    return { trapped: trapped?.operator, next: next?.operator };
  };
  const beacons = Array.from({ length: 40 }, (_, i) => i);
  const withOne = beacons.map((beacon) => drawAt(beacon, 1_000_000));
  const without = beacons.map((beacon) => drawAt(beacon, 0));
  expect(withOne.filter(({ trapped, next }) => String(trapped) === String(next))).toEqual([]);
  // Without the rule it would be asked now and then.
  const meetings = withOne.filter(({ trapped }, i) => String(trapped) === String(without[i]?.next));
  expect(meetings.length).toBeGreaterThan(0);
});

it('the honeypot verifier is asked about the reply if no other is left, and then its answer does not count', () => {
  const audit = { lists: [candidates.slice(0, 3)], asked };
  const third = candidates[2]?.providerId as Uint8Array;
  expect(findDueHoneypot(crypto, judged, audit)?.providerId).toEqual(third);
  expect(drawNext(crypto, judged, audit, { sitting: 0, round: 1 })?.providerId).toEqual(third);
  const met = { ...audit, asked: [...asked, { verifierId: third, sitting: 0, round: 1, weighed: undefined }] };
  expect(findDueHoneypot(crypto, judged, met)).toBeUndefined();
});
