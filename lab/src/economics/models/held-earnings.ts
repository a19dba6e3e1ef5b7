import { computeAuditRate, SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createFindings, type EconomicModel, round } from '../finding.ts';

const FEE = 1_000_000n;
const S = SOUNDNESS_PPM / 1e6;

/** Coverage of a reply by the product's own function, for a key that holds `held` fees. */
function coverageOf(held: number, basePpm: number): number {
  const heldAtomic = BigInt(Math.round(held * Number(FEE)));
  return computeAuditRate({ feeAtomic: FEE, heldAtomic, soundnessPpm: SOUNDNESS_PPM, basePpm }) / 1e6;
}

/** A new key forges every reply from some time on. @param bond put down for it, in fees @returns its mean takings, in fees, over many lives. */
function forge(
  honest: number,
  burst: number,
  rule: (held: number) => number,
  random: () => number,
  lives: number,
  bond = { counted: 0, forfeited: 0 },
): number {
  let sum = 0;
  for (let life = 0; life < lives; life++) {
    let held = honest;
    let took = 0;
    for (let i = 0; i < burst; i++) {
      if (random() < rule(held + bond.counted) * S) {
        took -= held + bond.forfeited;
        break;
      }
      held += 1;
      took += 1;
    }
    sum += took;
  }
  return sum / lives;
}

/** Computes the mean gain of a new key from forged replies. Two verifiers check each reply while it holds no earnings. */
function expectedBurst(burst: number, rule: (held: number) => number): number {
  let alive = 1;
  let expected = 0;
  for (let held = 0; held < burst; held++) {
    // While the key holds too little to deter, two verifiers look.
    const single = rule(held) * S;
    const caught = rule(held) === 1 ? 1 - (1 - S) ** 2 : single;
    expected += alive * ((1 - caught) * 1 - caught * held);
    alive *= 1 - caught;
  }
  return expected;
}

interface Mixture {
  /** Chance that a reply is forged in a period in which some are. */
  readonly forged: number;
  /** Chance that a period has any. */
  readonly active: number;
  /** Periods that it serves honestly first. */
  readonly honest: number;
}

const PERIODS = 8;

/**
 * Plays a key that forges some replies at random over several periods. Its audits depend on its earnings in the whole period before.
 * A reject takes its earnings of this period and of the two before, and ends it.
 * @returns its mean earnings from forged replies less its lost honest fees, in fees.
 */
function mix(
  { forged, active, honest: first }: Mixture,
  rule: (held: number) => number,
  random: () => number,
  { lives, perPeriod }: { readonly lives: number; readonly perPeriod: number },
): number {
  let sum = 0;
  for (let life = 0; life < lives; life++) {
    const earned: { honest: number; forged: number }[] = [];
    let isCaught = false;
    for (let period = 0; period < PERIODS && !isCaught; period++) {
      const before = earned[period - 1];
      const audited = rule(before === undefined ? 0 : before.honest + before.forged);
      const caught = audited === 1 ? 1 - (1 - S) ** 2 : audited * S;
      const now = { honest: 0, forged: 0 };
      earned.push(now);
      const chance = period >= first && random() < active ? forged : 0;
      for (let i = 0; i < perPeriod && !isCaught; i++) {
        if (random() >= chance) now.honest++;
        else if (random() < caught) isCaught = true;
        else now.forged++;
      }
    }
    const taken = isCaught ? earned.slice(-3) : [];
    sum += earned.reduce((all, { forged: one }) => all + one, 0);
    sum -= taken.reduce((all, { honest, forged: one }) => all + honest + one, 0);
  }
  return sum / lives;
}

export function runHeldEarnings(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(2);
  const rule = (held: number): number => coverageOf(held, 20_000);
  const flat = (): number => 0.02;
  const gains = [1, 5, 20, 50, 100, 400].map((burst) => forge(30, burst, rule, random, 20_000));
  const most = Math.max(...gains);
  say(
    'A burst of forged replies gains nothing against held earnings: the amount that a key holds is a martingale at best',
    most < 0.5,
    `bursts of 1 to 400 behind 30 held fees: at most ${round(most)} fees on average`,
  );
  const early = [1, 2, 3, 5, 10, 50].map((burst) => expectedBurst(burst, rule));
  say(
    'A new key that forges from its first reply gains less than the entrance of five fees, in any number of replies',
    Math.max(...early) < 5,
    `bursts of 1 to 50: at most ${round(Math.max(...early))} fees`,
  );
  const mixtures = [0.02, 0.1, 0.3, 1].flatMap((forged) =>
    [0.2, 1].flatMap((active) => [0, 1, 3].map((honest) => ({ forged, active, honest }))),
  );
  const sizes = [5, 40, 200];
  const mixed = sizes.flatMap((perPeriod) =>
    mixtures.map((mixture) => mix(mixture, rule, random, { lives: 600, perPeriod })),
  );
  say(
    'Nor does a mixture gain: forged replies among honest ones by chance, in all periods or some',
    Math.max(...mixed) < 0.5,
    `${mixed.length} mixtures, ${sizes.join(', ')} replies in each of ${PERIODS} periods, 600 lives: at most ${round(Math.max(...mixed))} fees on average`,
  );
  const loosely = mixtures.map((mixture) => mix(mixture, flat, random, { lives: 600, perPeriod: 5 }));
  say(
    'Broken twin: at a flat 2 % mixtures of who holds little gain',
    Math.max(...loosely) > 5,
    `at most ${round(Math.max(...loosely))} fees on average`,
  );
  const hitAndRun = forge(0, 5_000, flat, random, 4_000);
  const unheld = (1 / (0.02 * S)) * (1 - 0.02 * S);
  const payout = (burst: number): number => {
    let alive = 1;
    let sum = 0;
    for (let i = 0; i < burst; i++) {
      alive *= 1 - 0.02 * S;
      sum += alive;
    }
    return sum;
  };
  say(
    'Broken twin: at a flat 2 % with nothing held, forging until caught earns some seventy fees, and a burst of 50 earns dozens',
    payout(5_000) > 60 && payout(50) > 30,
    `${round(payout(5_000))} of ${round(unheld)} fees, a burst of 50 ${round(payout(50))}; held at a flat 2 %: ${round(hitAndRun)}`,
  );
  const bonded = { counted: 72, forfeited: 72 };
  const bursts = [1, 5, 20, 50, 100, 400];
  const behindBond = [0, 10].flatMap((honest) =>
    bursts.map((burst) => forge(honest, burst, rule, random, 20_000, bonded)),
  );
  say(
    'A bond of a key counts as held: from its first reply it is audited as one that holds as much, and no burst gains',
    rule(72) < 0.021 && Math.max(...behindBond) < 1.5,
    `a bond of 72 fees, with 0 or 10 held beside it, bursts of 1 to 400: at most ${round(Math.max(...behindBond))} fees on average`,
  );
  const loose = { counted: 72, forfeited: 0 };
  const freed = Math.max(...bursts.map((burst) => forge(0, burst, rule, random, 20_000, loose)));
  say(
    'Broken twin: a bond that counts and can be taken out before the verdict pays for forging',
    freed > 10,
    `bursts of 1 to 400: the best earns ${round(freed)} fees on average`,
  );
  const needed = [0.05, 0.02, 0.0128].map((alpha) => [alpha, 1 / (alpha * S) - 1] as const);
  say(
    'Held fees that a base coverage needs',
    needed.every(([alpha, held]) => coverageOf(held + 1, Math.round(alpha * 1e6)) === alpha),
    needed.map(([alpha, held]) => `${100 * alpha} %: ${Math.round(held)} fees`).join(', '),
  );
  const points = Array.from({ length: 60 }, (_, held) => ({ x: held, y: rule(held), curve: 'the rule' }));
  return {
    id: 'held-earnings',
    title: 'Held earnings instead of a bond',
    summary:
      'Recent earnings of a key are held, and an ejection takes them. A key that holds less is audited more, by the function that validators run (`audit-rate.ts`).',
    findings: list,
    curves: {
      ...{
        name: 'held-earnings',
        title: 'Audited part of the replies, by what the key holds',
        xTitle: 'held, in fees',
        yTitle: 'audited part',
      },
      caption: 'A new key is audited always; one that holds 72 fees at the base of 2 %.',
      points,
    },
  };
}
