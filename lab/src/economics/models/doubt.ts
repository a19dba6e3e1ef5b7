import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { DEFAULT_RATES } from '@ogong/protocol/modality/text/drift/drift-verdict';
import { advanceBalance, coversFee, DOUBT_PRICE, INITIAL_BALANCE } from '@ogong/protocol/settlement/audit-balance';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const COVERAGE = 0.025;
const RATES = [DEFAULT_RATES.doubt, 0.03, 0.2, 0.5, 0.8, 1];

interface Life {
  readonly doubts: number;
  readonly paidDoubts: number;
}

/** Audits of one key, of which a share is in doubt and all others are accepted. */
function live(rate: number, audits: number, random: () => number): Life {
  let balance = INITIAL_BALANCE;
  let [doubts, paidDoubts] = [0, 0];
  for (let i = 0; i < audits; i++) {
    const verdict = random() < rate ? 'inconclusive' : 'accept';
    const isPaid = coversFee(balance, verdict);
    if (verdict === 'inconclusive') doubts++;
    if (verdict === 'inconclusive' && isPaid) paidDoubts++;
    const feeAtomic = isPaid ? 1n : 0n;
    balance = advanceBalance(balance, { verdict, step: 'none', beaconEpoch: 1n, feeAtomic });
  }
  return { doubts, paidDoubts };
}

const sum = (lives: readonly Life[], of: (life: Life) => number): number =>
  lives.reduce((total, life) => total + of(life), 0);

/** Counts the paid replies of a key whose audits all end without a result, one reply after the other. */
function sellUnjudged(replies: number, random: () => number): number {
  let balance = INITIAL_BALANCE;
  let paid = 0;
  for (let i = 0; i < replies; i++) {
    const isAudited = balance.owed > 0 || random() < COVERAGE;
    const verdict = isAudited ? 'unjudged' : 'unaudited';
    const isPaid = !isAudited && coversFee(balance, verdict);
    if (isPaid) paid++;
    balance = advanceBalance(balance, { verdict, step: 'none', beaconEpoch: 1n, feeAtomic: isPaid ? 1n : 0n });
  }
  return paid;
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
    'An honest key loses a tenth of a fee at its beginning, and nothing afterwards',
    lost < 0.2,
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
  const sold = Array.from({ length: 2_000 }, () => sellUnjudged(audits, random));
  const mean = sold.reduce((total, paid) => total + paid, 0) / sold.length;
  say(
    'A key whose audits end without a result is paid until the first of them, and no longer',
    mean < 1.1 / COVERAGE,
    `${round(mean)} of ${audits} replies at a coverage of ${percent(COVERAGE, 1)}, one after the other; ${round(audits * (1 - COVERAGE))} without the rule`,
  );
  return {
    id: 'doubt',
    title: 'Replies in doubt and audits without a result',
    summary: 'Lives of keys under the audit balance that validators and co-signers compute (`audit-balance.ts`).',
    findings: list,
  };
}
