import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { ConvertedModel } from '@ogong/models/conversion/convert';
import { computeModelRoot } from '@ogong/models/model-root';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatBytes } from '@ogong/provider/commands/format';
import { convertModel } from './convert-model.ts';

const program = 'ogong model convert';

export const convertConfig = defineConfig({
  name: program,
  examples: ['ogong model convert Qwen3-0.6B --to qwen3-0.6b-bf16.gguf'],
  summary:
    'Converts a folder of transformers with safetensors into a GGUF file, which this network serves.\n' +
    'It knows dense models of the families llama, qwen2 and qwen3. Equal files give equal bytes.',
  fields: {
    to: { schema: text, label: '<file.gguf>', required: true, description: 'file to write; it may not exist yet' },
    json: jsonField,
  },
  positionals: { label: '<folder>', min: 1, max: 1 },
});

export async function convertToGguf(argv: readonly string[], output: Output): Promise<number> {
  const parsed = convertConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { to, json } = parsed.values;
  const target = resolve(to);
  if (!/\.gguf$/i.test(target)) throw new ConfigError(program, [`--to ${to}: the name of the file ends with .gguf`]);
  if (existsSync(target))
    throw new ConfigError(program, [`--to ${to} exists already; move it away or choose another name`]);
  const folder = resolve(parsed.positionals[0] as string);
  const { architecture, sizeBytes, sha256 } = await convertUntilStopped(folder, target, output);
  const modelRoot = toHex(computeModelRoot([sha256]));
  if (json) printJson(output, { path: target, architecture, sizeBytes, sha256: toHex(sha256), modelRoot });
  else output.write(`${architecture}  ${formatBytes(sizeBytes)}  root ${modelRoot}\n${target}\n`);
  return EXIT.ok;
}

/** Converts a folder until it is done or Ctrl-C ends it. */
async function convertUntilStopped(folder: string, target: string, output: Output): Promise<ConvertedModel> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  try {
    return await convertModel(folder, target, { output, signal: stopping.signal });
  } finally {
    process.off('SIGINT', stop);
  }
}
