import { createHash } from 'node:crypto';

/** Words with a space before each, so that a text is the sum of its tokens. Their indices are their ids. */
const WORDS = [
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'é',
  '🙂',
  'sea',
  'sky',
  'sun',
  'fox',
  'owl',
  'hen',
  'elm',
  'oak',
  'fir',
  'hay',
  'ivy',
  'dew',
];

export interface ToyToken {
  readonly id: number;
  readonly text: string;
  readonly logprob: number;
  readonly alternatives: readonly { readonly id: number; readonly text: string; readonly logprob: number }[];
}

/** A model behind a recorded server. Prompt and seed decide its text. */
export function writeToken(prompt: string, seed: number, position: number): ToyToken {
  const hash = createHash('sha256').update(`${seed}/${position}/${prompt}`).digest();
  const order = WORDS.map((_, id) => id).sort((a, b) => (hash[a] as number) - (hash[b] as number) || a - b);
  const alternatives = order.map((id, rank) => ({ id, text: ` ${WORDS[id]}`, logprob: -0.5 - rank / 4 }));
  return { ...(alternatives[0] as (typeof alternatives)[number]), alternatives };
}
