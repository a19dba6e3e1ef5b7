import type { MemoryQuote } from '@ogong/memory/memory';
import { createLocalModels } from '@ogong/memory/models/local-models';
import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { hashMessage } from '@ogong/memory/pipeline/turns';
import type { MeasuredModels } from '../measure.ts';
import { type ProposalTruth, withoutDate } from '../proposals.ts';
import type { SetConversation } from '../set/conversation.ts';
import { MINI_LM } from './mini-lm.ts';

export interface AskedOptions {
  /** Of local mode. */
  readonly baseUrl: string;
  readonly chat: string;
  /** Undefined for the given `embed`. */
  readonly embedding: string | undefined;
  readonly embed: MemoryModels['embed'] | undefined;
}

/** Asks real models. The quote of a memory tells whether it is a fact of the set, because the wording of a model is unknown. */
export function openAsked(conversation: SetConversation, options: AskedOptions): MeasuredModels {
  const { baseUrl, chat, embedding = MINI_LM, embed } = options;
  const asked = createLocalModels({ baseUrl, names: { chat, embedding, rerank: undefined } });
  return {
    models: embed === undefined ? asked : { ...asked, embed },
    classify: ({ text, quote }) =>
      quote === undefined ? { kind: 'junk' } : classifyQuoted(conversation, { text, quote }),
  };
}

interface QuotedText {
  readonly text: string;
  readonly quote: MemoryQuote;
}

/** A name or number that the quote lacks makes a memory false. Finer differences need a reader. */
function classifyQuoted({ planted, facts, sessions }: SetConversation, { text, quote }: QuotedText): ProposalTruth {
  if (planted.some((sentence) => quote.words.includes(sentence))) return { kind: 'planted' };
  if (!hasNamesAndNumbers(text, quote.words)) return { kind: 'false' };
  const found = facts.find(({ say, session, message }) => {
    const content = sessions[session]?.[message]?.content ?? '';
    return hashMessage(content) === quote.messageHash && (quote.words.includes(say) || say.includes(quote.words));
  });
  return found === undefined ? { kind: 'junk' } : { kind: 'fact', fact: found.same };
}

/** The first word of a memory has a capital letter in any case. */
function hasNamesAndNumbers(text: string, words: string): boolean {
  const behindFirst = withoutDate(text).replace(/^\S+/, '');
  const named = behindFirst.match(/\p{Lu}[\p{L}'-]*|\d+/gu) ?? [];
  return named.every((one) => words.includes(one));
}
