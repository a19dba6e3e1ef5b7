import { profiles } from '@ogong/chain/deploy/deploy';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { type FeeShares, MAX_TOTAL_SHARES_BPS, splitFee, splitVerification } from '@ogong/protocol/exchange/fee';
import { computeEmissionBudget } from '@ogong/protocol/settlement/emission';
import { tallyEmission } from '@ogong/protocol/settlement/emission-tally';
import { readConstant } from '../contract-constants.ts';
import { toFeeShares } from '../fee-shares.ts';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const FUNDED = toFeeShares(profiles.emission.shares);
const unit = 10n ** 18n;
const YEAR_ONE = 500_000_000n * unit;

/** Roles of a dealer besides its own provider. */
export interface DealerRoles {
  readonly routes: boolean;
  /** It handles its batches, and signs them alone: both halves of the validators' part. */
  readonly validates: boolean;
  readonly verifies: boolean;
  readonly makes: boolean;
  readonly ownsTreasury: boolean;
  readonly ownsLicense: boolean;
}

export const ALL_ROLES: DealerRoles = {
  ...{ routes: true, validates: true, verifies: true, makes: true, ownsTreasury: true, ownsLicense: true },
};

interface Dealer {
  readonly fee: bigint;
  /** Fees of others in the same tally. */
  readonly others: bigint;
  readonly lambdaPpm: bigint;
  readonly shares: FeeShares;
  readonly roles: DealerRoles;
}

const address = (label: number): Uint8Array => new Uint8Array(20).fill(label);
const SOMEBODY = 3;

/** Computes a dealer's income less its payments, by the product's own split, tally and budget. */
export function computeWashProfit({ fee, others, lambdaPpm, shares, roles }: Dealer): bigint {
  const { routes, validates, verifies, makes, ownsTreasury, ownsLicense } = roles;
  const split = splitFee(fee, shares, { routed: true, made: (shares.makerBps ?? 0) > 0 });
  const back =
    split.provider +
    (routes ? split.router : 0n) +
    (validates ? split.validator : 0n) +
    (verifies ? split.verification : 0n) +
    (makes ? split.maker : 0n) +
    (ownsTreasury ? split.treasury : 0n) +
    (ownsLicense ? split.license : 0n);
  const elsewhere = splitFee(others, shares).recycle;
  const batch = (label: number, recycledAtomic: bigint, own: DealerRoles = ALL_ROLES) => ({
    validator: address(own.validates ? label : SOMEBODY),
    lines: [
      {
        providerId: new Uint8Array(32).fill(label),
        payee: address(label),
        router: address(own.routes ? label : SOMEBODY),
        recycledAtomic,
      },
    ],
    verifiers: [{ payee: address(own.verifies ? label : SOMEBODY), credits: 1 }],
  });
  const entries = tallyEmission([batch(1, split.recycle, roles), batch(2, elsewhere)], () => false);
  const units = entries.reduce((sum, entry) => sum + entry.units, 0n);
  const recycledAtomic = split.recycle + elsewhere;
  if (recycledAtomic === 0n) return back - fee;
  const budget = computeEmissionBudget({ recycledAtomic, units, leftAtomic: YEAR_ONE, lambdaPpm });
  const mine = entries.find(({ account }) => account[0] === 1)?.units ?? 0n;
  return back + (units === 0n ? 0n : (budget * mine) / units) - fee;
}

/** Shares that the contract admits where there is an emission, each within its bounds and all of them within theirs. */
export function drawShares(random: () => number): FeeShares {
  const most = (name: string): number => readConstant('Parameters', `MAX_${name}`);
  const between = (least: number, greatest: number): number => least + Math.floor((greatest - least + 1) * random());
  const bounds = {
    verification: [readConstant('Parameters', 'MIN_VERIFICATION_SHARE'), most('VERIFICATION_SHARE')],
    recycle: [readConstant('Parameters', 'MIN_RECYCLE_SHARE'), most('RECYCLE_SHARE')],
  } as const;
  for (;;) {
    const shares = {
      routerBps: between(0, most('ROUTER_SHARE')),
      validatorBps: between(0, most('VALIDATOR_SHARE')),
      verificationBps: between(...bounds.verification),
      treasuryBps: between(0, most('TREASURY_SHARE')),
      licenseBps: between(0, most('LICENSE')),
      recycleBps: between(...bounds.recycle),
      makerBps: between(0, most('MAKER_SHARE')),
    };
    if (Object.values(shares).reduce((sum, bps) => sum + bps, 0) <= MAX_TOTAL_SHARES_BPS) return shares;
  }
}

interface PoolDealer {
  /** Parts of the batch's fees and of its audited tokens that are the dealer's. */
  readonly feePart: number;
  readonly tokenPart: number;
  /** Of the draws for the dealer's replies, those of its own verifiers, which need no work: they know the openings. */
  readonly draws: number;
  readonly verificationBps: number;
  /** False: its replies are rejected, so that nobody pays for them. Default: true. */
  readonly isPaid?: boolean;
  /** Default: by tokens, as tallies count. */
  readonly weigh?: (replies: readonly PooledReplies[]) => readonly number[];
}

/** Replies of one price in a batch: parts of its fees and of its audited tokens. */
interface PooledReplies {
  readonly fee: number;
  readonly tokens: number;
  readonly isPaid: boolean;
}

const byTokens = (replies: readonly PooledReplies[]): number[] => replies.map(({ tokens }) => tokens);

/**
 * Weighs reports by the fees of their replies. A reply counts as many tokens as its fee buys at the price of the median fee, up to its
 * own tokens. An unpaid reply counts by its tokens. Otherwise verifiers would gain by accepting it.
 */
export function weighByPrice(replies: readonly PooledReplies[]): number[] {
  const paid = replies.filter(({ isPaid }) => isPaid).toSorted((a, b) => a.fee / a.tokens - b.fee / b.tokens);
  const half = paid.reduce((sum, { fee }) => sum + fee, 0) / 2;
  let sum = 0;
  const middle = paid.find(({ fee }) => {
    sum += fee;
    return sum >= half;
  });
  const price = middle === undefined ? 0 : middle.fee / middle.tokens;
  return replies.map(({ fee, tokens, isPaid }) => (isPaid && price > 0 ? Math.min(tokens, fee / price) : tokens));
}

/**
 * Computes the pay of a dealer's verifiers less its own fees to the pool, as a part of all fees of the batch. Reports are paid by tokens
 * from one pool, so verifiers of cheap replies earn money from expensive ones.
 */
export function computePoolProfit(dealer: PoolDealer): number {
  const { feePart, tokenPart, draws, verificationBps, isPaid = true, weigh = byTokens } = dealer;
  const pool = 10n ** 24n;
  const credits = 1_000_000;
  const weights = weigh([
    { fee: feePart, tokens: tokenPart, isPaid },
    { fee: 1 - feePart, tokens: 1 - tokenPart, isPaid: true },
  ]);
  const [its = 0, rest = 0] = weights;
  const own = Math.round((credits * its * draws) / (its + rest));
  const { parts } = splitVerification(pool, [own, credits - own]);
  const taken = Number(parts[0]) / Number(pool);
  // Only the verification share counts here, because `computeWashProfit` covers the other losses.
  return (verificationBps / 10_000) * (taken - feePart);
}

/** Computes the profit under the whitepaper's fixed yearly budget, which is shared by tallies. */
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
    const coin = (): boolean => random() < 0.7;
    const profit = computeWashProfit({
      ...{ fee: atomic() + 10_000n, others: atomic(), lambdaPpm: BigInt(Math.floor(900_001 * random())) },
      shares: drawShares(random),
      roles: {
        ...{ routes: coin(), validates: coin(), verifies: coin(), makes: coin() },
        ...{ ownsTreasury: coin(), ownsLicense: coin() },
      },
    });
    if (profit > best) best = profit;
    if (profit >= 0n) wins++;
  }
  say(
    'A dealer that pays itself loses under all admitted settings, with any roles: router, validator and all co-signers, verifiers, maker, treasury, license',
    wins === 0 && best < 0n,
    `10,000 random settings of all shares within their bounds; the best lost ${-best} atomic units`,
  );
  const verifiesAlone = Array.from({ length: 2_000 }, () => {
    const fee = 10n ** 24n;
    const roles = {
      ...ALL_ROLES,
      routes: false,
      validates: false,
      makes: false,
      ownsTreasury: false,
      ownsLicense: false,
    };
    const dealer = { fee, others: 10n ** 24n, lambdaPpm: 900_000n, shares: drawShares(random), roles };
    return Number(computeWashProfit(dealer)) / Number(fee);
  });
  say(
    'A dealer that verifies its own replies and owns no other role loses more',
    verifiesAlone.every((profit) => profit < -0.0005),
    `in 2,000 settings between ${percent(Math.max(...verifiesAlone))} and ${percent(Math.min(...verifiesAlone))} of its fees, where all work of its verifiers is free and everybody else asks it nothing`,
  );
  const cheap = { feePart: 0.01, tokenPart: 0.5, verificationBps: FUNDED.verificationBps };
  const pooled = [0.02, 0.1, 1 / 3].map((draws) => computePoolProfit({ ...cheap, draws }));
  say(
    'But a batch has one pool for verification, paid by tokens: many cheap replies to oneself bring their verifiers money from dear replies of others',
    (pooled.at(-1) as number) > 0 && computePoolProfit({ ...cheap, draws: 1 / 3, tokenPart: 0.01 }) <= 0,
    `at 2 %, a tenth and a third of draws: ${pooled.map((profit) => percent(profit)).join(', ')} of the batch’s fees, with 1 % of the fees and half of the tokens`,
  );
  const grid = [0.001, 0.01, 0.1, 0.3, 0.49].flatMap((feePart) =>
    [0.01, 0.5, 0.9, 0.999].map((tokenPart) => ({ ...cheap, feePart, tokenPart, draws: 1, weigh: weighByPrice })),
  );
  const most = { ...cheap, feePart: 0.6, tokenPart: 0.9, weigh: weighByPrice };
  say(
    'If tokens counted by fee up to the median price, cheap replies would bring nothing while others pay more than half of the fees',
    grid.every((dealer) => computePoolProfit(dealer) < 1e-7) && computePoolProfit({ ...most, draws: 1 }) > 0,
    `with every draw, a thousandth to 49 % of the fees and 1 to 99.9 % of the tokens. With 60 % of the fees, 90 % of the tokens and every draw ${percent(computePoolProfit({ ...most, draws: 1 }))}, with a third of the draws ${percent(computePoolProfit({ ...most, draws: 1 / 3 }))}`,
  );
  const rejected = { ...cheap, feePart: 0, isPaid: false, draws: 1 / 3 };
  const byRule = [byTokens, weighByPrice].map((weigh) => computePoolProfit({ ...rejected, weigh }));
  say(
    'But false replies of new keys pay nothing and count by tokens under both rules: a verifier that is paid for accepts alone would accept',
    byRule.every((profit) => profit > 0 && profit === byRule[0]),
    `with half of the audited tokens and a third of the draws ${byRule.map((profit) => percent(profit)).join(' and ')} of all fees of the batch, at no fee. So the rule was not built: it would move the dealer, and pay more for rejecting a cheap reply than for accepting it`,
  );
  const fixed = [1e6, 1e8, 1e10].map((fee) => computeFixedBudgetProfit(fee, 1e6));
  say(
    'Broken twin: a fixed budget for each epoch, shared by tallies, pays the dealer',
    fixed.every((profit) => profit > 0),
    `it gains ${fixed.map((profit) => `${round(profit / 1e6)} M`).join(', ')} tokens with fees of 1 M, 100 M and 10 B`,
  );
  const all = { fee: 10n ** 24n, others: 0n, lambdaPpm: 900_000n, shares: FUNDED, roles: ALL_ROLES };
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
          shares: FUNDED,
          roles: ALL_ROLES,
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
      "A dealer orders from its own providers through its own router and validator, verified by itself. Its profit, by the product's split (`fee.ts`), tally (`emission-tally.ts`) and budget (`emission.ts`), under shares drawn within the bounds of `Parameters.sol`.",
    findings: list,
    curves: {
      ...{
        name: 'wash',
        title: 'Gain of a dealer, by its fees to itself',
        xTitle: 'fees, tokens',
        yTitle: 'gain, % of the fees',
        logX: true,
      },
      caption: 'Lambda 0.9, the dealer owns treasury and license too. Within the bound it loses a thousandth.',
      points,
    },
  };
}
