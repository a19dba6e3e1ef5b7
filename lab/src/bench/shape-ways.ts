import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TextGenerationRequest } from '@ogong/engine/interface/text';
import { explainVulkanAbsence } from '@ogong/engine/llama-cpp/device/gpu-build';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import { NAT } from '@ogong/protocol/modality/text/sampling/sampler';
import { createRequest } from './engine-timing.ts';

export interface ShapeBench {
  readonly path: string;
  readonly name: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly rounds: number;
  /** Minimum number of tokens in one sample. Replies are made singly or in groups until the sample has as many. */
  readonly sampleTokens: number;
}

/** A looping text is the best case for drafts: greedy, and only the few tokens of its prompt are likely. */
export type Text = (typeof TEXTS)[number];
export const TEXTS = ['ordinary', 'looping'] as const;
export const ORDINARY: readonly Text[] = ['ordinary'];

const PHRASE_TOKENS = 4;

/** One way to serve, as the bench compares it. */
export interface Way {
  readonly id: string;
  readonly what: string;
  readonly options: Partial<LlamaEngineOptions>;
  /** The texts that it is measured with. Only ways that draft are measured with the looping one. */
  readonly texts: readonly Text[];
  /** Why the default way may miss the aim. Only the default has an aim. */
  readonly missed?: { readonly why: string; readonly next: string };
}

/** The aim of a class is the speed of the first baseline. */
export interface Contest {
  readonly baselines: readonly Pick<Way, 'id' | 'what' | 'options'>[];
  readonly ways: readonly Way[];
}

const IN_CLASS = {
  why: 'both sides run the same kernels, so the difference is the load of the machine; see the load and the other numbers of replies',
  next: 'the same on a quiet machine',
};
const CHOSEN = {
  why: 'where it pads, every step computes its padding rows, too; where it does not, each of several replies takes a pass of its own',
  next: 'a class for passes of one row each of several replies',
};

export const CONTESTS: Readonly<Record<'cpu' | 'vulkan', Contest>> = {
  cpu: {
    baselines: [
      { id: 'plain', what: 'passes as they come', options: { kernels: 'plain' } },
      { id: 'fast', what: 'weights rearranged', options: { kernels: 'fast' } },
    ],
    ways: [
      { id: 'exact', what: 'exact', options: {}, texts: ORDINARY, missed: IN_CLASS },
      { id: 'exact-drafts', what: 'exact with 3 drafts', options: { drafts: 3 }, texts: TEXTS },
    ],
  },
  vulkan: {
    baselines: [
      {
        id: 'plain',
        what: 'passes as they come',
        options: { backend: 'vulkan', kernels: 'plain', flashAttention: false },
      },
    ],
    ways: [
      { id: 'auto', what: 'as it chooses', options: { backend: 'vulkan' }, texts: TEXTS, missed: CHOSEN },
      ...(['wide', 'mixed'] as const).flatMap((shapes): Way[] => [
        { id: shapes, what: shapes, options: { backend: 'vulkan', shapes, drafts: 0 }, texts: ORDINARY },
        {
          ...{ id: `${shapes}-drafts`, what: `${shapes} with drafts`, options: { backend: 'vulkan', shapes } },
          texts: ['looping'],
        },
      ]),
    ],
  },
};

/** Why this machine cannot measure a back end; undefined if it can. */
export const explainAbsence = (backend: 'cpu' | 'vulkan'): string | undefined =>
  backend === 'vulkan' ? explainVulkanAbsence(join(homedir(), '.ogong', 'engine')) : undefined;

const TOGETHER = 8;

/** Opens an engine for each way. If one does not load, it closes the others. */
export async function openWays<Opened extends Pick<Way, 'id' | 'what' | 'options'>>(
  { path }: Pick<ShapeBench, 'path'>,
  ways: readonly Opened[],
  onProgress: (what: string) => void,
) {
  await using stack = new AsyncDisposableStack();
  const opened: (Opened & { readonly engine: LlamaEngine })[] = [];
  for (const way of ways) {
    onProgress(`loading: ${way.what}`);
    // The same reply is scored again and again: none of these scores may begin where another ended.
    const settings = { modelPath: path, threads: 1, contextSize: 256, sequences: TOGETHER, prefixCache: false };
    const engine = await createLlamaEngine({ ...settings, ...way.options });
    stack.defer(() => engine.close());
    opened.push({ ...way, engine });
  }
  const owned = stack.move();
  return { ways: opened, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A request whose reply reaches its full length on any model. */
export function createEndlessRequest(
  engine: LlamaEngine,
  shape: Pick<ShapeBench, 'promptTokens' | 'outputTokens'>,
  number: number,
  text: Text,
): TextGenerationRequest {
  const request = createRequest(engine, shape, number);
  const noEnd = Array.from(engine.info().stopTokens, (id) => ({ id, biasQ16: -100 * NAT }));
  if (text === 'ordinary') return { ...request, bias: noEnd };
  const { tokens } = request.prompt as { tokens: Uint32Array };
  const phrase = tokens.slice(0, PHRASE_TOKENS);
  return {
    ...request,
    prompt: { kind: 'tokens', tokens: tokens.map((_, i) => phrase[i % PHRASE_TOKENS] as number) },
    sampler: { ...request.sampler, temperatureQ16: 0 },
    bias: [...noEnd, ...Array.from(phrase, (id) => ({ id, biasQ16: 30 * NAT }))],
  };
}
