import { NO_TOKENS_HASH, UNKNOWN_VOCABULARY } from '@ogong/protocol/modality/text/commitment/token-window';
import type { WrittenTool } from '@ogong/protocol/modality/text/request/tools';
import { assertGenerateRequest, assertPromptTokens } from '../decode/request-check.ts';
import { EngineError } from '../interface/engine-error.ts';
import {
  type TextEngine,
  type TextEngineInfo,
  type TextGenerationEvent,
  type TextGenerationRequest,
  takesRepetition,
} from '../interface/text.ts';
import { type ConnectionOptions, connectUpstream, type ExchangeHolder } from './connection.ts';
import { nameUpstreamClass, toCapabilities, UPSTREAM_FORMAT, type UpstreamFindings } from './findings.ts';
import { probeUpstream } from './probe.ts';
import { readChunk } from './read-chunk.ts';
import { toUpstreamRequest } from './request-body.ts';
import { createTurns } from './turns.ts';
import { createUpstreamReply } from './upstream-reply.ts';

export interface UpstreamOptions extends ConnectionOptions {
  /** Name of the model in requests. Default: the only one that it lists. */
  readonly model?: string | undefined;
  /** Root that names it in orders and records, 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Tokens of prompt and reply. Default: the size that the server reports. */
  readonly contextSize?: number | undefined;
  /** Replies at a time, and requests that wait for one of them to end. */
  readonly sequences?: number | undefined;
  readonly maxQueue?: number | undefined;
}

export interface UpstreamEngine extends TextEngine {
  readonly findings: UpstreamFindings;
}

export const UPSTREAM_SEQUENCES = 8;

/**
 * An engine in front of a server that somebody else runs. It can do what that server was seen to do, and says so; nothing of it is
 * proven.
 * @throws EngineError if the server cannot be used, or does not say how large its context is and nobody else does.
 */
export async function createUpstreamEngine(options: UpstreamOptions): Promise<UpstreamEngine> {
  const connection = connectUpstream(options);
  const findings = await probeUpstream(connection, options.model);
  const contextSize = options.contextSize ?? findings.contextSize;
  if (contextSize === undefined) {
    throw new EngineError(
      'invalid-request',
      `${connection.address} does not say how large its context is; give --n-ctx`,
    );
  }
  if (findings.contextSize !== undefined && contextSize > findings.contextSize) {
    throw new EngineError(
      'invalid-request',
      `--n-ctx ${contextSize}: ${connection.address} holds ${findings.contextSize} tokens`,
    );
  }
  const sequences = options.sequences ?? UPSTREAM_SEQUENCES;
  const capabilities = toCapabilities(findings);
  const info: TextEngineInfo = {
    modelRoot: options.modelRoot,
    vocabularyHash: NO_TOKENS_HASH,
    vocabularySize: UNKNOWN_VOCABULARY,
    stopTokens: new Uint32Array(),
    embeddingSize: 1,
    contextSize,
    sequences,
    numericClass: nameUpstreamClass(findings),
    exact: false,
    weightType: 'unknown',
    hasChatTemplate: true,
    answerFormat: UPSTREAM_FORMAT,
    capabilities,
  };
  const closing = new AbortController();
  const turns = createTurns({ sequences, maxQueue: options.maxQueue ?? 4 * sequences });
  const names = [...new Set([findings.model, findings.answersAs ?? findings.model])];

  async function* generate(request: TextGenerationRequest, signal: AbortSignal): AsyncGenerator<TextGenerationEvent> {
    assertGenerateRequest(request, info);
    assertCapable(request, info);
    const { path, body } = toUpstreamRequest(request, findings);
    const leave = await turns.enter(signal);
    try {
      yield* follow(request, { path, body }, signal);
    } finally {
      leave();
    }
  }

  async function* follow(
    request: TextGenerationRequest,
    { path, body }: { readonly path: string; readonly body: object },
    signal: AbortSignal,
  ): AsyncGenerator<TextGenerationEvent> {
    const over = new AbortController();
    const { maxTextBytes } = connection.limits;
    const offersTools = listTools(request).length > 0;
    const reply = createUpstreamReply(request, { names, maxTextBytes, offersTools });
    const startMs = performance.now();
    let firstMs: number | undefined;
    const timings = () => {
      const nowMs = performance.now();
      return { promptMs: (firstMs ?? nowMs) - startMs, decodeMs: nowMs - (firstMs ?? nowMs) };
    };
    const told: ExchangeHolder = {};
    yield { kind: 'start', promptTokens: new Uint32Array() };
    try {
      for await (const event of connection.stream(path, body, AbortSignal.any([signal, over.signal]), told)) {
        firstMs ??= performance.now();
        const { events, isOver } = reply.add(readChunk(event));
        yield* events;
        if (signal.aborted || isOver) break;
      }
    } catch (error) {
      if (closing.signal.aborted) throw createClosed();
      if (!(signal.aborted && error instanceof EngineError && error.code === 'cancelled')) throw error;
    } finally {
      over.abort();
    }
    if (closing.signal.aborted) throw createClosed();
    const exchange = told.show?.();
    for (const event of reply.end(timings(), signal.aborted))
      yield event.kind === 'end' && exchange ? { ...event, exchange } : event;
  }

  const assertOpen = (): void => {
    if (closing.signal.aborted) throw createClosed();
  };
  const refuse = async (what: string): Promise<never> => {
    assertOpen();
    throw new EngineError('unsupported-model', `a model behind another server ${what}`);
  };
  return {
    specificationVersion: 'text-v1',
    findings,
    info: () => info,
    async *generate(request, { signal } = {}) {
      assertOpen();
      yield* generate(request, signal ? AbortSignal.any([signal, closing.signal]) : closing.signal);
    },
    score: () => refuse('scores no replies'),
    trace: () => refuse('cannot be traced'),
    tokenizePrompt: () => refuse('shows no tokens of prompts'),
    detokenize: () => refuse('spells no tokens'),
    encodePicture: () => refuse('shows no rows of pictures'),
    async close() {
      closing.abort();
    },
  };
}

const listTools = ({ prompt }: Pick<TextGenerationRequest, 'prompt'>): readonly WrittenTool[] =>
  ('tools' in prompt ? prompt.tools : undefined) ?? [];

const createClosed = (): EngineError => new EngineError('engine-closed', 'the engine was closed');

/** @throws EngineError 'invalid-request' */
function assertCapable(
  { prompt, sampler, bias, grammar, topLogprobs, firstDraw = 0 }: TextGenerationRequest,
  {
    capabilities,
    contextSize,
    vocabularySize,
  }: Pick<TextEngineInfo, 'capabilities' | 'contextSize' | 'vocabularySize'>,
): void {
  const demand = (holds: boolean, what: string): void => {
    if (!holds) throw new EngineError('invalid-request', `the upstream server takes no ${what}`);
  };
  demand(capabilities.prompts.includes(prompt.kind), `prompts of this kind (${prompt.kind})`);
  demand((prompt.pictures ?? []).length === 0, 'pictures');
  const tools = listTools({ prompt });
  demand(tools.length === 0 || capabilities.tools, 'tools');
  demand(tools.length === 0 || grammar === undefined, 'grammar beside tools');
  demand(grammar === undefined || capabilities.grammar, 'grammar');
  demand(bias.length === 0 || capabilities.bias, 'biases of tokens');
  demand((sampler.topK === 0 && sampler.minPQ24 === 0) || capabilities.filters, 'filters but top-p');
  demand(takesRepetition(capabilities, sampler), 'such repetition penalty');
  demand(topLogprobs <= capabilities.alternatives, `${topLogprobs} alternatives`);
  demand(firstDraw === 0, 'reply that goes on where another ended');
  if (prompt.kind !== 'tokens') return;
  assertPromptTokens(prompt.tokens, { contextSize, vocabularySize });
}
