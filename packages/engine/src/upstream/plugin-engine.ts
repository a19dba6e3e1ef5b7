import { randomBytes } from 'node:crypto';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import { tokenOf, WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import type { Filter, SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import { NAT, TAIL_RANK, WEIGHT_ONE } from '@ogong/protocol/modality/text/sampling/sampler';
import { assertGenerateRequest, assertPictures, assertPromptTokens } from '../decode/request-check.ts';
import { createTextStream } from '../decode/text/text-stream.ts';
import { EngineError } from '../interface/engine-error.ts';
import type {
  TextEngine,
  TextEngineInfo,
  TextGenerationEvent,
  TextGenerationRequest,
  TokenLikelihood,
} from '../interface/text.ts';
import { type ConnectionOptions, connectUpstream } from './connection.ts';
import { createDrawCheck } from './draw-check.ts';
import { findServer } from './find-server.ts';
import { encodePluginWindow, openPluginRecord, type PluginRow } from './plugin-windows.ts';
import { readChunk } from './read-chunk.ts';
import { createTurns } from './turns.ts';

export interface PluginOptions extends ConnectionOptions {
  readonly model?: string | undefined;
  /** Directory in which the plugin writes: its `OGONG_WINDOWS`. */
  readonly directory: string;
  /** An engine of the same weights on this machine, which templates prompts and spells tokens. This engine closes it. */
  readonly vocabulary: TextEngine;
  readonly contextSize?: number | undefined;
  readonly sequences?: number | undefined;
  readonly maxQueue?: number | undefined;
  /** How long the last window may take to be on the disk. */
  readonly patienceMs?: number | undefined;
}

const SEQUENCES = 8;
const PATIENCE_MS = 5_000;
const FILTERS: readonly Filter[] = ['top-k', 'top-p', 'min-p'];

/**
 * An engine in front of a vLLM with the project's plugin (docs/vllm.md): it draws by the protocol's sampler, and gives candidates and
 * sketches. Every draw is replayed here before it leaves. @throws EngineError if the server cannot be used.
 */
export async function createPluginEngine(options: PluginOptions): Promise<TextEngine> {
  const { directory, vocabulary } = options;
  const connection = connectUpstream(options);
  const server = await findServer(connection, options.model);
  const known = vocabulary.info();
  const contextSize = Math.min(options.contextSize ?? known.contextSize, server.contextSize ?? Infinity);
  const sequences = options.sequences ?? SEQUENCES;
  const { shapes: _shapes, layers: _layers, ...facts } = known;
  const info: TextEngineInfo = {
    ...facts,
    ...{ contextSize, sequences, exact: false },
    numericClass: 'vllm-plugin/unknown/unknown/plain/unknown/unknown',
    capabilities: {
      ...{ exact: false, trace: false, draws: true, score: false, tokenize: true, resume: false },
      ...{
        prompts: ['chat', 'text', 'tokens'],
        tools: true,
        grammar: false,
        bias: true,
        filters: true,
        repetition: 'none',
        alternatives: 20,
      },
    },
  };
  const closing = new AbortController();
  const turns = createTurns({ sequences, maxQueue: options.maxQueue ?? 4 * sequences });
  const assertOpen = (): void => {
    if (closing.signal.aborted) throw createClosed();
  };
  const refuse = async (what: string): Promise<never> => {
    assertOpen();
    throw new EngineError('unsupported-model', `a model behind vLLM ${what}`);
  };

  async function* generate(request: TextGenerationRequest, signal: AbortSignal): AsyncGenerator<TextGenerationEvent> {
    assertGenerateRequest(request, info);
    if (request.grammar !== undefined || (request.firstDraw ?? 0) !== 0 || request.prompt.kind === 'fill') {
      throw new EngineError('invalid-request', 'the vLLM plugin takes no grammar, fills no gaps and resumes no reply');
    }
    if (request.sampler.repetitionPenaltyQ16 !== NAT) {
      throw new EngineError(
        'invalid-request',
        'the vLLM plugin takes no repetition penalty: it writes no marks for it',
      );
    }
    assertPictures(request.prompt, info);
    const promptTokens = await vocabulary.tokenizePrompt(request.prompt);
    assertPromptTokens(promptTokens, info);
    const leave = await turns.enter(signal);
    const name = randomBytes(16).toString('hex');
    const sketched = { vocabularySize: info.vocabularySize, directions: request.sketch.directions };
    const record = openPluginRecord(directory, name, { ...sketched, patienceMs: options.patienceMs ?? PATIENCE_MS });
    try {
      yield* follow(request, promptTokens, { name, record, signal });
    } finally {
      leave();
      await record.drop();
    }
  }

  async function* follow(
    request: TextGenerationRequest,
    promptTokens: Uint32Array,
    { name, record, signal }: { name: string; record: ReturnType<typeof openPluginRecord>; signal: AbortSignal },
  ): AsyncGenerator<TextGenerationEvent> {
    const room = Math.min(request.maxTokens, contextSize - promptTokens.length);
    const over = new AbortController();
    const stream = createTextStream(request.stop);
    const check = createDrawCheck(request);
    const startMs = performance.now();
    let firstMs: number | undefined;
    const ids: number[] = [];
    const taken: PluginRow[] = [];
    let text = '';
    let stopReason: StopReason | undefined;

    function* commit(from: number): Generator<TextGenerationEvent> {
      if (request.commit === false) return;
      yield { kind: 'window', window: encodePluginWindow(taken.slice(from), info.vocabularySize) };
    }

    /** Positions that the server has named and the plugin has written, until the reply is over. */
    async function* take(rows: readonly PluginRow[]): AsyncGenerator<TextGenerationEvent> {
      const most = Math.min(rows.length, ids.length);
      for (let i = taken.length; i < most && stopReason === undefined; i++) {
        const next = rows[i] as PluginRow;
        const token = tokenOf(next.row);
        if (token !== ids[i])
          throw new EngineError('engine-crashed', 'the vLLM plugin wrote another token than vLLM sent');
        check(next.row);
        taken.push(next);
        const released = stream.push(await spell(token));
        text += released.text;
        if (released.stopped) stopReason = 'stop-string';
        else if (info.stopTokens.includes(token)) stopReason = 'stop-token';
        else if (taken.length === room) stopReason = room === request.maxTokens ? 'length' : 'context';
        yield await toEvent(next, released.text, request.topLogprobs);
        if (taken.length % WINDOW_TOKENS === 0) yield* commit(taken.length - WINDOW_TOKENS);
      }
    }

    yield { kind: 'start', promptTokens };
    try {
      const body = toBody(request, { model: server.model, promptTokens, room, name, stopTokens: info.stopTokens });
      for await (const event of connection.stream('/v1/completions', body, AbortSignal.any([signal, over.signal]))) {
        firstMs ??= performance.now();
        ids.push(...readChunk(event).ids);
        if (ids.length > room) throw new EngineError('engine-crashed', 'vLLM sent more tokens than were asked for');
        if (ids.length > taken.length) yield* take(await record.read());
        if (signal.aborted || stopReason !== undefined) break;
      }
      if (!signal.aborted && stopReason === undefined) yield* take(await record.waitFor(ids.length));
    } catch (error) {
      if (closing.signal.aborted) throw createClosed();
      if (!(signal.aborted && error instanceof EngineError && error.code === 'cancelled')) throw error;
    } finally {
      over.abort();
    }
    if (closing.signal.aborted) throw createClosed();
    const reason = stopReason ?? (signal.aborted ? 'cancelled' : undefined);
    if (reason === undefined) {
      throw new EngineError('engine-crashed', 'vLLM ended its answer before its end', { retryable: true });
    }
    if (taken.length % WINDOW_TOKENS !== 0) yield* commit(taken.length - (taken.length % WINDOW_TOKENS));
    const nowMs = performance.now();
    yield {
      ...{ kind: 'end', stopReason: reason, text: text + stream.flush(), cachedTokens: 0 },
      outputTokens: Uint32Array.from(taken, ({ row }) => tokenOf(row)),
      timings: { promptMs: (firstMs ?? nowMs) - startMs, decodeMs: nowMs - (firstMs ?? nowMs) },
    };
  }

  const spellings = new Map<number, Uint8Array>();
  async function spell(token: number): Promise<Uint8Array> {
    const bytes = spellings.get(token) ?? (await vocabulary.detokenize(Uint32Array.of(token)));
    spellings.set(token, bytes);
    return bytes;
  }

  async function toEvent({ row }: PluginRow, text: string, most: number): Promise<TextGenerationEvent> {
    const name = async (id: number, q: number): Promise<TokenLikelihood> => ({
      id,
      bytes: await spell(id),
      logprob: -q / NAT,
    });
    const order = Array.from(row.ids, (_, rank) => rank).sort((a, b) => (row.q[a] as number) - (row.q[b] as number));
    const q = row.rank === TAIL_RANK ? (row.tailQ as number) : (row.q[row.rank] as number);
    const best = order.slice(0, most).map((rank) => name(row.ids[rank] as number, row.q[rank] as number));
    return { kind: 'token', token: await name(tokenOf(row), q), alternatives: await Promise.all(best), text };
  }

  return {
    specificationVersion: 'text-v1',
    info: () => info,
    async *generate(request, { signal } = {}) {
      assertOpen();
      yield* generate(request, signal ? AbortSignal.any([signal, closing.signal]) : closing.signal);
    },
    score: () => refuse('scores no replies'),
    trace: () => refuse('cannot be traced'),
    async tokenizePrompt(prompt) {
      assertOpen();
      return vocabulary.tokenizePrompt(prompt);
    },
    encodePicture: () => refuse('shows no rows of pictures'),
    async detokenize(tokens) {
      assertOpen();
      return vocabulary.detokenize(tokens);
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await vocabulary.close();
    },
  };
}

const createClosed = (): EngineError => new EngineError('engine-closed', 'the engine was closed');

function toBody(
  { sampler, bias, drawKey, sketch }: TextGenerationRequest,
  given: {
    readonly model: string;
    readonly promptTokens: Uint32Array;
    readonly room: number;
    readonly name: string;
    readonly stopTokens: Uint32Array;
  },
): object {
  const order = {
    draw_key: Buffer.from(drawKey).toString('hex'),
    record: given.name,
    sampler: toPluginSampler(sampler),
    bias: bias.map(({ id, biasQ16 }) => [id, biasQ16]),
    bank_seed: Buffer.from(sketch.bankSeed).toString('hex'),
    directions: sketch.directions,
  };
  return {
    ...{ model: given.model, prompt: [...given.promptTokens], max_tokens: given.room, temperature: 1, stream: true },
    ...{ return_token_ids: true, stop_token_ids: [...given.stopTokens], vllm_xargs: { ogong: JSON.stringify(order) } },
  };
}

/** The plugin wants each filter named once: one that is not applied is given a value that changes nothing. */
function toPluginSampler(sampler: SamplerSettings) {
  const applies = (filter: Filter): boolean => sampler.filterOrder.includes(filter);
  return {
    temperature_q16: sampler.temperatureQ16,
    top_k: applies('top-k') ? sampler.topK : 0,
    top_p_q24: applies('top-p') ? sampler.topPQ24 : WEIGHT_ONE,
    min_p_q24: applies('min-p') ? sampler.minPQ24 : 0,
    presence_q16: sampler.presencePenaltyQ16,
    frequency_q16: sampler.frequencyPenaltyQ16,
    filter_order: [...sampler.filterOrder, ...FILTERS.filter((filter) => !applies(filter))],
  };
}
