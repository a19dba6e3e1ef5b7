import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { addMemory } from './add-command.ts';
import { askMemory } from './ask-memory-command.ts';
import { exportMemories, importMemories } from './export-command.ts';
import { readConversations } from './read-command.ts';
import { searchMemory } from './search-command.ts';
import { bringUpMemory } from './up-command.ts';
import { verifyOneMemory } from './verify-memory-command.ts';

export const memoryCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'memory',
  summary: 'memories with the words and receipts that they rest on',
  verbs: {
    up: { summary: 'start local mode with a memory service', run: bringUpMemory },
    add: { summary: 'remember the facts of a text', run: addMemory },
    read: { summary: 'remember the facts of exports, texts and PDF files', run: readConversations },
    search: { summary: 'find memories', run: searchMemory },
    ask: { summary: 'answer a question from the memories', run: askMemory },
    verify: { summary: 'check a memory again', run: verifyOneMemory },
    export: { summary: 'write all memories with their proofs', run: exportMemories },
    import: { summary: 'store the memories of an export', run: importMemories },
  },
  examples: ['ogong memory up', 'ogong memory add "I live in Porto."', 'ogong memory ask "Where do I live?"'],
});
