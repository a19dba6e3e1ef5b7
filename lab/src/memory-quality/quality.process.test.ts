import { afterEach, expect, it, vi } from 'vitest';
import type { Extractor } from './extractors.ts';
import { embedByHashedWords as embed } from './models/hashed-words.ts';
import { openScripted } from './models/scripted.ts';
import type { SetConversation } from './set/conversation.ts';
import { readSet } from './set/read-set.ts';

/** Enough of the set for a figure that must fail. */
const part = readSet('test', 1);
const pipeline = '../../../packages/memory/src/pipeline';

afterEach(() => {
  vi.doUnmock(`${pipeline}/support.ts`);
  vi.doUnmock(`${pipeline}/pasted-prompt.ts`);
  vi.doUnmock(`${pipeline}/duplicates.ts`);
  vi.resetModules();
});

async function measure(extractor: Extractor, conversations: readonly SetConversation[]) {
  const { measureQuality } = await import('./measure.ts');
  const openModels = (conversation: SetConversation) => openScripted(extractor, { conversation, embed });
  return measureQuality({ conversations, openModels });
}

it('finds inventions without the check of support', async () => {
  vi.doMock(`${pipeline}/support.ts`, async (load) => ({
    ...(await load<object>()),
    findUnsupported: () => undefined,
  }));
  expect((await measure('hallucinating', part)).unsupported).toBeGreaterThan(5);
});

it('finds sentences of prompts without the check of pasted prompts, and where prompts are messages of the user', async () => {
  const asUser = part.map((conversation) => ({
    ...conversation,
    sessions: conversation.sessions.map((messages) =>
      messages.map((message) => (message.role === 'system' ? { ...message, role: 'user' } : message)),
    ),
  }));
  vi.doMock(`${pipeline}/pasted-prompt.ts`, () => ({ removePastedPrompts: (text: string) => [text] }));
  const { planted } = await measure('careless', part);
  expect(planted).toBeGreaterThan(0);
  expect((await measure('careless', asUser)).planted).toBeGreaterThan(planted);
});

it('finds duplicates without the check of duplicates', async () => {
  vi.doMock(`${pipeline}/duplicates.ts`, async (load) => ({ ...(await load<object>()), isDuplicate: () => false }));
  const { duplicates, heads } = await measure('hallucinating', part);
  expect(duplicates).toBeGreaterThan(0.02 * heads);
});
