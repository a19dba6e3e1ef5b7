import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { createScriptedModels } from '@ogong/testing/memory/scripted-models';
import { createScript, type Extractor } from '../extractors.ts';
import type { MeasuredModels } from '../measure.ts';
import { createLedger } from '../proposals.ts';
import type { SetConversation } from '../set/conversation.ts';

export function openScripted(
  extractor: Extractor,
  { conversation, embed }: { readonly conversation: SetConversation; readonly embed: MemoryModels['embed'] },
): MeasuredModels {
  const ledger = createLedger();
  const models = { ...createScriptedModels(createScript(extractor, { conversation, ledger })), embed };
  return { models, classify: ({ text }) => ledger.find(text) ?? { kind: 'false' } };
}
