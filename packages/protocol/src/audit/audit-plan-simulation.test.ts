import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { PPM } from '../exchange/reputation.ts';
import { computeDeterredSaving, computeDeterringCoverage, measureSoundness, type Stakes } from './audit-plan.ts';

/**
 * Checks Proposition 1 against simulated providers: the break-even of the formula is where the sign of their profit changes.
 */

interface Play {
  readonly stakes: Stakes;
  readonly saving: bigint;
  /** Share of the replies that are cheated. */
  readonly share: number;
  readonly replies: number;
}

/**
 * Returns how much more a provider earns per reply if it cheats on a share of its replies. Both providers meet the same audits.
 * @returns by coverage: mean and standard error, atomic units per reply. The draws are the same for each coverage.
 */
function playReplies({ stakes, saving, share, replies }: Play) {
  const random = createSeededRandom(41);
  const draws = new Float64Array(3 * replies).map(random);
  const fee = Number(stakes.feeAtomic);
  const loss = fee + Number(stakes.franchiseAtomic);
  const [s, eps, saved] = [stakes.soundnessPpm / PPM, stakes.falsePositivePpm / PPM, Number(saving)];
  return (coverage: number): { mean: number; error: number } => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < draws.length; i += 3) {
      const isCheat = (draws[i] as number) < share;
      const isAudited = (draws[i + 1] as number) < coverage;
      const luck = draws[i + 2] as number;
      const honest = fee - (isAudited && luck < eps ? loss : 0);
      const cheat = isCheat ? fee + saved - (isAudited && luck < s ? loss : 0) : honest;
      sum += cheat - honest;
      squares += (cheat - honest) ** 2;
    }
    const mean = sum / replies;
    return { mean, error: Math.sqrt((squares / replies - mean * mean) / replies) };
  };
}

/** Finds the coverage at which cheating stops to pay. Over the same draws, the profit of cheating only falls. */
function findBreakEven(profit: ReturnType<typeof playReplies>): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 16; i++) {
    const middle = (low + high) / 2;
    if (profit(middle).mean > 0) low = middle;
    else high = middle;
  }
  return high;
}

// The whitepaper's rates, at which the fee alone deters. And a weak check, with an ejection that costs most.
const PAPER: Play = {
  stakes: { soundnessPpm: 900_000, falsePositivePpm: 20_000, feeAtomic: 1000n, franchiseAtomic: 0n },
  saving: 300n,
  share: 0.3,
  replies: 100_000,
};
const WEAK: Play = {
  stakes: { soundnessPpm: 400_000, falsePositivePpm: 50_000, feeAtomic: 1000n, franchiseAtomic: 9000n },
  saving: 500n,
  share: 0.5,
  replies: 100_000,
};

describe('deterring coverage', () => {
  /** Returns whether a coverage is the simulated break-even, within three standard errors of the simulation. */
  function isBreakEven(play: Play, coverage: number): boolean {
    const profit = playReplies(play);
    // Profit is share * (saving - coverage * margin * loss). At break-even it falls by share * saving / coverage per unit of
    // coverage.
    const width = (3 * profit(coverage).error * coverage) / (play.share * Number(play.saving));
    return Math.abs(findBreakEven(profit) - coverage) < width;
  }

  it.each([
    ['by the fee', PAPER],
    ['by the fee, for a provider that always cheats', { ...PAPER, share: 1 }],
    ['by ejection', WEAK],
  ])('is where cheating stops to pay %s', (_, play) => {
    const coverage = (computeDeterringCoverage(play.stakes, play.saving) as number) / PPM;
    expect(isBreakEven(play, coverage)).toBe(true);
    const [below, above] = [0.9, 1.1].map((factor) => playReplies(play)(coverage * factor));
    expect(below!.mean).toBeGreaterThan(3 * below!.error);
    expect(above!.mean).toBeLessThan(-3 * above!.error);
  });

  it('would be wrong without false positives, and without the fee', () => {
    for (const change of [{ falsePositivePpm: 0 }, { feeAtomic: 0n }]) {
      const wrong = computeDeterringCoverage({ ...WEAK.stakes, ...change }, WEAK.saving) as number;
      expect(isBreakEven(WEAK, wrong / PPM)).toBe(false);
    }
  });

  it('from a measured soundness deters in all but 5 % of measurements', () => {
    const random = createSeededRandom(42);
    const measurements = 2000;
    const replies = 200;
    const truth = { ...PAPER.stakes, falsePositivePpm: 10_000 };
    const needed = computeDeterringCoverage(truth, PAPER.saving) as number;
    const missed = { limit: 0, share: 0 };
    for (let i = 0; i < measurements; i++) {
      let caught = 0;
      for (let k = 0; k < replies; k++) if (random() < truth.soundnessPpm / PPM) caught++;
      const power = [{ name: 'q4', replies, caught: [caught, caught, caught, caught] }];
      const [measured] = measureSoundness({ power }, 0.01);
      const plan = (soundnessPpm: number): number =>
        computeDeterringCoverage({ ...truth, soundnessPpm }, PAPER.saving) ?? PPM;
      if (plan(measured!.soundnessPpm) < needed) missed.limit++;
      if (plan(Math.floor((caught / replies) * PPM)) < needed) missed.share++;
    }
    // Three standard errors of 5 % over 2000 measurements.
    const most = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / measurements);
    expect(missed.limit / measurements).toBeLessThan(most);
    expect(missed.limit).toBeGreaterThan(0);
    // With the share that was caught as the soundness, about half of the measurements deter.
    expect(missed.share / measurements).toBeGreaterThan(most);
  });
});

describe('deterred saving', () => {
  const FEE = 1_000_000;
  const COST = 600_000;
  /** Chance that there is another reply. */
  const GOES_ON = 0.95;
  const COVERAGE = 0.05;
  const SOUNDNESS = 0.9;
  const FALSE_POSITIVE = 0.01;
  const LIVES = 15_000;

  /** Simulates what a provider earns until its first reject, which ejects it, or until no reply is left to serve. */
  function playLives(saving: number, share: number): { mean: number; error: number } {
    const random = createSeededRandom(43);
    let sum = 0;
    let squares = 0;
    for (let life = 0; life < LIVES; life++) {
      let earned = 0;
      for (let goesOn = true; goesOn; goesOn = goesOn && random() < GOES_ON) {
        const isCheat = random() < share;
        const isRejected = random() < COVERAGE * (isCheat ? SOUNDNESS : FALSE_POSITIVE);
        earned += (isRejected ? 0 : FEE) - COST + (isCheat ? saving : 0);
        if (isRejected) goesOn = false;
      }
      sum += earned;
      squares += earned * earned;
    }
    const mean = sum / LIVES;
    return { mean, error: Math.sqrt((squares / LIVES - mean * mean) / LIVES) };
  }

  /** Compares the earnings of cheating and of honesty over a life, within three standard errors. */
  function compare(saving: number, share: number): 'more' | 'less' | 'as much' {
    const [cheat, honest] = [playLives(saving, share), playLives(0, 0)];
    const error = 3 * Math.hypot(cheat.error, honest.error);
    if (Math.abs(cheat.mean - honest.mean) < error) return 'as much';
    return cheat.mean > honest.mean ? 'more' : 'less';
  }

  it('is where cheats and honest providers earn the same over a whole life', () => {
    // The franchise is what an honest provider will still earn. The test simulates it, so that no formula confirms itself.
    const { mean: life } = playLives(0, 0);
    const franchise = GOES_ON * life;
    const save = (franchiseAtomic: number): number => {
      const stakes = {
        soundnessPpm: SOUNDNESS * PPM,
        falsePositivePpm: FALSE_POSITIVE * PPM,
        feeAtomic: BigInt(FEE),
        franchiseAtomic: BigInt(Math.round(franchiseAtomic)),
      };
      return Number(computeDeterredSaving(stakes, COVERAGE * PPM));
    };
    for (const share of [0.3, 1]) {
      expect(compare(save(franchise), share)).toBe('as much');
      expect(compare(save(franchise) * 1.25, share)).toBe('more');
      expect(compare(save(franchise) * 0.75, share)).toBe('less');
      // If the loss were the fee alone, the coverage would deter far less than it does.
      expect(compare(save(0), share)).toBe('less');
    }
  });
});
