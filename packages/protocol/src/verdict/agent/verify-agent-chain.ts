import { equalBytes, ProtocolError, toHex } from '../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../base/checks.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { computeReplyId, parseOrder } from '../../exchange/order.ts';
import { RequestError } from '../../modality/shared/request-error.ts';
import type { AnswerParts } from '../../modality/text/answer/answer-parser.ts';
import { type InferenceRequest, parseRequest } from '../../modality/text/request/request.ts';
import type { ReceiptVerdict } from '../receipt/verify-receipt.ts';
import { type AgentCall, type AgentStep, parseAgentChain, type ReadAgentStep } from './agent-chain.ts';
import { createStepMessages, encodeNextRequest, nameAgentCall, readAgentAnswer } from './agent-messages.ts';

/** Checks of a chain in their order: the detail of a pass, and that of a failure before the failed steps. */
const CHAIN_CHECKS = {
  links: ['each line names the hash of the line before', 'another hash than that of the line before'],
  requests: [
    'each request is the one before with its answer and the results of its calls',
    'another request than the step before leads to',
  ],
  calls: ['each call is one of the signed answer', 'other calls than those of the signed answer'],
  replies: ['no reply counts twice', 'the reply of another step'],
  receipts: ['each receipt holds', 'the receipt does not hold'],
  end: [
    'each answer but the last one asks for calls',
    'an answer without calls before the end, or an end without an answer',
  ],
} as const;

type ChainCheck = keyof typeof CHAIN_CHECKS;

/** Checks the receipt of a step as a consumer does. */
export type VerifyAgentStep = (step: AgentStep) => Promise<ReceiptVerdict>;

export interface AgentStepVerdict {
  /** Hex; undefined if the order cannot be read. */
  readonly replyId: string | undefined;
  /** As the request names it; undefined if the request cannot be read. */
  readonly model: string | undefined;
  /** Parts of the signed text; undefined if they cannot be read. */
  readonly answer: AnswerParts | undefined;
  readonly calls: readonly AgentCall[];
  readonly receipt: ReceiptVerdict;
  /** Ids of checks of the chain that this step fails. */
  readonly failed: readonly ChainCheck[];
}

export interface AgentChainVerdict {
  /** Nothing failed, and no check of a receipt was skipped without permission. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Ids of receipts' checks that were skipped without permission. */
  readonly missing: readonly string[];
  readonly steps: readonly AgentStepVerdict[];
  /** SHA-256 of the last line, hex. It names the whole run. */
  readonly hash: string;
}

/**
 * Checks the file of an agent's run offline: each receipt, and that each request follows from the step before
 * (docs/spec/agent-chain.md).
 * @throws ProtocolError for a file that cannot be read.
 */
export async function verifyAgentChain(
  file: Uint8Array,
  { crypto, verify }: { readonly crypto: Crypto; readonly verify: VerifyAgentStep },
): Promise<AgentChainVerdict> {
  const { steps, hash } = parseAgentChain(crypto, file);
  const found: AgentStepVerdict[] = [];
  for (const [i, step] of steps.entries()) {
    const read = readStep(crypto, step);
    const receipt = await verify(step);
    const isTwice = found.some(({ replyId }) => replyId === read.replyId);
    const before = i === 0 ? undefined : { step: steps[i - 1] as AgentStep, answer: found[i - 1]?.answer };
    const isLast = i === steps.length - 1;
    const holds: Readonly<Record<ChainCheck, boolean>> = {
      links: equalBytes(step.previous, step.before),
      requests: before === undefined ? isFirstRequest(step) : isNextRequest(step, before),
      calls: isSameCalls(step.calls, read),
      replies: read.replyId !== undefined && !isTwice,
      receipts: receipt.ok || (receipt.missing.length > 0 && receipt.checks.every(({ status }) => status !== 'fail')),
      end: (read.answer?.calls.length === 0) === isLast,
    };
    const failed = (Object.keys(CHAIN_CHECKS) as ChainCheck[]).filter((id) => !holds[id]);
    found.push({ ...read, calls: step.calls, receipt, failed });
  }
  const missing = [...new Set(found.flatMap(({ receipt }) => receipt.missing))];
  const checks = (Object.keys(CHAIN_CHECKS) as ChainCheck[]).map((id) => describe(id, found, missing));
  const ok = checks.every(({ status }) => status === 'pass');
  return { ok, checks, missing, steps: found, hash: toHex(hash) };
}

function describe(id: ChainCheck, steps: readonly AgentStepVerdict[], missing: readonly string[]): Check {
  const [good, bad] = CHAIN_CHECKS[id];
  const failed = steps.flatMap((step, i) => (step.failed.includes(id) ? [i + 1] : []));
  if (failed.length > 0) return fail(id, `${bad}: step ${failed.join(', ')}`);
  return id === 'receipts' && missing.length > 0 ? skip(id, `not checked: ${missing.join(', ')}`) : pass(id, good);
}

/** Reads the parts of a step; a part that cannot be read is undefined and fails its checks. */
function readStep(crypto: Crypto, step: ReadAgentStep): Pick<AgentStepVerdict, 'replyId' | 'model' | 'answer'> {
  const { receipt } = step;
  return {
    replyId: read(() => toHex(computeReplyId(crypto, receipt.ledger, parseOrder(receipt.order.bytes)))),
    model: read(() => readChat(step).model),
    answer: read(() => readAgentAnswer(step)),
  };
}

/** Returns whether a run may begin with the request: a chat with one choice, before its first call. */
function isFirstRequest(step: AgentStep): boolean {
  const asked = read(() => readChat(step));
  return (
    asked?.choices === 1 && asked.messages.every(({ calls, callId }) => calls === undefined && callId === undefined)
  );
}

function isNextRequest(
  given: AgentStep,
  before: { readonly step: AgentStep; readonly answer: AnswerParts | undefined },
): boolean {
  const { step, answer } = before;
  if (answer === undefined || read(() => readChat(given)) === undefined) return false;
  const expected = read(() => encodeNextRequest(step.request, createStepMessages(answer, step.calls)));
  return expected !== undefined && equalBytes(given.request, expected);
}

function isSameCalls(
  calls: readonly AgentCall[],
  { replyId, answer }: Pick<AgentStepVerdict, 'replyId' | 'answer'>,
): boolean {
  if (replyId === undefined || answer?.calls.length !== calls.length) return false;
  return calls.every((call, i) => {
    const signed = answer.calls[i];
    const isNamed = call.id === nameAgentCall(replyId, i);
    return isNamed && call.name === signed?.name && call.arguments === signed.arguments;
  });
}

/** @throws ProtocolError, RequestError */
function readChat({ receipt, request }: AgentStep): InferenceRequest {
  const parsed = parseRequest(request, 'chat');
  if (parsed.endpoint !== receipt.endpoint) throw new ProtocolError('unsupported', 'a receipt of another endpoint');
  return parsed;
}

/** Returns undefined for bytes of a stranger that cannot be read. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RequestError) return undefined;
    throw error;
  }
}
