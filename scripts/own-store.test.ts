import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runConfig as calibrateConfig } from '@ogong/cli/calibrate/calibrate-run';
import { listConfig } from '@ogong/provider/commands/model-commands';
import { runConfig } from '@ogong/provider/commands/run-command';
import { localConfig, serveConfig } from '@ogong/provider/provider/provider-config';
import { verifierConfig } from '@ogong/provider/verifier/verifier-config';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import setup from './own-store.setup.ts';
import { root } from './steps.ts';

it('tests have a store and a folder of their own, in this process and in those that it starts', () => {
  for (const name of ['OGONG_MODELS_DIR', 'OGONG_LAB_MODELS_DIR', 'OGONG_MESH_DIR', 'TMPDIR']) {
    expect(process.env[name]).toMatch(/[/\\]ogong-test-\w{6}/);
  }
  expect(tmpdir()).toBe(process.env.OGONG_TEST_FOLDER);
});

it('removes the settings of a user, and reaches servers of tests past any proxy', () => {
  const before = { ...process.env };
  try {
    delete process.env.OGONG_TEST_FOLDER;
    Object.assign(process.env, { OGONG_ALPHA: '7', PGSSLMODE: 'require', OGONG_LONG: '0', NO_PROXY: 'other.example' });
    const end = setup();
    expect([process.env.OGONG_ALPHA, process.env.PGSSLMODE]).toEqual([undefined, undefined]);
    expect([process.env.OGONG_LONG, process.env.NO_PROXY]).toEqual(['0', '127.0.0.1,localhost,::1,other.example']);
    const { OGONG_TEST_FOLDER: folder = '' } = process.env;
    expect([folder, existsSync(folder)]).toEqual([tmpdir(), true]);
    // Another project of the same run has the same folder.
    setup()();
    end();
    expect(existsSync(folder)).toBe(false);
  } finally {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before);
  }
});

it('all programs mean the same store', () => {
  const configs = [serveConfig, localConfig, runConfig, listConfig, verifierConfig, calibrateConfig];
  const fields = configs.map(({ definition }) => definition.fields.modelsDir);
  expect(new Set(fields.map(({ env }) => env))).toEqual(new Set(['OGONG_MODELS_DIR']));
  expect(new Set(fields.map((field) => field.default))).toEqual(new Set([join(homedir(), '.ogong', 'models')]));
});

it('only one file says where the store is, and one where that of the laboratory is', () => {
  const files = ['packages', 'lab'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
      .map(({ parentPath, name }) => relative(root, join(parentPath, name)))
      .filter((path) => !/node_modules|\/\.tsc\//.test(path)),
  );
  const naming = files.filter((path) =>
    /OGONG_(?:LAB_)?MODELS_DIR|homedir\(\)[^;\n]*'models'/.test(readFileSync(join(root, path), 'utf8')),
  );
  expect(naming.sort()).toEqual(['lab/src/lab-models.ts', 'packages/host/src/config/common-fields.ts']);
});

it('properties draw from the seed of the run', () => {
  const draw = (seed?: number) => fc.sample(fc.integer(), { numRuns: 5, ...(seed !== undefined && { seed }) });
  expect(draw()).toEqual(draw(Number(process.env.OGONG_SEED ?? 1)));
  expect(draw()).not.toEqual(draw(2_000_000));
});
