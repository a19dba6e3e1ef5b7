import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readTableFile } from '@ogong/host/drift-table/table-file';
import { EXIT } from '@ogong/host/log/errors';
import { getLargest } from '@ogong/protocol/modality/text/drift/distance-rows';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { afterAll, describe, expect, it } from 'vitest';
import { calibrateCommand } from './calibrate-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-calibrate-pictures-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const engineDir = join(homedir(), '.ogong', 'engine');
const missing = (['cpu', 'wasm'] as const).filter((backend) => findOnnxRuntime(backend, engineDir) === undefined);
const name = 'ogong calibrate pictures';

async function run(...argv: string[]) {
  const written: string[] = [];
  const output = { write: (part: string) => void written.push(part), writeError: () => undefined };
  const code = await calibrateCommand.run(argv, output);
  return { code, text: written.join('') };
}

describe.skipIf(missing.length > 0)(missing.length === 0 ? name : `${name} (skipped: no ${missing.join(', ')})`, () => {
  const [first, second] = [join(directory, 'first.json'), join(directory, 'second.json')];

  it('measures both directions of two classes, and keeps the rows of the table before', async () => {
    const flow = ['pictures', '--model', pathOfPictureModel('tiny-shapes-flow-dit'), '--replies', '50', '--steps', '2'];
    const { code, text } = await run(...flow, '--out', first, '--json');
    expect(code).toBe(EXIT.ok);
    const { table } = readTableFile(crypto, first);
    expect(JSON.parse(text)).toMatchObject({ path: first, version: 1, distances: [{ replies: 50 }, { replies: 50 }] });
    expect(table.distances).toHaveLength(2);
    for (const row of table.distances ?? []) {
      expect(row.providerClass).not.toBe(row.verifierClass);
      const output = getLargest(row, 'output') as number;
      expect(output).toBeGreaterThan(1e-8);
      // Weights in f16 differ by 1.3e-4 or more (docs/adr/pictures.md).
      expect(output).toBeLessThan(1e-4);
    }
    const again = await run(...flow, '--previous', first, '--code-version', 'newer', '--out', second);
    expect(again.text).toMatch(/seen by .*: outputs differ by \S+ at most, pictures by \S+, 50 pictures/);
    const next = readTableFile(crypto, second).table;
    expect([next.version, next.distances?.map(({ codeVersion }) => codeVersion)]).toEqual([2, ['newer', 'newer']]);
    expect((await run('show', second)).text).toContain('largest   output ');
    expect((await run('diff', first, second)).text).toContain('distances: 50 replies of ogong-');
    expect((await run('merge', first, second, '--out', second)).code).toBe(EXIT.ok);
    expect(readTableFile(crypto, second).table.distances).toHaveLength(2);
  });
});
