import { toHex } from '@ogong/protocol/base/bytes';
import {
  type AgentCall,
  type AgentStep,
  MAX_AGENT_CALLS,
  MAX_AGENT_STEPS,
} from '@ogong/protocol/verdict/agent/agent-chain';
import { createStepMessages, nameAgentCall, readAgentAnswer } from '@ogong/protocol/verdict/agent/agent-messages';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { CheckedReply } from '../check-answer.ts';
import type { Client } from '../client.ts';
import { ReceiptError, SealedCallError } from '../errors.ts';
import type { ChatParams, OgongFields } from '../types.ts';
import { AgentError } from './agent-error.ts';
import { type AgentTool, runTool } from './run-tool.ts';
import { assertSchema } from './tool-schema.ts';

export interface AgentOptions {
  readonly client: Pick<Client, 'chat'>;
  readonly model: string;
  /** The conversation before the first answer, without calls. */
  readonly messages: ChatParams['messages'];
  readonly tools: readonly AgentTool[];
  /** The most answers, 1 to 256. Default: 16. */
  readonly maxSteps?: number;
  /** The most tokens of one answer. Default: that of the gateway. */
  readonly maxTokens?: number;
  /** No further answer is bought once the fees by their receipts reach it, atomic units. The last answer may exceed it. */
  readonly maxFeeAtomic?: bigint;
  /** Time of one call of a tool, ms. Default: 30,000. */
  readonly toolTimeoutMs?: number;
  /** The longest result of a call, bytes of UTF-8. The model receives an error in place of a longer one. Default: 65,536. */
  readonly maxResultBytes?: number;
  /** Further fields of each request, such as `temperature`. */
  readonly parameters?: AgentParameters;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AgentProgress) => void;
}

/** The run itself decides about some fields. */
interface AgentParameters extends Readonly<Record<string, unknown>> {
  readonly ogong?: OgongFields | null;
  readonly model?: never;
  readonly messages?: never;
  readonly tools?: never;
  readonly n?: never;
  readonly stream?: never;
}

/** @param step number of the answer, from 1. */
export type AgentProgress =
  | {
      readonly kind: 'answer';
      readonly step: number;
      readonly content: string;
      readonly reply: CheckedReply;
      /** Sum of the fees so far, atomic units. */
      readonly feeAtomic: bigint;
    }
  | { readonly kind: 'result'; readonly step: number; readonly call: AgentCall };

export interface AgentRun {
  /** Content of the last answer. */
  readonly content: string;
  /** `length` if the answer was cut. */
  readonly finishReason: string;
  /** Each answer with its receipt and its calls; `encodeAgentChain` makes a file of them. */
  readonly steps: readonly AgentStep[];
  /** Sum of the fees by the receipts, atomic units. */
  readonly feeAtomic: bigint;
}

const MAX_STEPS = 16;
const TOOL_TIMEOUT_MS = 30_000;
const MAX_RESULT_BYTES = 65_536;
const SALT_BYTES = 16;

/**
 * Asks a model, runs the tools that it calls, and asks again until it answers without a call. Every answer is checked against its receipt
 * before a tool runs. All requests of a run have one salt, and each is the request before with further messages.
 * @throws AgentError with the steps before it.
 */
export async function runAgent(options: AgentOptions): Promise<AgentRun> {
  const { maxSteps = MAX_STEPS, maxFeeAtomic, onProgress, signal } = options;
  assertOptions(options);
  const base = createBase(options);
  const steps: AgentStep[] = [];
  let messages = options.messages;
  let feeAtomic = 0n;
  while (steps.length < Math.min(maxSteps, MAX_AGENT_STEPS)) {
    if (signal?.aborted) throw new AgentError('aborted', 'the run was aborted', { steps, cause: signal.reason });
    if (maxFeeAtomic !== undefined && feeAtomic >= maxFeeAtomic)
      throw new AgentError('budget', `the answers cost ${feeAtomic} of ${maxFeeAtomic} atomic units`, { steps });
    const { reply, finishReason } = await ask(options, base(messages), steps);
    const { receipt, request, response, replyId } = reply;
    feeAtomic += readCheckedFee(reply.checks) ?? 0n;
    const answer = readAgentAnswer({ receipt, request, response });
    const { content } = answer;
    onProgress?.({ kind: 'answer', step: steps.length + 1, content, reply, feeAtomic });
    if (answer.calls.length > MAX_AGENT_CALLS)
      throw new AgentError('too-many-calls', `an answer asks for more than ${MAX_AGENT_CALLS} calls`, { steps });
    const calls: AgentCall[] = [];
    for (const [i, { name, arguments: given }] of answer.calls.entries()) {
      const called = { id: nameAgentCall(replyId, i), name, arguments: given };
      const call = { ...called, result: await runCall(options, called, steps) };
      onProgress?.({ kind: 'result', step: steps.length + 1, call });
      calls.push(call);
    }
    steps.push({ receipt, request, response, calls });
    if (calls.length === 0) return { content, finishReason, steps, feeAtomic };
    messages = [...messages, ...createStepMessages(answer, calls)];
  }
  throw new AgentError('step-limit', `the model still asks for calls after ${steps.length} answers`, { steps });
}

/** @throws AgentError */
function assertOptions({ messages, tools }: AgentOptions): void {
  for (const { name, parameters } of tools) assertSchema(parameters, name);
  const hasCalls = messages.some((message) => message.role === 'tool' || Object.hasOwn(message, 'tool_calls'));
  if (hasCalls) throw new AgentError('history', 'a run begins before its first call: leave earlier calls out');
}

/** Returns a function that makes the request for a conversation. All requests of a run have the same other fields. */
function createBase({ model, tools, maxTokens, parameters = {} }: AgentOptions) {
  const { ogong, ...fields } = parameters;
  // Equal requests with a seed get equal answers, so they have no salt.
  const isFree = fields.seed === undefined || fields.seed === null;
  const salt = isFree ? { salt: toHex(globalThis.crypto.getRandomValues(new Uint8Array(SALT_BYTES))) } : {};
  const offered = tools.map(({ name, description, parameters: schema }) => ({
    type: 'function',
    function: { name, ...(description !== undefined && { description }), parameters: schema },
  }));
  return (messages: ChatParams['messages']) => ({
    ...{ model, messages },
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(offered.length > 0 && { tools: offered }),
    ...fields,
    ogong: { ...salt, ...ogong },
  });
}

async function ask(
  { client, signal }: AgentOptions,
  params: ChatParams & { readonly stream?: never },
  steps: readonly AgentStep[],
): Promise<{ readonly reply: CheckedReply; readonly finishReason: string }> {
  try {
    const { response, replies } = await client.chat.completions.create(params, { ...(signal && { signal }) });
    return { reply: replies[0] as CheckedReply, finishReason: response.choices[0]?.finish_reason ?? '' };
  } catch (cause) {
    if (signal?.aborted) throw new AgentError('aborted', 'the run was aborted', { steps, cause });
    const code = cause instanceof ReceiptError || cause instanceof SealedCallError ? 'refused' : 'gateway';
    throw new AgentError(code, `step ${steps.length + 1}: ${(cause as Error).message}`, { steps, cause });
  }
}

async function runCall(
  { tools, toolTimeoutMs = TOOL_TIMEOUT_MS, maxResultBytes = MAX_RESULT_BYTES, signal }: AgentOptions,
  call: Pick<AgentCall, 'name' | 'arguments'>,
  steps: readonly AgentStep[],
): Promise<string> {
  try {
    return await runTool(tools, call, { timeoutMs: toolTimeoutMs, maxResultBytes, signal });
  } catch (cause) {
    throw new AgentError('aborted', 'the run was aborted', { steps, cause });
  }
}
