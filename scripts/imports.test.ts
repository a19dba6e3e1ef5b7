import { describe, expect, it } from 'vitest';
import { checkImports } from './imports.ts';

const rulesOf = (path: string, text: string): string[] => checkImports([{ path, text }]).map(({ rule }) => rule);

describe('canaries: each rule rejects its violation', () => {
  it.each([
    [
      'packages/protocol/src/a.ts',
      "import { x } from '@ogong/engine/interface/text';",
      'must not import @ogong/engine',
    ],
    ['packages/engine/src/a.ts', "import type { X } from '@ogong/host/time/clock';", 'must not import @ogong/host'],
    ['packages/chain/src/a.ts', "export { x } from '@ogong/engine/interface/text';", 'must not import @ogong/engine'],
    ['packages/sdk/src/a.ts', "import { x } from '@ogong/host/time/clock';", 'must not import @ogong/host'],
    ['packages/router/src/a.ts', "import { x } from '@ogong/lab/demo';", 'must not import @ogong/lab'],
    [
      'packages/gateway/src/front/a.ts',
      "import { x } from '@ogong/router/router';",
      'packages/gateway must not import @ogong/router',
    ],
    [
      'packages/provider/src/verifier/a.ts',
      "import { x } from '../provider/b.ts';",
      'role verifier must not import role provider',
    ],
    ['packages/router/src/a.ts', "import { x } from '@ogong/engine/interface/text';", 'must not import @ogong/engine'],
    ['packages/router/src/a.ts', "import { x } from '@ogong/devnet/mesh/mesh';", 'must not import @ogong/devnet'],
    ['packages/router/src/a.ts', "import { x } from '@ogong/testing/engine/fake';", 'must not import @ogong/testing'],
    ['packages/models/src/a.ts', "import { x } from '@ogong/engine/interface/text';", 'must not import @ogong/engine'],
    ['packages/host/src/a.ts', "import { x } from '@ogong/router/router';", 'must not import @ogong/router'],
    ['packages/router/src/a.test.ts', "import { x } from '@ogong/lab/demo';", 'must not import @ogong/lab'],
    [
      'packages/engine/src/process/a.ts',
      "import type { X } from '../llama-cpp/b.ts';",
      'process stands below llama-cpp in packages/engine/src',
    ],
    ['packages/router/src/a.ts', 'const now = Date.now;', 'daemons take time from packages/host/src/time/clock.ts'],
    ['packages/provider/src/verifier/a.ts', 'const at = new Date();', 'daemons take time from'],
    ['packages/host/src/views/a.ts', 'const at = performance.now();', 'daemons take time from'],
    ['packages/validator/src/a.ts', 'const at = process.hrtime.bigint();', 'the simulator has no hold of it'],
    ['packages/validator/src/a.ts', 'const one = Math.random();', 'chance of daemons is an argument'],
    [
      'packages/provider/src/provider/a.ts',
      "import { randomBytes } from 'node:crypto';",
      'chance of daemons is an argument',
    ],
    [
      'packages/router/src/a.ts',
      "import { randomInt } from 'node:crypto';",
      'the simulator has no hold of what this takes from node:crypto',
    ],
    [
      'packages/host/src/views/a.ts',
      "import { Worker } from 'node:worker_threads';",
      'the simulator has no hold of what this takes from node:worker_threads',
    ],
    ['packages/provider/src/a.ts', "import { x } from './engine/b.ts';", '. is no floor of packages/provider/src'],
    ['packages/host/src/log/a.ts', "import { x } from '../link/b.ts';", 'log stands below link in packages/host'],
    [
      'packages/router/src/a.ts',
      "import { x } from '../../engine/src/engine.ts';",
      'must not reach into packages/engine',
    ],
    ['packages/protocol/src/a.ts', "import { readFileSync } from 'node:fs';", 'protocol must not import node:'],
    [
      'packages/gateway/src/front/a.ts',
      "import { readFileSync, writeFileSync } from 'node:fs';",
      'files of daemons are made by packages/host/src/files/private-files.ts',
    ],
    ['packages/host/src/log/a.ts', "import { DatabaseSync } from 'node:sqlite';", 'files of daemons are made by'],
    ['packages/gateway/src/a.ts', "import { connect } from 'node:net';", 'connections of daemons are dialled by'],
    [
      'packages/gateway/src/bin/a.ts',
      "import { x } from '@ogong/memory/store/b';",
      'is loaded only where a setting asks for it',
    ],
    ['packages/gateway/src/a.ts', "export { x } from './gateway-memory.ts';", 'is loaded only where a setting asks'],
    [
      'packages/memory/src/daemon/a.ts',
      "import { x } from '@ogong/postgres/postgres-store';",
      'is loaded only where a setting asks for it',
    ],
    [
      'packages/validator/src/a.ts',
      "import { type M, checkMachine } from '@ogong/attestation/machine-check';",
      'loads code for evidence with `import()`',
    ],
    ['packages/host/src/a.ts', "import * as x509 from '@peculiar/x509';", 'loads code for evidence with `import()`'],
    [
      'packages/validator/src/a.ts',
      "import { request as ask } from 'node:https';",
      'connections of daemons are dialled by',
    ],
    ['packages/router/src/a.ts', "import { createSocket } from 'node:dgram';", 'connections of daemons are dialled by'],
    ['packages/provider/src/a.ts', "import { dialDirect } from '@ogong/host/link/reach/dial';", 'are dialled by'],
    [
      'packages/host/src/link/reach/a.ts',
      "import { dialDirect } from './dial.ts';",
      'connections of daemons are dialled by',
    ],
    [
      'packages/cli/src/a.ts',
      "import { createLinkClient } from '@ogong/host/link/link-client';",
      'connections of daemons are dialled by',
    ],
    ['packages/host/src/views/a.ts', "import { createLinkClient } from '../link/link-client.ts';", 'are dialled by'],
    ['packages/cli/src/a.ts', "const links = createLinkPool({ identity, dialPolicy: 'any' });", 'use toDialPolicy'],
    ['packages/gateway/src/a.ts', 'const answer = await fetch(url);', 'fetch goes to addresses that the operator'],
    [
      'packages/protocol/src/base/a.ts',
      "import { x } from '../verdict/b.ts';",
      'base stands below verdict in packages/protocol',
    ],
    [
      'packages/protocol/src/modality/text/sampling/a.ts',
      "import { x } from '../drift/b.ts';",
      'sampling stands below drift in packages/protocol/src/modality/text',
    ],
    [
      'packages/protocol/src/base/a.ts',
      "import { x } from '../nowhere/b.ts';",
      'nowhere is no floor of packages/protocol',
    ],
    [
      'packages/validator/src/store/a.ts',
      "import { x } from '../validator.ts';",
      'store stands below . in packages/validator/src',
    ],
    ['packages/sdk/src/a.ts', "import { x } from 'node:fs';", 'sdk runs in the browser'],
    ['packages/attestation/src/a.ts', "import { x } from 'node:fs';", 'attestation runs in the browser'],
    ['packages/protocol/src/a.ts', 'const now = Date.now();', 'protocol is pure'],
    ['packages/protocol/src/a.ts', 'const x = Math.random();', 'protocol is pure'],
    ['packages/router/src/a.ts', 'const x = process.env.HOME;', 'only the command line reads process'],
    ['packages/router/src/a.ts', "import { x } from './b';", 'with its extension'],
    ['packages/router/src/a.test.ts', "vi.mock('./b.ts');", 'they mock none'],
    ['packages/router/src/a-fixture.ts', 'afterEach(close);', 'for the first of them alone'],
    [
      'packages/engine/src/a.ts',
      "import {\n  x,\n  y,\n} from '@ogong/host/time/clock';",
      'must not import @ogong/host',
    ],
    ['packages/gateway/src/front/a.ts', 'const MAX_REPLY_BYTES = 1024 * 1024;', 'belongs in packages/protocol'],
    ['packages/validator/src/a.ts', 'const EPOCH_SLACK: bigint = 2n;', 'a limit that two roles share'],
    ['packages/provider/src/provider/a.ts', 'export const MAX_LIFETIME_MS = 600_000;', 'a limit that two roles share'],
    [
      'packages/protocol/src/exchange/ticket.ts',
      'export const CLOCK_TOLERANCE_MS = 30_000;',
      'a limit that two roles share',
    ],
    ...[
      "if (header.tier !== 'replay') return;",
      "const isServed = tier==='tee';",
      'const isServed = "verified" === tier;',
      "    case 'vanilla':",
      "if (modelId.startsWith('ogong/proof/')) return;",
      "if (['replay', 'verified'].includes('replay')) return;",
    ].map((line): [string, string, string] => ['packages/validator/src/a.ts', line, 'a decision of a tier']),
    ['packages/protocol/src/exchange/a.ts', "if (tier === 'replay') return;", 'a decision of a tier'],
    ...[
      "if (endpoint !== 'embedding') return;",
      "const isChat = 'chat' === endpoint;",
      "    case 'completion':",
      "if (endpoints.includes('embedding')) return;",
    ].map((line): [string, string, string] => ['packages/gateway/src/front/a.ts', line, 'a decision of an endpoint']),
    ...[
      "const PREFIXES = { chat: 'chatcmpl', other: 'cmpl' };",
      "  'rerank': 'rank',",
      "  completion: { method: 'POST', path: '/v1/completions' },",
      '  embedding: 3,',
      '  chat: forward,',
      "  endpoint: z.enum(['embedding', 'rerank']),",
      "type Answered = 'chat' | 'completion';",
      'const { completion, embedding } = GATEWAY_ROUTES;',
      'const INFERENCE = /^(chat|completion)$/;',
    ].map((line): [string, string, string] => ['packages/cli/src/watch/a.ts', line, 'lists of endpoints']),
    ...[
      "if (engine.specificationVersion === 'text-v1') return;",
      "const ANSWERS = { 'embedding-v1': answer };",
      "const KINDS = ['embedding'];",
      "if (message.modality !== 'text') return;",
      'if (isText(reply)) return;',
      'if (!isTextHeader(header)) return;',
      'return isTextEndpoint(endpoint) ? 1 : 2;',
      'return card.isEmbedding;',
      "import { x } from '@ogong/protocol/modality/embedding/request';",
      "import {\n  x,\n} from '../../modality/embedding/embedding.ts';",
      "import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';",
    ].map((text): [string, string, string] => [
      'packages/provider/src/provider/a.ts',
      text,
      'a modality is named outside its folders',
    ]),
    [
      'packages/validator/src/store/timed-work.ts',
      'export const x = 1;',
      'it names no modality any more: take it off the list',
    ],
    ['packages/engine/src/a.ts', "const m = await import('@ogong/host/time/clock');", 'must not import @ogong/host'],
  ])('%s: %s', (path, text, rule) => {
    expect(rulesOf(path, text).join('; ')).toContain(rule);
  });

  it('allows limits in their file, limits derived from those, and limits of one side only', () => {
    const limit = 'export const MAX_REQUEST_BYTES = 1024 * 1024;';
    expect(rulesOf('packages/protocol/src/exchange/limits.ts', limit)).toEqual([]);
    expect(rulesOf('packages/engine/src/a.ts', 'const MAX_TEXT_BYTES = 16 * 1024 * 1024;')).toEqual([]);
    expect(rulesOf('packages/provider/src/provider/a.ts', 'const MAX_CALL_BYTES = 4 * MAX_REQUEST_BYTES;')).toEqual([]);
    expect(rulesOf('packages/gateway/src/buy/reply-bounds.ts', 'const MAX_TOKEN_BYTES = 1024;')).toEqual([]);
    expect(rulesOf('packages/gateway/src/front/other.ts', 'const MAX_TOKEN_BYTES = 1024;')).toHaveLength(1);
  });

  it('allows a clock in its file, chance where a role is put together, and types', () => {
    expect(rulesOf('packages/host/src/time/clock.ts', 'export const now = () => Date.now();')).toEqual([]);
    expect(rulesOf('packages/gateway/src/gateway.ts', "import { randomBytes } from 'node:crypto';")).toEqual([]);
    expect(rulesOf('packages/router/src/a.ts', 'const day = new Date(givenMs);')).toEqual([]);
    expect(rulesOf('packages/router/src/bin/a.ts', 'const now = Date.now();')).toEqual([]);
  });

  it('allows naming a tier, and comparing one in its own file and in tests', () => {
    expect(rulesOf('packages/protocol/src/tier/a.ts', "if (tier === 'replay') return;")).toEqual([]);
    expect(rulesOf('packages/protocol/src/exchange/a.test.ts', "if (tier === 'replay') return;")).toEqual([]);
    expect(rulesOf('packages/devnet/src/a.ts', "return 'ogong/verified/local/model'; // === 'replay'")).toEqual([]);
    expect(rulesOf('packages/protocol/src/modality/a.ts', "return 'replay' in reply;")).toEqual([]);
    expect(rulesOf('packages/protocol/src/stage1/a.ts', 'model.startsWith(`ogong/$' + '{header.tier}/`)')).toEqual([]);
  });

  it('allows naming an endpoint, and comparing one in its modality', () => {
    const test = "if (endpoint === 'chat') return;";
    expect(rulesOf('packages/protocol/src/modality/text/a.ts', test)).toEqual([]);
    expect(rulesOf('packages/host/src/openai/a.ts', test)).toEqual([]);
    expect(rulesOf('packages/host/src/http/a.ts', test)).toHaveLength(1);
    expect(rulesOf('packages/gateway/src/front/a.ts', "chat: createHandler('chat'),")).toEqual([]);
    expect(rulesOf('packages/gateway/src/front/a.ts', '  rerank: (context) => answer(context),')).toEqual([]);
    expect(rulesOf('packages/sdk/src/a.ts', "return { chat: { completions: { create: make('chat') } } };")).toEqual([]);
    expect(rulesOf('packages/provider/src/a.ts', 'const shown = { embedding: show(vector), index };')).toEqual([]);
    const record = "  chat: 'chatcmpl',";
    expect(rulesOf('packages/protocol/src/modality/text/a.ts', record)).toEqual([]);
    expect(rulesOf('packages/provider/src/local/ollama/routes.ts', record)).toEqual([]);
    expect(rulesOf('packages/provider/src/local/ollama/other.ts', record)).toHaveLength(1);
  });

  it('allows naming a modality in its folders, in registries, in files on the list, and in tests', () => {
    const named = "const BY_ENGINE = { 'text-v1': text, 'embedding-v1': embedding };";
    const allowed = [
      'packages/protocol/src/modality/a.ts',
      'packages/provider/src/modality/registry.ts',
      'packages/engine/src/open-engine.ts',
      'packages/engine/src/llama-cpp/a.ts',
      'packages/sdk/src/client.ts',
      'packages/provider/src/verifier/a.test.ts',
      'lab/src/a.ts',
    ];
    for (const path of allowed) expect(rulesOf(path, named)).toEqual([]);
    expect(rulesOf('packages/provider/src/verifier/a.ts', named)).toHaveLength(1);
    const unnamed = "const kind = prompt.kind === 'text' && findModality(engine).writes; // isText, 'embedding'";
    expect(rulesOf('packages/provider/src/verifier/a.ts', unnamed)).toEqual([]);
    const text = "import { x } from '@ogong/protocol/modality/text/request/request';";
    expect(rulesOf('packages/provider/src/verifier/a.ts', text)).toEqual([]);
  });

  it('accepts the allowed directions', () => {
    const late =
      "import type { X } from './gateway-memory.ts';\nconst { y } = await import('../open-gateway-memories.ts');";
    expect(rulesOf('packages/gateway/src/bin/a.ts', late)).toEqual([]);
    const evidence =
      "import type { M } from '@ogong/attestation/evidence';\nconst { m } = await import('@ogong/attestation/machine-check');";
    expect(rulesOf('packages/validator/src/a.ts', evidence)).toEqual([]);
    expect(rulesOf('packages/router/src/a.ts', "import { x } from '@ogong/protocol/exchange/match';")).toEqual([]);
    expect(
      rulesOf('packages/protocol/src/base/a.ts', "import { x } from './b.ts';\n// Date.now is the caller's"),
    ).toEqual([]);
    expect(rulesOf('packages/protocol/src/a.test.ts', "import { readFileSync } from 'node:fs';")).toEqual([]);
    expect(rulesOf('packages/protocol/src/verdict/a.ts', "import { x } from '../base/b.ts';")).toEqual([]);
    expect(rulesOf('packages/protocol/src/base/a.test.ts', "import { x } from '../verdict/b.ts';")).toEqual([]);
    expect(rulesOf('packages/cli/src/bin/ogong.ts', 'process.exit(0);')).toEqual([]);
    expect(rulesOf('packages/cli/src/a.process.test.ts', "vi.mock('./b.ts');")).toEqual([]);
    expect(rulesOf('packages/cli/src/a.test.ts', 'afterEach(close);')).toEqual([]);
    expect(rulesOf('packages/testing/src/a-compliance.ts', '  afterEach(close);')).toEqual([]);
  });
});
