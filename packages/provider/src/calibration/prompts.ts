import { createSeededRandom, pick } from '@ogong/protocol/base/seeded-random';

/**
 * Prompts to calibrate and to attack with: the same seed gives the same prompt, on every machine. Kinds differ in what
 * they do to numbers: long contexts, rare tokens, repetition.
 */
export const PROMPT_KINDS = ['story', 'long', 'code', 'unicode', 'repetitive'] as const;
export type PromptKind = (typeof PROMPT_KINDS)[number];

const HEROES = ['a cat', 'a small dog', 'an old bear', 'Lily', 'Tom', 'a brave girl', 'two birds', 'Sam', 'a red fox'];
const PLACES = ['in a forest', 'near the sea', 'in a big house', 'on a farm', 'in the park', 'under a tall tree'];
const DEEDS = [
  'who liked to sing',
  'who lost a shiny key',
  'who wanted to fly',
  'who was afraid of the dark',
  'who found a magic box',
  'who had no friends',
  'who baked a huge cake',
];
const OPENINGS = ['Once upon a time, there was', 'One day, there was', 'Long ago, there lived', 'There once was'];
const NEXT = [
  'One morning the sun was warm and',
  'Then it began to rain, so',
  'Everyone was happy because',
  'But something strange happened:',
  'Mom said that',
  'They walked for a long time and',
];
const IDENTIFIERS = ['count', 'total', 'value', 'index', 'name', 'result', 'item', 'left', 'right', 'key'];
const SCRIPTS = [
  'Ein Märchen über',
  'Жил-был',
  '昔々',
  '옛날 옛적에',
  'كان يا ما كان',
  'Μια φορά',
  '🙂🐉🌧️',
  'Ça commence',
];

/** Tokens of an English word and the space before it in vocabularies of many thousands, rather too many than too few. */
export const TOKENS_PER_WORD = 1.6;
const DRAWN_OUT = 1 / 3;

/**
 * Puts stories before one prompt in three, to a random length up to the given one; all lengths are equally likely.
 * @param tokens about as many at most.
 * @param tokensPerWord a small vocabulary takes several for a word.
 */
export function drawOutPrompt(prompt: string, seed: number, tokens: number, tokensPerWord = TOKENS_PER_WORD): string {
  const random = createSeededRandom(seed ^ 0x6c6f6e67);
  if (random() >= DRAWN_OUT) return prompt;
  const wanted = Math.floor((tokens * random()) / tokensPerWord);
  const words = prompt.split(' ');
  const before: string[] = [];
  while (before.length + words.length < wanted) {
    before.push(...createPrompt('long', Math.floor(random() * 2 ** 31)).split(' '));
  }
  return [...before.slice(0, Math.max(0, wanted - words.length)), ...words].join(' ');
}

/** @param seed u32. */
export function createPrompt(kind: PromptKind, seed: number): string {
  const random = createSeededRandom(seed);
  const choose = <T>(values: readonly T[]): T => pick(random, values);
  const story = (): string => `${choose(OPENINGS)} ${choose(HEROES)} ${choose(DEEDS)} ${choose(PLACES)}.`;
  switch (kind) {
    case 'story':
      return random() < 0.5 ? story() : `${story()} ${choose(NEXT)}`;
    case 'long':
      return Array.from({ length: 4 }, () => `${story()} ${choose(NEXT)} they smiled.`).join(' ');
    case 'code':
      return `function ${choose(IDENTIFIERS)}(${choose(IDENTIFIERS)}, ${choose(IDENTIFIERS)}) {\n  let ${choose(IDENTIFIERS)} = ${Math.floor(random() * 1000)};\n  for (`;
    case 'unicode':
      return `${choose(SCRIPTS)} ${choose(SCRIPTS)}, ${choose(HEROES)} ${choose(SCRIPTS)}`;
    case 'repetitive': {
      const word = choose(['the cat', 'ha', 'one two', 'no, no', 'tick tock']);
      return Array.from({ length: 8 + Math.floor(random() * 8) }, () => word).join(' ');
    }
  }
}
