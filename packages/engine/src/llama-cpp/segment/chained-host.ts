import type { StampedFile } from '@ogong/models/model-root';
import { createPromptTokenizer } from '../../decode/text/prompt-tokens.ts';
import { spellMarks } from '../../decode/text/spelled-marks.ts';
import { EngineError } from '../../interface/engine-error.ts';
import type { UpstreamRows } from '../../interface/segment.ts';
import { FULL_CAPABILITIES, type TextEngineInfo } from '../../interface/text.ts';
import type { TextHostOptions } from '../../process/text-host.ts';
import type { TextContract } from '../../process/text-messages.ts';
import type { ModelFacts } from '../model-file.ts';
import { formatNumericClass, mayBeExact, parseNumericClass } from '../numeric-class.ts';
import { assertUnchanged } from '../verified-model.ts';
import { createChainedModel } from './chained-model.ts';
import { openLlamaSegment, type SegmentOptions } from './segment-model.ts';
import { proveSegment } from './segment-probe.ts';

/** Facts of the last slab that the parent read, and settings of the engine. */
export interface ChainedTextLoad {
  /** The last slab. */
  readonly modelPath: string;
  readonly facts: ModelFacts;
  readonly files: readonly StampedFile[];
  /** Root of the whole model. */
  readonly modelRoot: Uint8Array;
  readonly segment: SegmentOptions;
  /** Replies at a time. The segment has one more sequence, which runs replies again. */
  readonly sequences: number;
  readonly drafts: number;
  readonly groups: number;
  readonly piecesAhead: number;
  readonly prefixCache: boolean;
  readonly promptChunk: number;
  readonly maxQueue: number;
}

export type ChainedTextContract = TextContract<ChainedTextLoad>;

/** Loads the last slab in this process. @throws EngineError. */
export async function openChainedHost(
  load: ChainedTextLoad,
  before: UpstreamRows,
): Promise<Omit<TextHostOptions, 'send'>> {
  const { modelPath, facts, files, modelRoot, sequences, promptChunk, maxQueue, groups, piecesAhead } = load;
  assertUnchanged(files);
  const opened = openLlamaSegment(modelPath, load.segment);
  assertUnchanged(files);
  const { answerFormat, thinking, tokenize, usesTemplate } = createPromptTokenizer(opened.vocabulary, facts);
  const vocabulary = spellMarks(opened.vocabulary, answerFormat);
  const segment = await proveSegment(opened.segment);
  const model = createChainedModel({ last: { ...opened, segment, vocabulary }, before, sequences, piecesAhead });
  const { numericClass: text, contextSize, canDropPositions } = segment.info();
  const numericClass = parseNumericClass(text);
  if (numericClass === undefined) throw new EngineError('engine-crashed', `the segment names no class, but ${text}`);
  const exact = mayBeExact(numericClass) && !facts.hasFloatLatents;
  const isUnproven = numericClass.isUnproven || (mayBeExact(numericClass) && !exact);
  const info: TextEngineInfo = {
    modelRoot,
    vocabularyHash: facts.vocabularyHash,
    vocabularySize: vocabulary.size,
    stopTokens: Uint32Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => model.isEnd(id)),
    embeddingSize: model.embeddingSize,
    contextSize,
    sequences,
    numericClass: formatNumericClass({ ...numericClass, isUnproven }),
    exact,
    weightType: numericClass.weights,
    hasChatTemplate: facts.chatTemplate !== undefined,
    answerFormat,
    ...(thinking && { thinking }),
    capabilities: { ...FULL_CAPABILITIES, exact, trace: false },
  };
  return {
    ...{ model, info, tokenizePrompt: tokenize, usesTemplate, promptChunk, maxQueue, groups },
    maxDrafts: canDropPositions ? load.drafts : 0,
    prefixCache: load.prefixCache && canDropPositions,
  };
}
