import { describe, expect, it } from 'vitest';
import { nameCheat } from './name-cheat.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from './noble.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createSyntheticReply } from './synthetic-reply.ts';
import { decodeSketch, encodeSketch, type WindowBytes } from './window.ts';

const { header, opening } = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 64,
});
const claimed = opening.windows;

/** The claim, with sketch values moved by up to `steps`. */
function moved(steps: number, seed: number): WindowBytes[] {
  const random = createSeededRandom(seed);
  return claimed.map(({ draws, sketch }) => ({
    draws,
    sketch: encodeSketch(
      decodeSketch(sketch, { directions: header.sketchDirections }).map(({ exponent, values }) => ({
        exponent,
        values: values.map((v) => Math.max(-2047, Math.min(2047, v + Math.round((random() * 2 - 1) * steps)))),
      })),
    ),
  }));
}

describe('nameCheat', () => {
  it('is certain of the alternative that is the claim, bit for bit, whatever else is near', () => {
    const alternatives = [
      { name: 'near', windows: moved(1, 1) },
      { name: 'itself', windows: claimed },
    ];
    const named = nameCheat(crypto, header, claimed, { honest: moved(40, 2), alternatives });
    expect(named.map(({ name, isCertain }) => [name, isCertain])).toEqual([
      ['itself', true],
      ['near', false],
    ]);
  });

  it('is certain of nothing where the honest re-run is the claim, too', () => {
    const [only] = nameCheat(crypto, header, claimed, {
      honest: claimed,
      alternatives: [{ name: 'same', windows: claimed }],
    });
    expect(only).toEqual({ name: 'same', isCertain: false, score: 0 });
  });

  it('orders the others by how much nearer than the honest re-run they lie', () => {
    const alternatives = [
      { name: 'far', windows: moved(300, 3) },
      { name: 'near', windows: moved(10, 4) },
    ];
    const [first, second] = nameCheat(crypto, header, claimed, { honest: moved(60, 5), alternatives });
    expect(first?.name).toBe('near');
    expect(first?.score).toBeCloseTo(Math.log(6), 0);
    expect(second?.score).toBeLessThan(0);
  });
});
