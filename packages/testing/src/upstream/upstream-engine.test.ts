import { createUpstreamEngine } from '@ogong/engine/upstream/engine';
import type { UpstreamKind } from '@ogong/engine/upstream/findings';
import { afterAll } from 'vitest';
import { describeEngine } from '../engine/compliance.ts';
import type { Capability } from '../engine/compliance-lacks.ts';
import { type RecordedServer, startRecordedServer } from './recorded-server.ts';

/** Capabilities that no server offers its callers. */
const NEVER: readonly Capability[] = ['exact', 'trace', 'edges', 'draws', 'score', 'resume', 'tokenize'];
const LACKS: Readonly<Record<UpstreamKind, readonly Capability[]>> = {
  'llama-server': NEVER,
  vllm: [...NEVER, 'grammar'],
  sglang: [...NEVER, 'grammar', 'repetition'],
  ollama: [...NEVER, 'grammar', 'bias', 'filters', 'repetition', 'alternatives', 'token-prompts'],
  openai: [...NEVER, 'grammar', 'filters', 'repetition', 'texts', 'token-prompts'],
};

const servers: RecordedServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

for (const [kind, lacks] of Object.entries(LACKS)) {
  describeEngine({
    name: `an engine in front of a recorded ${kind}`,
    lacks,
    prompts: ['Once upon a time', 'a', 'é🙂'],
    async open({ sequences, contextSize, maxQueue }) {
      const server = await startRecordedServer({ kind: kind as UpstreamKind, contextSize, stepMs: 1 });
      servers.push(server);
      const { address } = server;
      return createUpstreamEngine({ address, modelRoot: new Uint8Array(32).fill(1), sequences, maxQueue, contextSize });
    },
  });
}
