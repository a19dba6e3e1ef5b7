import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPluginEngine } from '@ogong/engine/upstream/plugin-engine';
import { decodeDraws, encodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import { afterAll, describe, expect, it } from 'vitest';
import { describeEngine } from '../engine/compliance.ts';
import { collectReply, createRequest } from '../engine/compliance-requests.ts';
import { createFakeEngine } from '../engine/fake.ts';
import { type PluginServerOptions, startPluginServer } from './plugin-server.ts';

const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});

async function open(
  { sequences = 8, contextSize = 256, maxQueue = 32, patienceMs = 30_000 } = {},
  bend: Partial<PluginServerOptions> = {},
) {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-plugin-'));
  const computing = createFakeEngine({ contextSize, sequences: 16, stepMs: 1, exact: false });
  const server = await startPluginServer({ directory, engine: computing, model: 'toy', contextSize, ...bend });
  closing.push(
    () => server.close(),
    () => computing.close(),
    () => rmSync(directory, { recursive: true, force: true }),
  );
  const vocabulary = createFakeEngine({ contextSize });
  const { address } = server;
  const engine = await createPluginEngine({
    address,
    directory,
    vocabulary,
    sequences,
    contextSize,
    maxQueue,
    patienceMs,
  });
  return { engine, directory, server };
}

describeEngine({
  name: 'an engine in front of a recorded vLLM with the plugin',
  lacks: ['exact', 'trace', 'edges', 'score', 'resume', 'grammar', 'repetition'],
  prompts: ['Once upon a time', 'a', 'é🙂'],
  open: (options) => open(options).then(({ engine }) => engine),
});

describe('a window of a plugin', () => {
  const reply = async (bendWindow: PluginServerOptions['bendWindow']) => {
    const { engine } = await open({}, bendWindow && { bendWindow });
    return collectReply(
      engine.generate(createRequest('a', { maxTokens: 40, bias: [1, 2].map((id) => ({ id, biasQ16: -6_000_000 })) })),
    );
  };
  const vocabularySize = 320;

  it('is kept no longer than its reply', async () => {
    const { engine, directory } = await open();
    await collectReply(engine.generate(createRequest('a', { maxTokens: 40 })));
    expect(readdirSync(directory)).toEqual([]);
    await engine.close();
  });

  it.each<[what: string, bend: NonNullable<PluginServerOptions['bendWindow']>, words: RegExp]>([
    ['no sketches', ({ draws }) => ({ draws, sketch: new Uint8Array() }), /makes no sketches/],
    ['a window that nobody reads', ({ draws, sketch }) => ({ draws: draws.with(0, 9), sketch }), /that nobody reads/],
    [
      'sketches of fewer positions',
      ({ draws, sketch }) => ({ draws, sketch: sketch.with(1, 1) }),
      /nobody reads|do not fit/,
    ],
    [
      'another token than was sent',
      ({ draws, sketch }) => {
        const { rows, runs } = decodeDraws(draws, { vocabularySize });
        const bent = rows.map((row, i) => (i === 3 ? { ...row, rank: (row.rank + 1) % row.ids.length } : row));
        return { draws: encodeDraws({ rows: bent, runs }, { vocabularySize }), sketch };
      },
      /another token than vLLM sent/,
    ],
    [
      'other chances than its key draws by',
      ({ draws, sketch }) => {
        const { rows, runs } = decodeDraws(draws, { vocabularySize });
        const bent = rows.map((row) => ({ ...row, q: row.q.map((_, j) => j * 20_000) }));
        return { draws: encodeDraws({ rows: bent, runs }, { vocabularySize }), sketch };
      },
      /another token at position \d+ than its key does/,
    ],
  ])('is refused: %s', async (_what, bend, words) => {
    await expect(reply(bend)).rejects.toMatchObject({ code: 'engine-crashed', message: expect.stringMatching(words) });
  });

  it('has a deadline', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'ogong-elsewhere-'));
    closing.push(() => rmSync(elsewhere, { recursive: true, force: true }));
    const { engine } = await open({ patienceMs: 500 }, { directory: elsewhere });
    await expect(collectReply(engine.generate(createRequest('a', { maxTokens: 4 })))).rejects.toMatchObject({
      message: expect.stringMatching(/wrote 0 positions of \d/),
    });
  });
});
