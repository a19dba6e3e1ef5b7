import type { StoredEvidence } from '../memory.ts';
import type { MemoryModels } from '../models/memory-models.ts';
import { type ExtractionAnswer, readExtraction, writeExtraction, writeExtractionSchema } from './extraction-prompt.ts';
import type { ConversationTurn } from './turns.ts';

/** Candidates of one call to the model. */
export interface Extraction extends ExtractionAnswer {
  /** The turns that the model read. */
  readonly turns: readonly ConversationTurn[];
  readonly evidence: StoredEvidence;
}

export interface ExtractionOptions {
  readonly maxTokens: number;
  /** UTF-16 units of sentences that one call reads. */
  readonly windowSize: number;
}

/** Asks the model for the memories of a conversation, one window after the other. */
export async function extractCandidates(
  models: Pick<MemoryModels, 'chat'>,
  turns: readonly ConversationTurn[],
  { windowSize, maxTokens, signal }: ExtractionOptions & { readonly signal: AbortSignal },
): Promise<readonly Extraction[]> {
  const extractions: Extraction[] = [];
  for (const window of cutWindows(turns, windowSize)) {
    const ask = { messages: writeExtraction(window), schema: writeExtractionSchema(window), maxTokens };
    const { value, evidence } = await models.chat(ask, signal);
    extractions.push({ turns: window, evidence, ...readExtraction(value) });
  }
  return extractions;
}

/** Cuts turns into windows between sentences. A window has one sentence at least, and one turn may stand in several. */
export function cutWindows(
  turns: readonly ConversationTurn[],
  windowSize: number,
): readonly (readonly ConversationTurn[])[] {
  const windows: ConversationTurn[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const turn of turns) {
    for (const sentence of turn.sentences) {
      size += sentence.text.length;
      if (size > windowSize) {
        windows.push([]);
        size = sentence.text.length;
      }
      const window = windows.at(-1) as ConversationTurn[];
      const last = window.at(-1);
      if (last?.message === turn.message) window.splice(-1, 1, { ...turn, sentences: [...last.sentences, sentence] });
      else window.push({ ...turn, sentences: [sentence] });
    }
  }
  return windows;
}
