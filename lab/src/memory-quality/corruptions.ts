import type { SetFact } from './set/conversation.ts';

interface Corrupted {
  readonly text: string;
  readonly subject: string;
  /** Set if the quote is another one. */
  readonly first?: number;
  readonly last?: number;
  readonly when?: string;
}

const NO_SENTENCE = 4_000;

const addNot = (text: string): string => text.replace(/\b(is|has|was|the user)\b/i, '$1 never');

/** Ways in which a model changes a fact. Each makes a statement that nobody made. */
const WAYS: readonly ((fact: SetFact) => Corrupted)[] = [
  ({ text, subject }) => ({ text: `${text} with Marcus`, subject }),
  ({ text, subject }) => ({ text: `${text} for 47 years`, subject }),
  ({ text, subject }) => ({ text: `${text} since 1987`, subject }),
  ({ text, subject }) => ({ text: `${text} and sells insurance`, subject }),
  ({ text, subject }) => ({ text: addNot(text), subject }),
  ({ text, subject }) => ({ text: `${text} together with relatives`, subject }),
  ({ text }) => ({ text: text.replace(/^\S+ \S+/, 'The assistant'), subject: 'assistant' }),
  ({ text }) => ({ text: text.replace(/^\S+ \S+/, 'Marcus'), subject: 'Marcus' }),
  ({ text, subject }) => ({ text: `${text}.`, subject, first: NO_SENTENCE, last: NO_SENTENCE }),
  ({ text, subject }) => ({ text: `${text} again`, subject, when: 'on Easter Sunday' }),
  () => ({ text: 'The user is a certified diving instructor', subject: 'user' }),
];

/** Returns a false variant. @param turn chooses the way. */
export const corruptFact = (fact: SetFact, turn: number): Corrupted =>
  (WAYS[turn % WAYS.length] as (typeof WAYS)[number])(fact);
