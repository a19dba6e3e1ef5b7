import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { DEFAULT_RATES } from '@ogong/protocol/modality/text/drift/drift-verdict';
import {
  advanceBalance,
  CHARGED_FEES,
  CHARGED_PPM,
  coversFee,
  DOUBT_PRICE,
  INITIAL_BALANCE,
  paysDebt,
} from '@ogong/protocol/settlement/audit-balance';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const COVERAGE = CHARGED_PPM / 1_000_000;
/** Shares of audits without a result. */
const UNJUDGED = [0.01, 0.1, 0.5, 1];
const RATES = [DEFAULT_RATES.doubt, 0.03, 0.2, 0.5, 0.8, 1];

interface Life {
  readonly doubts: number;
  readonly paidDoubts: number;
}

/** Returns the money of an entry whose reply costs one unit. Every audit here is drawn at the base coverage. */
const priceEntry = (isPaid: boolean, isCharged: boolean) => ({
  feeAtomic: isPaid ? 1n : 0n,
  fineAtomic: isCharged ? CHARGED_FEES : 0n,
});

/** Audits of one key, of which a share is in doubt and all others are accepted. */
function live(rate: number, audits: number, random: () => number): Life {
  let balance = INITIAL_BALANCE;
  let [doubts, paidDoubts] = [0, 0];
  for (let i = 0; i < audits; i++) {
    const verdict = random() < rate ? 'inconclusive' : 'accept';
    const isPaid = coversFee(balance, verdict);
    if (verdict === 'inconclusive') doubts++;
    if (verdict === 'inconclusive' && isPaid) paidDoubts++;
    balance = advanceBalance(balance, { verdict, ...priceEntry(isPaid, false) });
  }
  return { doubts, paidDoubts };
}

const sum = (lives: readonly Life[], of: (life: Life) => number): number =>
  lives.reduce((total, life) => total + of(life), 0);

/** Counts the fees that a key earns whose audits end without a result in this share, one reply after the other. */
function sellUnjudged(replies: number, share: number, random: () => number): number {
  let balance = INITIAL_BALANCE;
  let earned = 0;
  for (let i = 0; i < replies; i++) {
    const isAudited = random() < COVERAGE;
    const isUnjudged = isAudited && random() < share;
    const verdict = isUnjudged ? 'unjudged' : isAudited ? 'accept' : 'unaudited';
    const entry = { verdict, ...priceEntry(!isUnjudged, isUnjudged) } as const;
    if (!isUnjudged && !paysDebt(balance, entry)) earned++;
    balance = advanceBalance(balance, entry);
  }
  return earned;
}

export function runDoubt(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(11);
  const audits = 1_000;
  const lives = 500;
  const played = RATES.map((rate) => ({ rate, all: Array.from({ length: lives }, () => live(rate, audits, random)) }));
  const [honest] = played as [(typeof played)[number]];
  const lost = sum(honest.all, ({ doubts, paidDoubts }) => doubts - paidDoubts) / lives;
  say(
    'An honest key loses a quarter of a fee at its beginning, and nothing afterwards',
    lost < 0.3,
    `${round(lost)} fees in ${audits} audits, of which ${percent(honest.rate, 0)} are in doubt`,
  );
  const isBounded = played.every(({ rate, all }) => {
    const accepts = (1 - rate) * audits * lives;
    return sum(all, ({ paidDoubts }) => paidDoubts) <= (1.02 * accepts) / DOUBT_PRICE;
  });
  const paidOf = (rate: number): string => {
    const all = played.find((one) => one.rate === rate)?.all ?? [];
    return percent(sum(all, ({ paidDoubts }) => paidDoubts) / sum(all, ({ doubts }) => doubts), 1);
  };
  say(
    `A key is paid for at most one reply in doubt per ${DOUBT_PRICE} accepted ones; one that is always in doubt earns nothing`,
    isBounded && paidOf(1) === percent(0, 1),
    `in doubt in 20 %, 50 %, 80 % of its audits: ${[0.2, 0.5, 0.8].map(paidOf).join(', ')} of those replies paid`,
  );
  const replies = 20_000;
  const unjudged = UNJUDGED.map((share) => {
    const sold = Array.from({ length: 100 }, () => sellUnjudged(replies, share, random));
    return { share, earned: sold.reduce((total, paid) => total + paid, 0) / sold.length / replies };
  });
  const allUnjudged = unjudged.at(-1)?.earned ?? 0;
  say(
    'Audits without a result cost a key one and a half times their share of its fees, and all fees from two thirds on',
    unjudged.every(({ share, earned }) => earned < 1.01 - share && earned > 1 - 1.6 * share - 0.01) &&
      allUnjudged < 0.01,
    `earned fees at ${UNJUDGED.map((share) => percent(share, 0)).join(', ')} of such audits: ${unjudged.map(({ earned }) => percent(earned, 1)).join(', ')}`,
  );
  return {
    id: 'doubt',
    title: 'Replies in doubt and audits without a result',
    summary: 'Lives of keys under the audit balance that validators and co-signers compute (`audit-balance.ts`).',
    findings: list,
  };
}
