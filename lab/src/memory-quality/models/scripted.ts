import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { createScriptedModels } from '@ogong/testing/memory/scripted-models';
import { createScript, type Extractor } from '../extractors.ts';
import type { MeasuredModels } from '../measure.ts';
import { createLedger } from '../proposals.ts';
import type { SetConversation } from '../set/conversation.ts';

/** @param embedding Default: words by their hashes. */
export function openScripted(
  extractor: Extractor,
  conversation: SetConversation,
  embedding: Partial<Pick<MemoryModels, 'embed'>> = {},
): MeasuredModels {
  const ledger = createLedger();
  const models = { ...createScriptedModels(createScript(extractor, { conversation, ledger })), ...embedding };
  return { models, judge: ({ text }) => ledger.find(text) ?? { kind: 'false' } };
}
