import type { DemoClaim } from '../claims/claims.ts';
import { type Finding, failuresOf, judge } from '../claims/finding.ts';
import { formatOgong, shorten } from '../format.ts';
import type { FailedRequest } from '../pictures/pictures-record.ts';
import type { ShardedReply, ShardsRecord } from './shards-record.ts';

/** Shown characters of a text. */
const SHOWN = 90;

/** Evaluates the claims about a model that several providers serve together, from the record alone. */
export function evaluateShardsClaims(record: ShardsRecord): DemoClaim[] {
  return [
    {
      id: 'too-large',
      statement:
        'a provider cannot load the model under a limit of memory, and three segments under it serve the text of the whole model',
      ...checkTooLarge(record),
    },
    { id: 'shared-fee', statement: 'three keys share the fee by their prices, to the unit', ...checkSharedFee(record) },
    {
      id: 'shard-failover',
      statement:
        'a segment is killed in the middle of an answer, another provider takes its place, and the text is the same',
      ...checkFailover(record),
    },
    {
      id: 'coarse-shard',
      statement:
        'an audit names the segment that sends coarse rows: it alone is ejected, and the consumer keeps the fee',
      ...checkCoarse(record),
    },
  ];
}

const hasPassed = ({ end }: ShardedReply, id: string): boolean =>
  end?.audit.some((check) => check.id === id && check.status === 'pass') === true;

/** @returns problems of a reply that is to be settled, with the whole model's text. */
function listHonestProblems(reply: ShardedReply, { wholeText }: ShardsRecord): string[] {
  const { text, checks, end } = reply;
  return [
    ...failuresOf(checks),
    ...(text === wholeText
      ? []
      : [`the text is "${shorten(text, SHOWN)}", the whole model's is "${shorten(wholeText, SHOWN)}"`]),
    ...(end === undefined ? ['the reply was not settled'] : failuresOf(end.audit)),
    ...(end === undefined || end.verdict === 'accept' ? [] : [`the verdict is ${end.verdict}`]),
    ...(hasPassed(reply, 'boundary') && hasPassed(reply, 'equality')
      ? []
      : ['no audit compared the rows between segments']),
  ];
}

const listNames = ({ end }: ShardedReply): string => (end?.shards ?? []).map(({ name }) => name).join(', ');

function checkTooLarge(record: ShardsRecord): Finding {
  const { shared, refusal, wholeText, modelMib, slabMib, limitMib, nodeMib } = record;
  if ('error' in shared) return { ok: false, evidence: [shared.error] };
  const problems = listHonestProblems(shared, record);
  if (refusal === undefined) problems.push('a provider served the whole model under the limit');
  else if (!/MiB of data/.test(refusal)) problems.push(`the refusal does not name the limit: ${refusal}`);
  if (wholeText === '') problems.push('the whole model gave no text');
  if (shared.end?.shards.length !== 3) problems.push(`${listNames(shared)} served`);
  return judge(problems, [
    `the model has ${modelMib} MiB, and its segments ${slabMib.join(', ')} MiB`,
    `the system allows each engine process ${limitMib} MiB of data, and an idle node has ${nodeMib} MiB`,
    `a provider with the whole model under this limit: ${refusal}`,
    `"${shorten(shared.text, SHOWN)}" by ${listNames(shared)}, as the whole model answers without a limit`,
    'a verifier with the whole model found every row between the segments equal',
  ]);
}

function checkSharedFee({ shared, paid, due }: ShardsRecord): Finding {
  if ('error' in shared) return { ok: false, evidence: [shared.error] };
  const { end } = shared;
  if (end === undefined) return { ok: false, evidence: ['the reply was not settled'] };
  const problems = end.shards.filter(({ feeAtomic }) => feeAtomic === 0n).map(({ name }) => `${name} has no part`);
  if (end.shards.length !== 3) problems.push(`${end.shards.length} keys share the fee`);
  const total = end.shards.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
  if (total !== end.feeAtomic) problems.push(`the parts sum to ${total}, the fee is ${end.feeAtomic}`);
  for (const [name, amount] of Object.entries(due))
    if (paid[name] !== amount) problems.push(`${name} was paid ${paid[name]}, ${amount} are due`);
  return judge(problems, [
    `a fee of ${formatOgong(end.feeAtomic)} OGONG: ${end.shards.map(({ name, feeAtomic }) => `${name} ${formatOgong(feeAtomic)}`).join(', ')}`,
    'the batches on the chain have exactly these amounts for each payee',
  ]);
}

function checkFailover(record: ShardsRecord): Finding {
  const { broken, killed, shownText, cheat: spare, wholeText } = record;
  if ('error' in broken) return { ok: false, evidence: [broken.error] };
  const problems = listHonestProblems(broken, record);
  const names = (broken.end?.shards ?? []).map(({ name }) => name);
  if (shownText === '') problems.push(`no text came before ${killed} was killed`);
  if (names.includes(killed)) problems.push(`${killed} served to the end`);
  if (!names.includes(spare)) problems.push(`${spare} did not take over`);
  if (shownText.length >= wholeText.length) problems.push('the answer had ended before');
  return judge(problems, [
    `${killed} was killed after "${shorten(shownText, SHOWN)}"; ${spare} computed its rows again, and the stream went on`,
    `"...${wholeText.slice(-SHOWN).replaceAll(/\s+/g, ' ')}" ends both texts; the fee goes to ${listNames(broken)}, and none to ${killed}`,
  ]);
}

const isServed = (reply: ShardedReply | FailedRequest): reply is ShardedReply => !('error' in reply);

function checkCoarse({ coarse, cheat, honest, ejected, spentAtomic, feesAtomic }: ShardsRecord): Finding {
  const served = coarse.filter(isServed);
  const problems = served.flatMap(({ end, checks }, i) => {
    if (end === undefined) return [`coarse answer ${i + 1} was not settled`];
    return [
      ...failuresOf(checks).map((failed) => `coarse answer ${i + 1}: ${failed}`),
      ...(end.verdict === 'reject' ? [] : [`coarse answer ${i + 1}: the verdict is ${end.verdict}`]),
      ...(end.culprit === cheat ? [] : [`coarse answer ${i + 1}: the audit names ${end.culprit ?? 'nobody'}`]),
      ...(end.feeAtomic === 0n ? [] : [`coarse answer ${i + 1}: the fee is ${end.feeAtomic}`]),
    ];
  });
  if (served.length === 0) problems.push('no coarse answer came');
  if (ejected.join() !== cheat) problems.push(`ejected: ${ejected.join(', ') || 'nobody'}`);
  for (const { name, stakeBeforeAtomic, stakeAfterAtomic, isListed } of honest) {
    if (stakeAfterAtomic !== stakeBeforeAtomic || stakeAfterAtomic === 0n)
      problems.push(`the stake of ${name} was ${stakeBeforeAtomic} and is ${stakeAfterAtomic}`);
    if (!isListed) problems.push(`${name} is not listed`);
  }
  if (spentAtomic !== feesAtomic) problems.push(`the consumer paid ${spentAtomic} for fees of ${feesAtomic}`);
  const failed = served.flatMap(({ end }) => failuresOf(end?.audit ?? []));
  return judge(problems, [
    `${cheat} sent rows with half of their bits. Receipts of such answers that pass stage 1: ${served.length} of ${served.length}`,
    `audits by the whole model name ${cheat}: ${failed[0] ?? ''}; its key is ejected`,
    `the rejected answers cost nothing: the consumer paid ${formatOgong(spentAtomic)} OGONG, the fees of the honest answers`,
    ...honest.map(
      ({ name, stakeAfterAtomic }) =>
        `${name} keeps its stake of ${formatOgong(stakeAfterAtomic)} OGONG and stays listed`,
    ),
  ]);
}
