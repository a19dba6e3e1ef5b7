import { profiles } from '@ogong/chain/deploy/deploy';
import { computeAbandonmentFine, countCutShort } from '@ogong/protocol/exchange/fee';
import {
  FEES_PER_AUDIT,
  MAX_ORDER_LIFETIME_MS,
  PROGRESS_STEP_BYTES,
  PROGRESS_WINDOW_BYTES,
} from '@ogong/protocol/exchange/limits';
import { addSilence, FREE_HALF_HOURS, NEVER_SILENT } from '@ogong/protocol/settlement/silence-count';
import { JOBS_PER_NEW_KEYS_AUDIT } from '../audit-jobs.ts';
import { readConstant } from '../contract-constants.ts';
import { createFindings, type EconomicModel, round } from '../finding.ts';
import type { MeasuredRho } from '../measured-rho.ts';
import { computeVerificationCost } from './verification.ts';

interface Action {
  readonly what: string;
  /** Cost for others, in fees of a usual reply. */
  readonly imposed: number;
  /** Cost for the actor under the present rules, in the same unit. */
  readonly paid: number;
  readonly where: string;
}

const DAY_MS = 86_400_000;
/** A usual reply: a page, at four bytes a token. */
const REPLY = { promptTokenCount: 200, outputTokenCount: 1_000 };
const TEXT_BYTES = 4_000;
const STAKE_FEES = 1_000;

/** Part of the reply's fee that such a beginning of it comes to. */
function billedPart(progress: Parameters<typeof countCutShort>[2]): number {
  const { promptTokenCount, outputTokenCount } = countCutShort(REPLY, TEXT_BYTES, progress);
  return (promptTokenCount + outputTokenCount) / (REPLY.promptTokenCount + REPLY.outputTokenCount);
}

/** Part of a stake that the n-th silent half hour of a day costs. */
function silencePart(n: number): number {
  let state = NEVER_SILENT;
  let isCharged = false;
  for (let i = 0; i < n; i++) ({ state, isCharged } = addSilence(state, 1_000 + i));
  return isCharged ? readConstant('Staking', 'PENALTY_PPM') / 1e6 : 0;
}

/** Lists actions that any party can take, with their costs for others and for the actor. @param audit cost of one job, in fees of its reply */
function listActions(audit: number): readonly Action[] {
  const made = billedPart({ textBytes: PROGRESS_STEP_BYTES, hasLeft: true });
  const ahead = billedPart({ textBytes: 0, hasLeft: true });
  const order = 10n ** 18n;
  const fine = Number(computeAbandonmentFine({ maxFeeAtomic: order })) / Number(order);
  // The order's maximum stays reserved until it expires. A deposit is spent within a day.
  const held = MAX_ORDER_LIFETIME_MS / DAY_MS;
  return [
    {
      ...{ what: 'forced audit that finds nothing, beyond the free ones', imposed: audit },
      paid: (Number(FEES_PER_AUDIT) * profiles.emission.shares.verification) / 10_000,
      where: `the verification share of ${FEES_PER_AUDIT} fees that it has paid`,
    },
    {
      ...{ what: 'payer leaves after a while, with a signed statement', imposed: made, paid: made },
      where: `prompt, acknowledged text and ${PROGRESS_WINDOW_BYTES} bytes`,
    },
    {
      ...{ what: 'payer lets an order expire without a statement', imposed: ahead, paid: billedPart(undefined) },
      where: 'open problem: a prompt and a window of text',
    },
    {
      ...{ what: 'provider abandons an order and earns elsewhere', imposed: held, paid: fine },
      where: 'fine, of what its key earns in the batch',
    },
    {
      ...{ what: 'provider abandons an order and earns nothing', imposed: held, paid: 0 },
      where: 'open problem: its name alone',
    },
    {
      ...{ what: `verifier is silent in the first ${FREE_HALF_HOURS} half hours of a day`, imposed: audit },
      ...{ paid: STAKE_FEES * silencePart(FREE_HALF_HOURS), where: 'free, so that an outage costs nothing' },
    },
    {
      ...{
        what: 'verifier is silent in one more',
        imposed: audit,
        paid: STAKE_FEES * silencePart(FREE_HALF_HOURS + 1),
      },
      where: `a part of a stake, here of ${STAKE_FEES} fees`,
    },
    {
      ...{ what: 'forged reply of a key that holds nothing', imposed: JOBS_PER_NEW_KEYS_AUDIT * audit, paid: 0 },
      where: 'open problem: its key, and its entrance if it had earned one',
    },
    {
      ...{ what: 'release of a channel before its replies settle', imposed: 1, paid: 1 },
      where: 'lien by any holder of a voucher',
    },
  ];
}

/** Actions that cost the actor nothing. */
const FREE = [
  'payer lets an order expire without a statement',
  'provider abandons an order and earns nothing',
  `verifier is silent in the first ${FREE_HALF_HOURS} half hours of a day`,
  'forged reply of a key that holds nothing',
];

export function runGriefing(measured: readonly MeasuredRho[]): EconomicModel {
  const { list, say } = createFindings();
  const sorted = measured.map(({ rho }) => rho).sort((a, b) => a - b);
  const rho = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const audit = computeVerificationCost(1, rho, { jobs: 1 });
  const actions = listActions(audit);
  const cheap = actions.filter(({ paid, imposed }) => paid < imposed).map(({ what }) => what);
  say(
    'Every action costs its actor as much as it imposes on others, with four exceptions',
    cheap.join() === FREE.join(),
    cheap.join('; '),
  );
  say(
    'Free actions are bounded by caps of open orders, by reservations and by names',
    actions.every(({ imposed }) => imposed < 2),
    `none imposes more than ${round(Math.max(...actions.map(({ imposed }) => imposed)))} fees a time`,
  );
  return {
    id: 'griefing',
    title: 'Costs that a stranger can impose',
    summary: `The table compares imposed with paid costs, in fees of a usual reply. It has ${REPLY.promptTokenCount} and ${REPLY.outputTokenCount} tokens, and ${TEXT_BYTES} bytes of text. An audit costs the measured median (${round(audit)} fees). Fines, windows, rations and penalties are those of the product’s code.`,
    findings: list,
    table: {
      head: ['action', 'imposed', 'paid', 'by'],
      rows: actions.map(({ what, imposed, paid, where }) => [what, round(imposed), round(paid), where]),
    },
  };
}
