import type { SetConversation, SetFact } from './set/conversation.ts';

/**
 * The truth about a proposed text. `fact`: a user stated it. `false`: nobody did. `planted`: a prompt, a tool or a recalled text says it.
 * `junk`: a user wrote it, and it is not worth remembering.
 */
export type ProposalKind = 'fact' | 'false' | 'planted' | 'junk';

export interface ProposalTruth {
  readonly kind: ProposalKind;
  /** Index of the first statement of the fact; undefined for other kinds. */
  readonly fact?: number;
}

/** The truth about each text that a scripted extractor proposed. */
export interface ProposalLedger {
  note(text: string, proposal: ProposalTruth): void;
  /** @param text of a memory, with a resolved date behind it or without. */
  find(text: string): ProposalTruth | undefined;
}

const RESOLVED_DATE = / \(\d{4}(?:-\d{2}){0,2}(?: to \d{4}-\d{2}-\d{2})?\)$/;

export const withoutDate = (text: string): string => text.replace(RESOLVED_DATE, '');

export function createLedger(): ProposalLedger {
  const known = new Map<string, ProposalTruth>();
  return {
    note: (text, proposal) => void known.set(text, proposal),
    find: (text) => known.get(text) ?? known.get(withoutDate(text)),
  };
}

/** Facts and traps by the sentences that state them. */
export interface TurnReading {
  readonly facts: readonly {
    readonly fact: SetFact;
    readonly index: number;
    readonly first: number;
    readonly last: number;
  }[];
  readonly traps: readonly { readonly say: string; readonly reading: string; readonly n: number }[];
  /** Sentences that state neither. */
  readonly others: readonly { readonly n: number; readonly text: string }[];
}

type Sentences = readonly (readonly [n: number, text: string])[];

/** Finds the facts of the set in the sentences of a turn. */
export function readSentences({ facts, traps }: SetConversation, sentences: Sentences): TurnReading {
  const found: TurnReading['facts'][number][] = [];
  const trapped: TurnReading['traps'][number][] = [];
  const used = new Set<number>();
  for (const [at, [first]] of sentences.entries()) {
    for (const [index, fact] of facts.entries()) {
      const count = countSentences(sentences.slice(at), fact.say);
      if (count === 0 || used.has(first)) continue;
      found.push({ fact, index, first, last: first + count - 1 });
      for (let n = first; n < first + count; n++) used.add(n);
    }
  }
  for (const [n, text] of sentences) {
    const trap = traps.find(({ say }) => say === text.trim());
    if (trap === undefined || used.has(n)) continue;
    trapped.push({ ...trap, n });
    used.add(n);
  }
  const others = sentences.filter(([n]) => !used.has(n)).map(([n, text]) => ({ n, text: text.trim() }));
  return { facts: found, traps: trapped, others };
}

/** Returns how many sentences from the first one on are a text; 0 if it does not begin there. */
function countSentences(sentences: Sentences, say: string): number {
  let joined = '';
  for (const [count, [, text]] of sentences.entries()) {
    joined += text;
    if (joined.trim() === say) return count + 1;
    if (!say.startsWith(joined.trim())) return 0;
  }
  return 0;
}
