import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { runConfig as calibrateConfig } from '@ogong/cli/calibrate/calibrate-run';
import { listConfig } from '@ogong/provider/commands/model-commands';
import { runConfig } from '@ogong/provider/commands/run-command';
import { localConfig, serveConfig } from '@ogong/provider/provider/provider-config';
import { verifierConfig } from '@ogong/provider/verifier/verifier-config';
import { expect, it } from 'vitest';
import { root } from './steps.ts';

it('tests have a store of their own, in this process and in those that it starts', () => {
  for (const name of ['OGONG_MODELS_DIR', 'OGONG_LAB_MODELS_DIR']) {
    expect(process.env[name]).toMatch(/ogong-test-models-/);
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
