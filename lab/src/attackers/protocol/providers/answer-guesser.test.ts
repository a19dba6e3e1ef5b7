import { expect, it } from 'vitest';
import { answerGuesser } from './answer-guesser.ts';

const ALL = ['leaf', 'output tokens', 'progress', 'prompt', 'response'];
const NOTHING = new Uint8Array(32);

it('finds all of it where the blinds are known: without a salt, or with nothing for a blind', () => {
  expect(answerGuesser.play({}).found).toEqual(ALL);
  const blinds = () => ({ prompt: NOTHING, answer: NOTHING });
  expect(answerGuesser.play({ salt: '5a'.repeat(16), blinds }).found).toEqual(ALL);
});
