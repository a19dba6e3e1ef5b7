import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { verifyAgentFile } from './verify-agent.ts';

export const agentCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'agent',
  summary: 'runs of agents, step by step',
  verbs: { verify: { summary: 'check the file of a run: each answer, and that each follows', run: verifyAgentFile } },
  examples: ['ogong agent verify run.jsonl --trust trust.json'],
});
