import { describe, expect, it } from 'vitest';
import {
  type AnnouncedVerifier,
  computeOrderRoom,
  computeVerifierRoom,
  findVerifierRoomProblem,
} from './verifier-room.ts';

const verifier = (payee: number, contextSize: number, stake = 0): AnnouncedVerifier => ({
  payee: new Uint8Array(20).fill(payee),
  contextSize,
  stake: BigInt(stake),
});

describe('the room of the verifiers of a model', () => {
  it.each<[string, readonly AnnouncedVerifier[], number | undefined]>([
    ['none', [], undefined],
    ['nobody has stake: the largest', [verifier(1, 8), verifier(2, 9)], 9],
    ['one has stake: its own', [verifier(1, 8, 1), verifier(2, 9)], 8],
    ['three quarters of the stake', [verifier(1, 8, 1), verifier(2, 9, 3)], 9],
    ['less than three quarters', [verifier(1, 8, 10), verifier(2, 9, 29)], 8],
    ['a payee counts once, with the most room', [verifier(1, 8, 4), verifier(1, 9, 4), verifier(2, 7, 1)], 9],
    ['many payees', [verifier(1, 6, 1), verifier(2, 7, 1), verifier(3, 8, 1), verifier(4, 9, 1)], 7],
  ])('%s', (_what, verifiers, room) => {
    expect(computeVerifierRoom(verifiers)).toBe(room);
  });

  it('refuses longer replies alone, and none where nobody verifies the model', () => {
    const own = [verifier(1, 8, 1)];
    expect(findVerifierRoomProblem({ whole: own }, 8)).toBeUndefined();
    expect(findVerifierRoomProblem({ whole: own }, 9)).toContain('have room for 8 tokens');
    expect(findVerifierRoomProblem({ whole: [] }, 9)).toBeUndefined();
  });

  it('is that of the shard with the least, where nobody verifies the whole model', () => {
    const shards = [[verifier(1, 9, 1)], [], [verifier(2, 7, 1)]];
    expect(findVerifierRoomProblem({ whole: [], shards }, 7)).toBeUndefined();
    expect(findVerifierRoomProblem({ whole: [], shards }, 8)).toContain('have room for 7 tokens');
    expect(findVerifierRoomProblem({ whole: [verifier(3, 8, 1)], shards }, 8)).toBeUndefined();
    expect(findVerifierRoomProblem({ whole: [], shards: [[], []] }, 8)).toBeUndefined();
  });

  it('is needed for the context of an order, or for the tokens that it pays', () => {
    const order = { contextSize: 4_096, pricePer1kAtomic: 2_000n };
    expect(computeOrderRoom({ ...order, maxFeeAtomic: 1_001n })).toBe(500);
    expect(computeOrderRoom({ ...order, maxFeeAtomic: 10_000n })).toBe(4_096);
    expect(computeOrderRoom({ ...order, pricePer1kAtomic: 0n, maxFeeAtomic: 0n })).toBe(4_096);
  });
});
