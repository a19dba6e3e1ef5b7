import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/timed-challenge.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computeRefereePlace, TIMED_WORK, type TimedWorkOf, writeTimedWork } from './timed-work.ts';

const usual: TimedWorkOf = {
  ...{ output: new Uint8Array(64).fill(1), subject: new Uint8Array(64).fill(2) },
  ...{ arrival: 0, part: 0, vocabularySize: 1_000 },
};
const nameOf = (work: TimedWorkOf): string => {
  const { prompt, sketchBankSeed, outputTokens } = writeTimedWork(crypto, work);
  return `${prompt} ${toHex(sketchBankSeed)} ${outputTokens.join()}`;
};

describe('work from the beacon', () => {
  it('matches the vectors', () => {
    expect(vectors.works.length).toBeGreaterThan(3);
    for (const { output, subject, referee, ...rest } of vectors.works) {
      const drawn = { output: fromHex(output), subject: fromHex(subject), arrival: rest.arrival };
      const work = writeTimedWork(crypto, { ...drawn, part: rest.part, vocabularySize: rest.vocabularySize });
      expect(work.prompt).toBe(rest.prompt);
      expect(toHex(work.sketchBankSeed)).toBe(rest.sketchBankSeed);
      expect([...work.outputTokens]).toEqual(rest.outputTokens);
      expect(toHex(computeRefereePlace(crypto, drawn, fromHex(referee.providerId)))).toBe(referee.place);
    }
  });

  it('changes with each of its inputs', () => {
    const others: TimedWorkOf[] = [
      { ...usual, output: new Uint8Array(64).fill(3) },
      { ...usual, subject: new Uint8Array(64).fill(3) },
      { ...usual, arrival: 1 },
      { ...usual, part: 1 },
    ];
    expect(new Set([usual, ...others].map(nameOf)).size).toBe(5);
    // A model with another vocabulary reads the same prompt and other tokens.
    const [here, there] = [usual, { ...usual, vocabularySize: 7 }].map((one) => writeTimedWork(crypto, one));
    expect(there?.prompt).toBe(here?.prompt);
    expect(Math.max(...(there?.outputTokens ?? []))).toBe(6);
  });

  it('has the same length for everybody', () => {
    expect(writeTimedWork(crypto, usual).outputTokens.length).toBe(TIMED_WORK.tokens);
    expect(writeTimedWork(crypto, usual).prompt).toMatch(/^[0-9a-f]{64}$/);
    expect(TIMED_WORK.countedTokens).toBe(768);
  });

  it('refuses values that no challenge has', () => {
    for (const [bend, why] of [
      [{ part: 4 }, 'part 4'],
      [{ part: -1 }, 'part -1'],
      [{ vocabularySize: 1 }, 'a vocabulary of 1'],
      [{ vocabularySize: 2 ** 24 + 1 }, 'a vocabulary of'],
      [{ output: new Uint8Array(63) }, ''],
      [{ subject: new Uint8Array(65) }, ''],
      [{ arrival: 256 }, ''],
    ] as const) {
      expect(() => writeTimedWork(crypto, { ...usual, ...bend })).toThrow(why);
    }
  });
});
