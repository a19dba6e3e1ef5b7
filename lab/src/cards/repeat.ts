import { createHash } from 'node:crypto';
import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import { createLlamaEngine, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import type { FileHashes } from '@ogong/models/file-hashes';
import {
  type ComplianceReply,
  collectReply,
  createRequest,
  createScoreRequest,
  hexOf,
  keyOf,
} from '@ogong/testing/engine/compliance-requests';
import { CARD_WAYS, type CardWayName } from './ways.ts';

/** What a way to run a model does with the same requests again. */
export interface RepeatRow {
  readonly way: CardWayName;
  readonly model: string;
  readonly numericClass: string;
  /** Whether the probe at load let it claim exactness. */
  readonly exact: boolean;
  readonly shapes?: string | undefined;
  readonly replies: number;
  readonly tokens: number;
  /** Of all replies, made one at a time: two machines that compute alike have the same. */
  readonly digest: string;
  /** Replies with the same bytes: once more, by another process, eight at a time, and with the prompt in other pieces. */
  readonly again: number;
  readonly reopened: number;
  readonly together: number;
  readonly pieces: number;
  /** Replies that one scoring pass reproduces: of those made one at a time, and of those made eight at a time. */
  readonly scored: number;
  readonly scoredTogether: number;
}

export interface RepeatOptions {
  readonly way: CardWayName;
  readonly model: string;
  readonly modelPath: string;
  readonly hashes: FileHashes;
  readonly contextSize: number;
  readonly promptTokens: number;
  readonly maxTokens: number;
  readonly count: number;
}

/** @throws EngineError where this machine does not run the way. */
export async function measureRepeats(options: RepeatOptions): Promise<RepeatRow> {
  const { way, model, modelPath, contextSize } = options;
  const settings: LlamaEngineOptions = {
    ...{ modelPath, contextSize, hashes: options.hashes, threads: 1, sequences: options.count, prefixCache: false },
    ...CARD_WAYS[way],
  };
  await using engine = await open(settings);
  await using other = await open({ ...settings, promptChunk: 40 });
  const requests = listRequests(engine.engine, options);
  const first = await oneByOne(engine.engine, requests);
  const again = await oneByOne(engine.engine, requests);
  const pieces = await oneByOne(other.engine, requests);
  const together = await Promise.all(requests.map((request) => collectReply(engine.engine.generate(request))));
  await using verifier = await open({ ...settings, sequences: 1 });
  const reopened = await oneByOne(verifier.engine, requests);
  const { numericClass, exact, shapes } = engine.engine.info();
  const countSame = (replies: readonly ComplianceReply[]): number =>
    replies.filter((reply, i) => textOf(reply) === textOf(first[i] as ComplianceReply)).length;
  const score = async (replies: readonly ComplianceReply[]): Promise<number> => {
    let same = 0;
    for (const [i, reply] of replies.entries()) {
      const request = createScoreRequest(engine.engine, requests[i] as TextGenerationRequest, reply);
      const { windows } = await verifier.engine.score(request);
      if (hexOf(windows).join() === hexOf(reply.windows).join()) same++;
    }
    return same;
  };
  return {
    ...{ way, model, numericClass, exact, shapes, replies: first.length },
    tokens: first.reduce((sum, { outputTokens }) => sum + outputTokens.length, 0),
    digest: createHash('sha256').update(first.map(textOf).join()).digest('hex').slice(0, 16),
    again: countSame(again),
    reopened: countSame(reopened),
    together: countSame(together),
    pieces: countSame(pieces),
    scored: await score(first),
    scoredTogether: await score(together),
  };
}

async function open(settings: LlamaEngineOptions) {
  const engine = await createLlamaEngine(settings);
  return { engine, [Symbol.asyncDispose]: () => engine.close() };
}

/** Prompts of several lengths, so that neighbours are at other positions. */
function listRequests(engine: TextEngine, { promptTokens, maxTokens, count }: RepeatOptions): TextGenerationRequest[] {
  const { vocabularySize, stopTokens } = engine.info();
  const bias = Array.from(stopTokens, (id) => ({ id, biasQ16: -100 * 65_536 }));
  return Array.from({ length: count }, (_, i) => {
    const length = Math.max(2, Math.round((promptTokens * (i + 1)) / count));
    const tokens = Uint32Array.from(
      { length },
      (_, at) => 3 + ((at * 7919 + i * 104_729) % Math.max(1, vocabularySize - 3)),
    );
    return createRequest('', { prompt: { kind: 'tokens', tokens }, drawKey: keyOf(700 + i), maxTokens, bias });
  });
}

async function oneByOne(engine: TextEngine, requests: readonly TextGenerationRequest[]): Promise<ComplianceReply[]> {
  const replies: ComplianceReply[] = [];
  for (const request of requests) replies.push(await collectReply(engine.generate(request)));
  return replies;
}

const textOf = ({ windows }: ComplianceReply): string => hexOf(windows).join();
