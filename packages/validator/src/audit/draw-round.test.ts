import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import type { AttemptRow } from '../store/replies/attempt-store.ts';
import { drawRound } from './draw-round.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const ledger = { chainId: 31_337n, verifyingContract: bytes(20, 3) };
const reply = createSyntheticReply({
  ...{ crypto, ledger },
  provider: createTestHybrid('provider'),
  payer: createTestPayee('payer'),
});
const { order, header } = reply;
const judged = {
  claim: { order, header },
  draw: { replyId: order.replyId, orderEpoch: 1n, beaconEpoch: 5n, beacon: bytes(32, 4) },
} as unknown as AuditContext;
const candidates: EvidenceCandidate[] = [1, 2, 3].map((n) => ({
  providerId: bytes(32, n),
  payee: bytes(20, n),
  keyHash: bytes(32, 10 + n),
  operator: bytes(32, 20 + n),
  numericClass: 'other',
  contextSize: 4096,
  weight: 1n,
}));
const history = (attempts: readonly AttemptRow[]) => ({ lists: [candidates], attempts, weighed: new Map() });
const state = { crypto, pairPpm: 1_000_000, fixedVerifier: undefined, jobSecret: bytes(32, 5) };

describe('a round', () => {
  it('asks two different verifiers first, then one, then nobody', () => {
    const first = drawRound(state, judged, history([]));
    expect(first.map(({ attempt, round, outcome }) => ({ attempt, round, outcome }))).toEqual([
      { attempt: 0, round: 0, outcome: 'asked' },
      { attempt: 1, round: 0, outcome: 'asked' },
    ]);
    expect(first[0]!.verifierId).not.toEqual(first[1]!.verifierId);
    expect(first[0]!.nonce).not.toEqual(first[1]!.nonce);
    const next = drawRound(state, judged, history(first));
    expect(next).toMatchObject([{ attempt: 2, round: 1 }]);
    expect(drawRound(state, judged, history([...first, ...next]))).toEqual([]);
  });

  it('asks one alone if the beacon asks for no pair', () => {
    expect(drawRound({ ...state, pairPpm: 0 }, judged, history([]))).toHaveLength(1);
  });

  it('asks two about a key with too little to lose', () => {
    const poor = { ...judged, pairPpm: 1_000_000 };
    const drawn = drawRound({ ...state, pairPpm: 0 }, poor, history([]));
    expect(new Set(drawn.map(({ verifierId }) => verifierId[0])).size).toBe(2);
  });

  it('asks the fixed verifier first, whose key is not known yet', () => {
    const fixedVerifier = { endpoint: { host: '127.0.0.1', port: 1 }, certHash: bytes(32, 9) };
    const [first] = drawRound({ ...state, pairPpm: 0, fixedVerifier }, judged, history([]));
    expect(first).toMatchObject({ attempt: 0, verifierId: bytes(32, 0), keyHash: undefined });
  });
});
