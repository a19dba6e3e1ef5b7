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
  const [path, merged] = [join(directory, 'table.json'), join(directory, 'merged.json')];

  it('measures both directions of two classes', async () => {
    const flow = ['pictures', '--model', pathOfPictureModel('tiny-shapes-flow-dit'), '--replies', '50', '--steps', '2'];
    const { code, text } = await run(...flow, '--out', path);
    expect(code).toBe(EXIT.ok);
    expect(text).toMatch(/seen by .*: outputs differ by \S+ at most, pictures by \S+, 50 pictures/);
    expect(text).toMatch(/table\.json: 2 rows measured, version 1, hash [0-9a-f]{64}/);
    const { table } = readTableFile(crypto, path);
    expect(table.distances).toHaveLength(2);
    for (const row of table.distances ?? []) {
      expect(row.providerClass).not.toBe(row.verifierClass);
      const output = getLargest(row, 'output') as number;
      expect(output).toBeGreaterThan(1e-8);
      // Weights in f16 differ by 1.3e-4 or more (docs/adr/pictures.md).
      expect(output).toBeLessThan(1e-4);
    }
    expect((await run('show', path)).text).toContain('largest   output ');
    expect((await run('merge', path, path, '--out', merged)).code).toBe(EXIT.ok);
    expect(readTableFile(crypto, merged).table.distances).toEqual(table.distances);
  });
});
