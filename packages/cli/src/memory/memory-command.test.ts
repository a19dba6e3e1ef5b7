import { writeFileSync } from 'node:fs';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { systemClock } from '@ogong/host/time/clock';
import { createMemoryd } from '@ogong/memory/daemon/memoryd';
import { createPlainMemoryStore } from '@ogong/testing/memory/plain-memory-store';
import { carelessExtractor, goodExtractor } from '@ogong/testing/memory/scripted-extractors';
import { createScriptedModels } from '@ogong/testing/memory/scripted-models';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memoryCommand } from './memory-command.ts';

const directory = createTestDirectory('memory-command');
const NO_KEYS = {
  ...{ find: async () => undefined, isEmpty: async () => true, list: async () => [], revoke: async () => false },
  add: () => Promise.reject(new Error('no test makes a key')),
};
const service = createService();
const other = createService();
const reader = createService();
const repeating = createService(carelessExtractor);

function createService(script = goodExtractor) {
  return createMemoryd(
    {
      ...{
        bind: { host: '127.0.0.1', port: 0 },
        maxConnections: 16,
        maxConnectionsPerAddress: 16,
        origins: [],
        hosts: [],
      },
      bodyLimits: { maxBytes: 1_000_000, timeoutMs: 5_000 },
    },
    {
      store: createPlainMemoryStore(systemClock),
      keys: NO_KEYS,
      models: createScriptedModels(script, { isSigned: true }),
      ...{ clock: systemClock, log: createLogger({ name: 'test', level: 'silent' }), metrics: createMetrics('memory') },
    },
  );
}

beforeAll(() => Promise.all([service, other, reader, repeating].map((one) => one.start())));
afterAll(async () => {
  await Promise.all([service, other, reader, repeating].map((one) => one.stop()));
  directory.remove();
});

async function run(argv: readonly string[], to = service) {
  const [written, errors]: [string[], string[]] = [[], []];
  const output = {
    write: (text: string) => void written.push(text),
    writeError: (text: string) => void errors.push(text),
  };
  const [verb = '', ...rest] = argv;
  const address = `http://127.0.0.1:${to.address().port}`;
  const code = await memoryCommand.run([verb, '--memory', address, ...rest], output);
  return { code, text: written.join(''), errors: errors.join('') };
}

it('remembers, finds, answers with the memory and its receipt, verifies, and moves the memories elsewhere', async () => {
  const added = await run(['add', 'I live in Porto. Is it warm?']);
  const [, id = '', receipt] =
    /^The user lives in Porto\n {2}([0-9a-f]{32}) from "I live in Porto\.", receipt ([0-9a-f]{64})\n$/.exec(
      added.text,
    ) ?? [];
  expect(receipt).toBeDefined();
  expect((await run(['add', 'I live in Porto. Is it warm?'])).errors).toBe('this text was added before\n');
  expect((await run(['search', 'home in Porto'])).text).toBe(added.text);

  const answer = await run(['ask', 'Where do I live?']);
  expect(answer.text).toContain(`The user lives in Porto\n\n${added.text}answered by `);
  expect(answer.text).toMatch(/, receipt [0-9a-f]{64}\n$/);

  const verified = await run(['verify', id]);
  expect(verified.text).toMatch(/^ok +candidate /m);
  expect(verified.code, 'the made-up network is not trusted').toBe(3);

  const exported = await run(['export']);
  const path = `${directory.path}/memories.jsonl`;
  writeFileSync(path, exported.text);
  expect(await run(['import', path], other)).toMatchObject({ code: 0, text: '1 imported, 0 known\n' });
  expect((await run(['import', path], other)).text).toBe('0 imported, 1 known\n');
  expect((await run(['search', 'Porto'], other)).text).toBe(added.text);
  expect((await run(['export'], other)).text).toBe(exported.text);

  const forged = exported.text.replaceAll('The user lives in Porto', 'The user lives in Paris');
  writeFileSync(path, forged.replaceAll(id, '0'.repeat(32)));
  await expect(run(['import', path], other)).rejects.toThrow(
    /memories\.jsonl, line 1: .*the proof of the memory fails: candidate/,
  );
  writeFileSync(path, `${exported.text}my secret`);
  await expect(run(['import', path], other)).rejects.toThrow(/memories\.jsonl, line 2: it is no memory of an export$/);
});

it('verifies a memory that repeats a sentence in another language', async () => {
  const { text } = await run(['add', 'Ich wohne nicht in Porto.'], repeating);
  const id = /^The user says: Ich wohne nicht in Porto\.\n {2}([0-9a-f]{32}) from /.exec(text)?.[1] ?? '';
  const verified = await run(['verify', id, '--allow', 'network'], repeating);
  expect(verified.text).toMatch(/^ok +quote /m);
  expect(verified.text).toMatch(/^ok +candidate /m);
  expect(verified.text).not.toContain('FAIL');
});

it('reads an export, and nothing of it twice', async () => {
  const path = `${directory.path}/chat.txt`;
  writeFileSync(path, '[18/05/2026, 12:30:00] Ana: I play chess.\n[18/05/2026, 12:31:00] Bo: I play tennis.');
  const argv = ['read', path, '--source', 'whatsapp', '--speaker', 'Ana'];
  expect((await run(argv, reader)).text).toBe('1 memories stored, 0 known, 0 refused\n');
  expect((await run(argv, reader)).text).toBe('0 memories stored, 0 known, 0 refused\n');
  expect((await run(['search', 'chess'], reader)).text).toContain('The user plays chess\n');
  await expect(run(['read', path, '--source', 'claude'], reader)).rejects.toThrow('not JSON');
  writeFileSync(`${directory.path}/notes.md`, 'I own a boat.');
  const notes = await run(['read', `${directory.path}/notes.md`, '--source', 'file'], reader);
  expect(notes.text).toBe('1 memories stored, 0 known, 0 refused\n');
  for (const [name, message] of [
    ['notes.pdf', 'not a PDF'],
    ['notes.docx', 'notes.docx: text, Markdown and PDF are read'],
  ]) {
    writeFileSync(`${directory.path}/${name}`, 'a');
    const asked = run(['read', `${directory.path}/${name}`, '--source', 'file'], reader);
    await expect(asked).rejects.toThrow(message);
  }
});

it('says that nothing answers', async () => {
  const output = { write: () => undefined, writeError: () => undefined };
  const asked = memoryCommand.run(['search', '--memory', 'http://127.0.0.1:1', 'a'], output);
  await expect(asked).rejects.toThrow('no memory service answers at http://127.0.0.1:1');
});
