import { formatTokens } from '@ogong/protocol/base/amount';
import { toPrintable } from '@ogong/protocol/base/printable';
import type { AgentChainVerdict, AgentStepVerdict } from '@ogong/protocol/verdict/agent/verify-agent-chain';
import { writeAmounts } from '@ogong/protocol/verdict/check-amounts';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { formatChecks } from '../print-checks.ts';

/** The longest text of an answer, an argument or a result on the screen, UTF-16 units. `--json` prints all of it. */
const MAX_SHOWN = 300;

/** Formats a run step by step, then the checks of its chain. */
export function formatRun({ steps, checks, missing, hash }: AgentChainVerdict): string {
  const unchecked =
    missing.length === 0
      ? ''
      : `not checked: ${missing.join(', ')}: give --trust or --deployment, or name them with --allow\n`;
  return `${steps.map(formatStep).join('')}${formatChecks(checks)}${unchecked}run ${hash}\n`;
}

function formatStep({ replyId, model, answer, calls, receipt }: AgentStepVerdict, index: number): string {
  const fee = readCheckedFee(receipt.checks);
  const parts = [
    `step ${index + 1}`,
    `reply ${replyId ?? 'that cannot be read'}`,
    ...(model === undefined ? [] : [toPrintable(model)]),
    ...(fee === undefined ? [] : [`${formatTokens(fee)} OGONG`]),
  ];
  const content = answer?.content ?? '';
  const failed = receipt.checks.filter(({ status }) => status === 'fail');
  return [
    parts.join('  '),
    ...(content === '' ? [] : [`  ${shorten(content)}`]),
    ...calls.flatMap((call) => [`  ${shorten(`${call.name} ${call.arguments}`)}`, `    = ${shorten(call.result)}`]),
    ...failed.map(({ id, detail }) => `  FAIL  ${id}  ${writeAmounts(detail, 'OGONG')}`),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function shorten(text: string): string {
  const shown = toPrintable(text.slice(0, MAX_SHOWN)).toWellFormed().replaceAll('\n', ' ');
  return text.length > MAX_SHOWN ? `${shown} …` : shown;
}
