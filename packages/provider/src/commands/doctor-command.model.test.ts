import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '@ogong/host/log/errors';
import { afterAll, expect, it } from 'vitest';
import { doctorCommand } from './doctor-command.ts';

const MODEL = `file:${fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url))}`;
const directory = mkdtempSync(join(tmpdir(), 'ogong-doctor-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function doctor(...argv: string[]): Promise<string> {
  let out = '';
  const modelsDir = join(directory, 'not', 'there', 'yet');
  const code = await doctorCommand.run([...argv, '--models-dir', modelsDir], {
    write: (text) => (out += text),
    writeError: () => {},
  });
  expect(code).toBe(EXIT.ok);
  return out;
}

it('says what the machine has, in words and as JSON', async () => {
  const text = await doctor();
  for (const row of ['processor', 'memory', 'disk', 'llama.cpp', 'CPU', 'cards', 'CUDA', 'Vulkan', 'Metal', 'advice'])
    expect(text).toMatch(new RegExp(`^${row} `, 'm'));
  const { machine, model } = JSON.parse(await doctor('--json'));
  expect(machine.freeDiskBytes).toBeGreaterThan(0);
  expect(machine.cpuLibraries).toContain(machine.chosenCpuLibrary);
  expect(machine.choice.backends.map(({ backend }: { backend: string }) => backend)).toContain('cuda');
  expect(model).toBeUndefined();
});

it('says how a model fits and runs, by the class that is asked for', async () => {
  const { model } = JSON.parse(await doctor(MODEL, '--json', '--n-ctx', '256', '--sequences', '2'));
  expect(model).toMatchObject({ isExact: true, contextSize: 256, sequences: 2 });
  expect(model.decodeRate).toBeGreaterThan(0);
  expect(model.promptRate).toBeGreaterThan(0);
  expect(model.advice).toMatch(/^q8_0 in place of f32, or --kernels single: /);
  const fast = await doctor(MODEL, '--n-ctx', '256', '--kernels', 'fast');
  expect(fast).toContain('by scores: this class is not exact');
  expect(fast).not.toContain('q8_0');
});
