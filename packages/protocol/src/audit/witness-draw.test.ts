import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { hashSilence, type SilenceKind } from '../exchange/silence.ts';
import {
  areEnoughWitnesses,
  computeWitnessEpoch,
  countPanel,
  drawWitnesses,
  MAX_WITNESSES,
  type WitnessDraw,
} from './witness-draw.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const draw: WitnessDraw = {
  ...{ beacon: fill(32, 1), replyId: fill(16, 2), asked: 'record', target: fill(32, 3), validator: fill(20, 1) },
};
const members = (stakes: readonly bigint[]) => stakes.map((stake, i) => ({ address: fill(20, i + 1), stake }));
const list = (drawn: readonly { readonly address: Uint8Array }[]): string =>
  drawn.map(({ address }) => address[0]).join();

describe('the witnesses', () => {
  it('are up to nine other validators with stake, each once, in the same order for everybody', () => {
    const all = members(Array.from({ length: 14 }, (_, i) => (i === 5 ? 0n : 100n)));
    const drawn = drawWitnesses(crypto, draw, all);
    expect(drawn).toHaveLength(MAX_WITNESSES);
    expect(new Set(drawn.map(({ address }) => toHex(address))).size).toBe(MAX_WITNESSES);
    expect(list(drawn).split(',')).not.toContain('1');
    expect(list(drawn).split(',')).not.toContain('6');
    expect(list(drawWitnesses(crypto, draw, all.toReversed()))).toBe(list(drawn));
  });

  it.each([
    ['beacon', { beacon: fill(32, 9) }],
    ['reply', { replyId: fill(16, 9) }],
    ['question', { asked: 'opening' as const }],
    ['party', { target: fill(32, 9) }],
  ])('change with the %s', (_name, change) => {
    const all = members(Array<bigint>(14).fill(100n));
    expect(list(drawWitnesses(crypto, { ...draw, ...change }, all))).not.toBe(list(drawWitnesses(crypto, draw, all)));
  });

  it('come first about in proportion to their stake', () => {
    const all = members([100n, 100n, 800n, 100n]);
    let first = 0;
    for (let i = 0; i < 500; i++) {
      const replyId = crypto.sha256(Uint8Array.of(i, i >> 8)).slice(0, 16);
      if (drawWitnesses(crypto, { ...draw, replyId }, all)[0] === all[2]) first++;
    }
    expect(first).toBeGreaterThan(370);
    expect(first).toBeLessThan(430);
  });

  it('are none if there is no other validator', () => {
    expect(drawWitnesses(crypto, draw, members([100n]))).toEqual([]);
    expect(areEnoughWitnesses([], 0)).toBe(true);
  });

  it('are drawn by the first epoch that may decide about the order', () => {
    expect(computeWitnessEpoch(10n)).toBe(14n);
  });
});

describe('the vectors', () => {
  const { members: listed, draws, silence } = { ...vectors.witnesses, silence: vectors.silence };
  const named = ({ beacon, replyId, target, validator }: typeof vectors.witnesses) => ({
    ...{ beacon: fromHex(beacon), replyId: fromHex(replyId), target: fromHex(target), validator: fromHex(validator) },
  });

  it.each(draws)('draw the witnesses for a $asked', ({ asked, drawn }) => {
    const all = listed.map(({ address, stake }) => ({ address: fromHex(address), stake: BigInt(stake) }));
    const found = drawWitnesses(crypto, { ...named(vectors.witnesses), asked: asked as SilenceKind }, all);
    expect(found.map((one) => all.indexOf(one))).toEqual(drawn);
  });

  it('have the digest of a statement', () => {
    const ledger = { chainId: BigInt(silence.chainId), verifyingContract: fromHex(silence.escrow) };
    const { witness, validator, orderHash, target, subject } = silence;
    const about = { witness: fromHex(witness), validator: fromHex(validator), orderHash: fromHex(orderHash) };
    const told = { isRefused: true, epoch: BigInt(silence.epoch), timeMs: silence.time, asked: 'opening' as const };
    const statement = { ...about, target: fromHex(target), subject: fromHex(subject), ...told };
    expect(toHex(hashSilence(crypto, ledger, statement))).toBe(silence.digest);
  });
});

describe('statements', () => {
  it.each([
    ['two of the first three', [0, 2], 9, true],
    ['one of the first three', [1], 9, false],
    ['one of the first three and one behind them', [1, 3], 9, false],
    ['three of the first five', [1, 3, 4], 9, true],
    ['four of the first seven, one of the first three', [2, 4, 5, 6], 9, true],
    ['four of the last six', [5, 6, 7, 8], 9, false],
    ['five of the first nine', [1, 5, 6, 7, 8], 9, true],
    ['one of two', [0], 2, false],
    ['both of two', [0, 1], 2, true],
    ['the only one', [0], 1, true],
    ['nobody of one', [], 1, false],
    ['three of four', [1, 2, 3], 4, true],
  ])('of %s: enough is %s', (_name, places, drawn, enough) => {
    expect(areEnoughWitnesses(places, drawn)).toBe(enough);
  });

  it('come from more witnesses after each widening, at most nine', () => {
    expect([0, 1, 2, 3, 9].map(countPanel)).toEqual([3, 5, 7, 9, 9]);
  });
});
