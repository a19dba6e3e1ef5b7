import type { ConversationMessage } from '@ogong/memory/pipeline/turns';
import type { Half } from './threads.ts';

/** A fact that a user states in one turn. */
export interface SetFact {
  /** As a careful reader writes it, without a resolved date. */
  readonly text: string;
  readonly say: string;
  /** `user`, or a name. */
  readonly subject: string;
  readonly when: string | undefined;
  /** Place of the turn that holds it. */
  readonly session: number;
  readonly message: number;
  /** Index of the fact that is stale from here on. */
  readonly ends: number | undefined;
  /** Index of the first statement of the same fact: its own, if it repeats none. */
  readonly same: number;
}

export interface SetTrap {
  readonly say: string;
  readonly reading: string;
}

export interface MemoryQuestion {
  readonly ask: string;
  readonly answer: string;
  /** Index of the fact that answers. */
  readonly fact: number;
  /** Index of the stale fact that would be a wrong answer. */
  readonly stale: number | undefined;
}

/** A conversation of several sessions with one user, and its true reading. */
export interface SetConversation {
  readonly id: string;
  readonly half: Half;
  /** Messages of each session, with times. */
  readonly sessions: readonly (readonly ConversationMessage[])[];
  /** In the order of their statement. */
  readonly facts: readonly SetFact[];
  readonly traps: readonly SetTrap[];
  /** Sentences of prompts, tools and recalled texts. No user stated them. */
  readonly planted: readonly string[];
  readonly questions: readonly MemoryQuestion[];
}

/** Facts that hold at the end: neither stale nor repeated. */
export function listHolding({ facts }: Pick<SetConversation, 'facts'>): readonly SetFact[] {
  const ended = new Set(facts.map(({ ends }) => ends));
  return facts.filter(({ same }, index) => same === index && !ended.has(index));
}
