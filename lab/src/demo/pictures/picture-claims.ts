import type { Check } from '@ogong/protocol/base/checks';
import type { DemoClaim } from '../claims/claims.ts';
import { type Finding, failuresOf, judge, sum } from '../claims/finding.ts';
import { formatOgong } from '../format.ts';
import type { MediaReply, PictureReply, PicturesRecord, ReplyEnd, SeenReply } from './pictures-record.ts';

/** Checks against the values of all steps, which a gateway fetches and other readers of a receipt do not get. */
const OF_VALUES: readonly string[] = ['links', 'projections'];

/** Evaluates the claims about pictures from the record alone. */
export function evaluatePictureClaims(record: PicturesRecord): DemoClaim[] {
  return [
    {
      id: 'picture',
      statement: 'a picture comes with a receipt, another provider of the model audits it, and its fee is settled',
      ...checkPicture(record),
    },
    {
      id: 'fewer-steps',
      statement:
        'a provider that sells more steps than it computes is rejected and not paid, and its consumer keeps the fee',
      ...checkFewerSteps(record),
    },
    {
      id: 'vision',
      statement: 'a question about the picture is answered right, audited and settled',
      ...checkSeen(record),
    },
  ];
}

function checkPicture(record: PicturesRecord): Finding {
  const { made } = record;
  if ('error' in made) return { ok: false, evidence: [made.error] };
  return judge(
    [...listReceiptProblems(made), ...listValueProblems(made), ...listPaidProblems(made, record, ['equality'])],
    [describeMade(made), describeReceipt(made), ...describePaid(made)],
  );
}

/** The cheat's receipt passes, its audit does not, and no money moves. */
function checkFewerSteps(record: PicturesRecord): Finding {
  const { cheated, cheat } = record;
  if ('error' in cheated) return { ok: false, evidence: [cheated.error] };
  const problems = [...listReceiptProblems(cheated), ...listValueProblems(cheated)];
  const { end } = cheated;
  if (cheated.provider !== cheat) problems.push(`${cheated.provider} made the picture, not the cheat`);
  if (end === undefined) return judge([...problems, 'the picture was not settled'], []);
  const failed = failuresOf(end.audit);
  if (end.verdict !== 'reject') problems.push(`the verdict is ${end.verdict}`);
  if (failed.length === 0) problems.push('no check of the audit failed');
  if (end.feeAtomic !== 0n) problems.push(`the fee is ${end.feeAtomic}`);
  const paid = sumPaid(record, cheat);
  if (paid !== 0n) problems.push(`${cheat} was paid ${paid}`);
  const spent = sumSpent(record);
  const fees = sumFees(record);
  if (spent !== fees) problems.push(`the consumer was charged ${spent}, and the fees of honest replies are ${fees}`);
  return judge(problems, [
    `${describeMade(cheated)}; it computed ${cheated.steps / 2} of them`,
    `${describeReceipt(cheated)}: stage 1 alone accepts it`,
    `an audit by ${end.verifiers.join(' and ')} rejects it: ${failed.join('; ')}${end.ejects ? `; ${cheat} is ejected` : ''}`,
    `${cheat} is paid ${formatOgong(paid)} OGONG; the consumer keeps the order's limit of ${formatOgong(end.maxFeeAtomic)}, and its escrow paid ${formatOgong(spent)} for the two honest replies`,
  ]);
}

function checkSeen(record: PicturesRecord): Finding {
  const { seen } = record;
  if ('error' in seen) return { ok: false, evidence: [seen.error] };
  const problems = [...listReceiptProblems(seen), ...listPaidProblems(seen, record, ['picture-rows', 'equality'])];
  if (seen.answer !== seen.expected) problems.push(`the answer is "${seen.answer}", not "${seen.expected}"`);
  return judge(problems, [describeSeen(seen), describeReceipt(seen), ...describePaid(seen)]);
}

/** Describes a picture: prompt, size, steps, provider and file. */
export const describeMade = ({ prompt, width, height, steps, provider, durationMs, file }: PictureReply): string =>
  `"${prompt}" in ${width}x${height} pixels and ${steps} declared steps, by ${provider} in ${Math.round(durationMs)} ms: ${file}`;

export const describeSeen = ({ question, answer, provider, durationMs }: SeenReply): string =>
  `"${question}" about the picture: "${answer}", by ${provider} in ${Math.round(durationMs)} ms`;

const countPassed = (checks: readonly Check[]): number => checks.filter(({ status }) => status === 'pass').length;
const hasPassed = (checks: readonly Check[], id: string): boolean =>
  checks.some((check) => check.id === id && check.status === 'pass');

function listReceiptProblems({ checks }: MediaReply): string[] {
  const skipped = checks.filter(({ id, status }) => status === 'skip' && !OF_VALUES.includes(id));
  return [...failuresOf(checks), ...skipped.map(({ id }) => `${id} was skipped`)];
}

const listValueProblems = ({ gatewayChecks }: MediaReply): string[] =>
  OF_VALUES.filter((id) => !hasPassed(gatewayChecks, id)).map((id) => `${id} did not pass at the gateway`);

/** @param wanted ids of checks that an audit within one exact class makes. */
function listPaidProblems(
  { provider, end, isExact }: MediaReply,
  record: PicturesRecord,
  wanted: readonly string[],
): string[] {
  if (end === undefined) return ['the reply was not settled'];
  const { verdict, verifiers, audit, feeAtomic, settlement } = end;
  const missing = isExact ? wanted.filter((id) => !hasPassed(audit, id)) : [];
  const paid = sumPaid(record, provider);
  return [
    ...(verdict === 'accept' ? [] : [`the verdict is ${verdict}`]),
    ...failuresOf(audit),
    ...missing.map((id) => `${id} did not pass in the audit`),
    ...(verifiers.some((name) => name !== provider) ? [] : ['no other provider audited it']),
    ...(feeAtomic > 0n && settlement !== undefined ? [] : ['no fee was settled']),
    ...(paid > 0n ? [] : [`${provider} was not paid`]),
  ];
}

const describeReceipt = ({ checks, gatewayChecks }: MediaReply): string =>
  `${countPassed(checks)} checks of the receipt pass at the client, ${countPassed(gatewayChecks)} at the gateway${
    OF_VALUES.every((id) => hasPassed(gatewayChecks, id)) ? `, ${OF_VALUES.join(' and ')} among them` : ''
  }`;

function describePaid({ provider, end }: MediaReply): string[] {
  if (end === undefined) return [];
  const { verifiers, audit, feeAtomic, settlement } = end;
  const passed = audit.filter(({ status }) => status === 'pass').map(({ id }) => id);
  return [
    `an audit by ${verifiers.join(' and ')} accepts it: ${passed.join(' ')}`,
    `${provider} is paid; the fee of ${formatOgong(feeAtomic)} OGONG was settled in transaction ${settlement}`,
  ];
}

const feeOf = (reply: { readonly end: ReplyEnd | undefined } | { readonly error: string }): bigint =>
  'error' in reply ? 0n : (reply.end?.feeAtomic ?? 0n);
const sumFees = ({ made, seen }: PicturesRecord): bigint => feeOf(made) + feeOf(seen);

/** Sums a provider's lines of all batches: its gross fees. Payments of verifiers are no lines. */
const sumPaid = ({ settlements, providers }: PicturesRecord, name: string): bigint =>
  sum(
    settlements
      .flatMap(({ lines }) => lines)
      .filter(({ provider }) => provider === providers[name])
      .map(({ grossAtomic }) => grossAtomic),
  );

const sumSpent = ({ settlements, payer }: PicturesRecord): bigint =>
  sum(
    settlements
      .flatMap(({ debits }) => debits)
      .filter((debit) => debit.payer === payer)
      .map(({ amountAtomic }) => amountAtomic),
  );
