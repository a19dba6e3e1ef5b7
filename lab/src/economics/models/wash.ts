import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { splitFee } from '@ogong/protocol/exchange/fee';
import { computeEmissionBudget } from '@ogong/protocol/settlement/emission';
import { tallyEmission } from '@ogong/protocol/settlement/emission-tally';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const FUNDED = {
  routerBps: 100,
  validatorBps: 100,
  verificationBps: 400,
  treasuryBps: 50,
  licenseBps: 2,
  recycleBps: 100,
};
const unit = 10n ** 18n;
const YEAR_ONE = 500_000_000n * unit;

interface Dealer {
  readonly fee: bigint;
  readonly others: bigint;
  readonly lambdaPpm: bigint;
  readonly ownsTreasury: boolean;
  readonly ownsLicense: boolean;
  readonly routed: boolean;
}

const address = (label: number): Uint8Array => new Uint8Array(20).fill(label);

/** What a dealer that owns every role has at the end, less what it paid: by the product's own split, tally and budget. */
export function computeWashProfit({ fee, others, lambdaPpm, ownsTreasury, ownsLicense, routed }: Dealer): bigint {
  const split = splitFee(fee, FUNDED, { routed });
  const back =
    split.provider +
    split.router +
    split.validator +
    split.verification +
    (ownsTreasury ? split.treasury : 0n) +
    (ownsLicense ? split.license : 0n);
  const elsewhere = splitFee(others, FUNDED).recycle;
  const batch = (label: number, recycledAtomic: bigint) => ({
    validator: address(label),
    lines: [
      {
        providerId: new Uint8Array(32).fill(label),
        payee: address(label),
        router: routed ? address(label) : new Uint8Array(20),
        recycledAtomic,
      },
    ],
    verifiers: [{ payee: address(label), credits: 1 }],
  });
  const entries = tallyEmission([batch(1, split.recycle), batch(2, elsewhere)], () => false);
  const units = entries.reduce((sum, entry) => sum + entry.units, 0n);
  const recycledAtomic = split.recycle + elsewhere;
  if (recycledAtomic === 0n) return back - fee;
  const budget = computeEmissionBudget({ recycledAtomic, units, leftAtomic: YEAR_ONE, lambdaPpm });
  const mine = entries.find(({ account }) => account[0] === 1)?.units ?? 0n;
  return back + (units === 0n ? 0n : (budget * mine) / units) - fee;
}

/** The same under a fixed budget for each year, shared by tallies: what the whitepaper describes. */
export function computeFixedBudgetProfit(fee: number, others: number): number {
  const emitted = Number(YEAR_ONE / unit);
  return (emitted * fee) / (fee + others) - 0.0102 * fee;
}

export function runWash(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(6);
  let best = -1n << 200n;
  let wins = 0;
  for (let i = 0; i < 10_000; i++) {
    const atomic = (): bigint => BigInt(Math.floor(10 ** (9 * random()))) * 10n ** BigInt(Math.floor(18 * random()));
    const profit = computeWashProfit({
      ...{ fee: atomic() + 10_000n, others: atomic(), lambdaPpm: BigInt(Math.floor(900_001 * random())) },
      ...{ ownsTreasury: random() < 0.5, ownsLicense: random() < 0.5, routed: random() < 0.5 },
    });
    if (profit > best) best = profit;
    if (profit >= 0n) wins++;
  }
  say(
    'Whoever pays itself loses, under every setting that the contracts admit: all roles, treasury and license included',
    wins === 0 && best < 0n,
    `10,000 random settings; the best lost ${-best} atomic units`,
  );
  const fixed = [1e6, 1e8, 1e10].map((fee) => computeFixedBudgetProfit(fee, 1e6));
  say(
    'Broken twin: a fixed budget for each epoch, shared by tallies, pays the dealer',
    fixed.every((profit) => profit > 0),
    `it gains ${fixed.map((profit) => `${round(profit / 1e6)} M`).join(', ')} tokens with fees of 1 M, 100 M and 10 B`,
  );
  const all = { fee: 10n ** 24n, others: 0n, lambdaPpm: 900_000n, ownsTreasury: true, ownsLicense: true, routed: true };
  const withSink = computeWashProfit(all) + splitFee(all.fee, FUNDED).recycle;
  say(
    'Broken twin: with the treasury as the sink, a dealer that is its recipient has both the share and the emission',
    withSink > 0n,
    `it gains ${percent(Number(withSink) / Number(all.fee))} of each fee`,
  );
  const points = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((exponent) => {
    const fee = 10 ** exponent;
    const bounded =
      Number(
        computeWashProfit({
          fee: BigInt(fee) * unit,
          others: 1_000_000n * unit,
          lambdaPpm: 900_000n,
          ownsTreasury: true,
          ownsLicense: true,
          routed: true,
        }) /
          (unit / 1000n),
      ) / 1000;
    return [
      { x: fee, y: (100 * bounded) / fee, curve: 'within the bound' },
      {
        x: fee,
        y: Math.min(150, (100 * computeFixedBudgetProfit(fee, 1e9)) / fee),
        curve: 'fixed budget, others pay 1 B',
      },
    ];
  });
  return {
    id: 'wash',
    title: 'Paying oneself',
    summary:
      "A dealer orders from its own providers through its own router and validator, verified by itself. Its profit, by the product's split (`fee.ts`), tally (`emission-tally.ts`) and budget (`emission.ts`).",
    findings: list,
    curves: {
      ...{
        name: 'wash',
        title: 'What a dealer gains, by what it pays itself',
        xTitle: 'fees, tokens',
        yTitle: 'gain, % of the fees',
        logX: true,
      },
      caption: 'Lambda 0.9, the dealer owns treasury and license too. Within the bound it loses a thousandth.',
      points,
    },
  };
}
