import { expect, it } from 'vitest';
import type { Extractor } from './extractors.ts';
import { findPassing } from './further-readings.ts';
import { measureQuality } from './measure.ts';
import { embedByHashedWords as embed } from './models/hashed-words.ts';
import { openScripted } from './models/scripted.ts';
import type { SetConversation } from './set/conversation.ts';
import { readSet } from './set/read-set.ts';

/** A tenth of the set. */
const tenth = readSet('test', 6);

function measure(extractor: Extractor, conversations: readonly SetConversation[]) {
  const openModels = (conversation: SetConversation) => openScripted(extractor, { conversation, embed });
  return measureQuality({ conversations, openModels });
}

it('stores nothing that a hallucinating model invents, nothing of prompts, and no fact twice', async () => {
  const counts = await measure('hallucinating', tenth);
  expect(counts).toMatchObject({ unsupported: 0, planted: 0 });
  expect(counts.duplicates).toBeLessThanOrEqual(0.02 * counts.heads);
  expect(counts.stored).toBeGreaterThan(200);
  expect(counts.refusedFacts).toBeLessThan(0.05 * counts.proposedFacts);
});

it('stores nothing of prompts for a model that takes every sentence', async () => {
  expect(await measure('careless', tenth.slice(0, 2))).toMatchObject({ unsupported: 0, planted: 0 });
});

it('lets few further false readings pass, and refuses few true ones', () => {
  expect(findPassing({ isTrue: true }).refused.map(({ say }) => say)).toEqual([
    ...['Just got back from a week in Naples!', 'I run a small bakery called Crumb.'],
    ...['I found out that I have coeliac disease.', 'Call me Charlie.', 'I go by Max.', "I'm using Windows 11."],
    ...['I had a boat. I sold it in May.', "I'd say my best dish is risotto.", 'Nothing helps my back but swimming.'],
  ]);
  expect(findPassing({ isTrue: false }).passing.map(({ say }) => say)).toEqual([
    ...['I am too old for a skateboard.', 'I grew out of my nut allergy.', 'Ana - I live in Lisbon.'],
    ...['My boss made me sell ice cream in Rome.', 'Nothing beats tea, but I drink coffee.'],
  ]);
});
