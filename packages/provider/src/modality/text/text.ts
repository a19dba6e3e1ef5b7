import { readTemplateFormat } from '@ogong/engine/decode/text/chat-template';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { mayThink } from '@ogong/protocol/modality/text/answer/answer-format';
import { text } from '@ogong/protocol/modality/text/text';
import type { LocalUse, ProviderModality } from '../modality.ts';
import { findDay } from './commit-locally.ts';
import { countPrompt } from './count-prompt.ts';
import { parseModelRequest } from './model-request.ts';
import { rerunText } from './rerun-text.ts';
import { openTextJob } from './score-text.ts';
import { textOrders } from './text-orders.ts';
import { textTracing } from './text-tracing.ts';

const USES: readonly LocalUse[] = ['chat', 'completion', 'generate'];

/** Texts: chats and completions. */
export const textModality = {
  specificationVersion: 'text-v1',
  name: text.name,
  modelNoun: 'a model that writes',
  writes: true,
  countSequences(engine) {
    const { sequences, scoresTogether = 1 } = engine.info();
    return Math.max(sequences, scoresTogether);
  },
  describe(engine) {
    const { shapes, gpuLayers } = engine.info();
    return { ...(shapes && { shapes }), ...(gpuLayers !== undefined && { gpuLayers }) };
  },
  wrapOnDemand: ({ use, borrow }) => ({
    specificationVersion: 'text-v1',
    async *generate(request, options) {
      const { engine, release } = await borrow();
      try {
        yield* engine.generate(request, options);
      } finally {
        release();
      }
    },
    score: (request, options) => use((engine) => engine.score(request, options)),
    trace: (request, options) => use((engine) => engine.trace(request, options)),
    tokenizePrompt: (prompt) => use((engine) => engine.tokenizePrompt(prompt)),
    usesTemplate: (prompt) => use(async (engine) => (await engine.usesTemplate?.(prompt)) ?? true),
    encodePicture: (file, options) => use((engine) => engine.encodePicture(file, options)),
    measurePicture: (file) =>
      use(async (engine) => {
        if (engine.measurePicture !== undefined) return engine.measurePicture(file);
        throw new EngineError('unsupported-model', 'this model reads no pictures');
      }),
    detokenize: (tokens) => use((engine) => engine.detokenize(tokens)),
  }),
  orders: textOrders,
  countPrompt: (engine, { body, media, nowMs }) =>
    countPrompt(engine, parseModelRequest(body, 'chat', findDay(nowMs)), media),
  openScoreJob: openTextJob,
  rerun: rerunText,
  tracing: textTracing,
  findMisuse(_engine, use) {
    if (USES.includes(use)) return undefined;
    // A file that only writes may be a reranker all the same, which is asked for the likelihood of yes.
    return use === 'reranking'
      ? `${use}: it writes, and is not asked for yes or no; a reranker has a classifier, and its file names pooling type rank`
      : use;
  },
  // A model without a template continues texts: it calls a tool only if it is forced to.
  listCapabilities({ template, canFill }) {
    const completion = ['completion', ...(canFill ? ['insert'] : [])];
    if (template === undefined) return completion;
    return [...completion, 'tools', ...(mayThink(readTemplateFormat(template)) ? ['thinking'] : [])];
  },
} satisfies ProviderModality<TextEngine>;
